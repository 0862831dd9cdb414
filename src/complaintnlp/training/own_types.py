"""A company's own names of failures, mapped onto the 13 failure types by a TOML file.

    [failure_types]
    "late delivery" = "delay_wait"
    "driver was rude" = "staff_conduct"
    "praise" = "none"

Several names may mean one type; case and outer spaces do not count. The ids themselves, their display names in the four
languages, and ``none`` are always known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, FAILURE_TYPES

NONE: Final = "none"
"""What a cell holds where the text names no failure, and what a name of no failure is mapped to."""

_TABLE: Final = "failure_types"


def folded(name: str) -> str:
    """A name without what does not count: case, outer and repeated spaces."""
    return " ".join(name.casefold().split())


def load_type_names(path: Path | None = None) -> Mapping[str, str]:
    """Folded names with the failure type, or `NONE`, that each stands for.

    Args:
        path: a company's own file; only the taxonomy's own names if None.

    Raises:
        ConfigurationError: the file is missing or no valid TOML, or maps a name to what is no failure type.
    """
    names = {folded(name): label.id for label in FAILURE_TYPES.values() for name in label.names.values()}
    names |= {name: name for name in (*FAILURE_TYPE_IDS, NONE)}
    if path is not None:
        names |= {folded(name): _checked(path, name, value) for name, value in _entries(path).items()}
    return names


def _entries(path: Path) -> dict[str, object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"taxonomy file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"taxonomy file {path} cannot be read: {error}") from None
    unknown = ", ".join(set(content) - {_TABLE})
    entries = content.get(_TABLE)
    if unknown or not isinstance(entries, dict):
        raise ConfigurationError(
            f"taxonomy file {path} must hold one table [{_TABLE}] of names and types"
            + (f", and nothing else: {unknown} is not known" if unknown else "")
        )
    return entries


def _checked(path: Path, name: str, value: object) -> str:
    if value not in (*FAILURE_TYPE_IDS, NONE):
        raise ConfigurationError(
            f"taxonomy file {path}: {name!r} = {value!r} is not one of {', '.join(FAILURE_TYPE_IDS)}, {NONE}; "
            "a type of your own cannot be added, map the name onto the nearest of these"
        )
    return str(value)
