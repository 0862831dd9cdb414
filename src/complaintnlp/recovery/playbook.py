"""The playbook: what to do for each failure type and severity, as data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import Element, LanguageCode, Severity, explain
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, SEVERITY_IDS


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
    """The playbook of the package, checked.

    Raises:
        ConfigurationError: a row is missing, or names an action that does not exist.
    """
    data = tomllib.loads(resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8"))
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(f"{_FILE}: {explain(error, Playbook)}") from None
    for failure_type in FAILURE_TYPE_IDS:
        missing = [level for level in SEVERITY_IDS if level not in playbook.matrix.get(failure_type, {})]
        if missing:
            raise ConfigurationError(f"{_FILE}: matrix.{failure_type} lacks {', '.join(missing)}")
        _check_actions(f"matrix.{failure_type}", playbook.matrix[failure_type], playbook)
    _check_actions("unnamed", playbook.unnamed, playbook)
    return playbook


def _check_actions(where: str, rows: Mapping[str, Row] | Mapping[Severity, Row], playbook: Playbook) -> None:
    for key, row in rows.items():
        unknown = [action for action in row.actions if action not in playbook.actions]
        if unknown:
            raise ConfigurationError(
                f"{_FILE}, {where}.{key}: unknown action {unknown[0]!r}; allowed: {', '.join(playbook.actions)}"
            )
