"""The playbook: what to do for each failure type and severity, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Container, Iterable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import Element, LanguageCode, Severity, explain
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, NPS_CLASS_IDS, SEVERITY_IDS


class Action(BaseModel):
    """One action of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    element: Element
    owner: str
    text: dict[LanguageCode, str]


class Row(BaseModel):
    """The plan for one failure type at one severity, as the playbook words it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: tuple[str, ...]
    owner: str
    first_reply: str
    fix: str
    channel: str
    band: str


class Playbook(BaseModel):
    """Actions, a row for every failure type and severity, and rows for texts that name no failure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    actions: dict[str, Action]
    matrix: dict[str, dict[Severity, Row]]
    unnamed: dict[str, Row]


_FILE: Final = "playbook.toml"


@cache
def load_playbook() -> Playbook:
    """The playbook of the package, checked; read once.

    Raises:
        ConfigurationError: as `read_playbook` says.
    """
    return read_playbook(resources.files(__package__).joinpath(_FILE))


def read_playbook(source: Traversable) -> Playbook:
    """Read and check a playbook file.

    Raises:
        ConfigurationError: the file is no TOML, a row or a language is missing, or a row names an action that
            does not exist.
    """
    file = source.name
    try:
        playbook = Playbook.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {explain(error, Playbook)}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    for name, action in playbook.actions.items():
        _check_complete(file, f"actions.{name}.text", LANGUAGES, action.text)
    for failure_type in FAILURE_TYPE_IDS:
        _check_complete(file, f"matrix.{failure_type}", SEVERITY_IDS, playbook.matrix.get(failure_type, {}))
        _check_actions(file, f"matrix.{failure_type}", playbook.matrix[failure_type], playbook)
    _check_complete(file, "unnamed", NPS_CLASS_IDS, playbook.unnamed)
    _check_actions(file, "unnamed", playbook.unnamed, playbook)
    return playbook


def _check_complete(file: str, where: str, wanted: Iterable[str], found: Container[str]) -> None:
    missing = [key for key in wanted if key not in found]
    if missing:
        raise ConfigurationError(f"{file}: {where} lacks {', '.join(missing)}")


def _check_actions(file: str, where: str, rows: Mapping[str, Row] | Mapping[Severity, Row], playbook: Playbook) -> None:
    for key, row in rows.items():
        unknown = [action for action in row.actions if action not in playbook.actions]
        if unknown:
            raise ConfigurationError(
                f"{file}, {where}.{key}: unknown action {unknown[0]!r}; allowed: {', '.join(playbook.actions)}"
            )
