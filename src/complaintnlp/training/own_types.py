"""A company's own failures in a TOML file: names mapped onto the 13 failure types, and new types beside these.

    [failure_types]
    "late delivery" = "delay_wait"
    "battery" = "battery_life"
    "praise" = "none"

    [new_types.battery_life]
    names = { en = "Battery life", tr = "Pil ömrü" }
    like = "poor_quality"

Several names may mean one type; case and outer spaces do not count. The ids themselves, their display names in the four
languages, and ``none`` are always known. A new type is handled like the known one that it names: severity, plan and
reply are those.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.own_type import OwnType, merged
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, FAILURE_TYPES, Label

NONE: Final = "none"
"""What a cell holds where the text names no failure, and what a name of no failure is mapped to."""

MAX_OWN_TYPES: Final = 20
_NAMES: Final = "failure_types"
_NEW: Final = "new_types"


def folded(name: str) -> str:
    """A name without what does not count: case, outer and repeated spaces."""
    return " ".join(name.casefold().split())


def load_own_types(path: Path | None = None, kept: Iterable[OwnType] = ()) -> tuple[OwnType, ...]:
    """Failure types that a model trained with this file has beside the 13.

    Args:
        path: a company's own file; only ``kept`` if None.
        kept: those that the model to start from has already; they come first.

    Raises:
        ConfigurationError: the file is missing or no valid TOML, or a new type is wrong; the message names the key.
    """
    new = []
    for name, entry in _tables(path)[_NEW].items():
        try:
            new.append(OwnType.of(name, entry))
        except ValueError as error:
            raise ConfigurationError(f"taxonomy file {path}, {_NEW}.{name}: {error}") from None
    types = merged(kept, new)
    if len(types) > MAX_OWN_TYPES:
        raise ConfigurationError(
            f"taxonomy file {path}, {_NEW}: {len(types)} types beside the 13, those of the model to start from "
            f"included; at most {MAX_OWN_TYPES} are allowed"
        )
    return types


def load_type_names(path: Path | None = None, kept: Iterable[OwnType] = ()) -> Mapping[str, str]:
    """Folded names with the failure type, or `NONE`, that each stands for.

    Args:
        path: a company's own file; only the taxonomy's own names if None.
        kept: own failure types that the model to start from has already.

    Raises:
        ConfigurationError: as `load_own_types`; or a name is mapped to what is no failure type, or a new type has a
            name that means another.
    """
    own = load_own_types(path, kept)
    names = {**_names_of(FAILURE_TYPES.values()), NONE: NONE}
    for label in own:
        for name, code in _names_of([label]).items():
            if names.setdefault(name, code) != code:
                raise ConfigurationError(
                    f"taxonomy file {path}, {_NEW}.{label.id}: the name {name!r} means {names[name]} already; "
                    "name it otherwise"
                )
    allowed = (*FAILURE_TYPE_IDS, *(label.id for label in own), NONE)
    return names | {folded(name): _checked(path, name, code, allowed) for name, code in _tables(path)[_NAMES].items()}


def _names_of(labels: Iterable[Label]) -> dict[str, str]:
    return {folded(name): label.id for label in labels for name in (label.id, *label.names.values())}


def _tables(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None:
        return {_NAMES: {}, _NEW: {}}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"taxonomy file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"taxonomy file {path} cannot be read: {error}") from None
    unknown = ", ".join(set(content) - {_NAMES, _NEW})
    if unknown or not content or not all(isinstance(table, dict) for table in content.values()):
        raise ConfigurationError(
            f"taxonomy file {path} must hold a table [{_NAMES}] of names and types, tables [{_NEW}.ID], or both"
            + (f", and nothing else: {unknown} is not known" if unknown else "")
        )
    return {_NAMES: {}, _NEW: {}, **content}


def _checked(path: Path | None, name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ConfigurationError(
            f"taxonomy file {path}: {name!r} = {value!r} is not one of {', '.join(allowed)}; "
            f"map the name onto the nearest of these, or add a table [{_NEW}.{value}]"
        )
    return str(value)
