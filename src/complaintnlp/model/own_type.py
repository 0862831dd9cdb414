"""Failure types of a model's own, beside the 13 that every model knows.

The product has no recovery for what it does not know, so each names the known type that it is handled like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, Label

_ID: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TAKEN: Final = (*FAILURE_TYPE_IDS, "none", "intensity", "severity")
"""Ids that mean something else in a label file or in an answer."""


@dataclass(frozen=True, slots=True)
class OwnType(Label):
    """A failure type that a model was taught by its user.

    Attributes:
        like: which of the 13 it is handled like: base severity, plan, reply and deadlines are those.
        threshold: probability from which on it is answered.
    """

    like: str
    threshold: float = 0.5

    @classmethod
    def of(cls, name: str, entry: object, threshold: object = 0.5) -> OwnType:
        """Check and build one.

        Args:
            name: its id.
            entry: a table of ``names`` (by language, English at least) and ``like``.
            threshold: where it is known.

        Raises:
            ValueError: something is wrong; the message names the key and what is allowed.
        """
        if not _ID.fullmatch(name) or name in _TAKEN:
            raise ValueError(f"the id must be snake_case, such as battery_life, and none of {', '.join(_TAKEN)}")
        if not isinstance(entry, Mapping) or set(entry) != {"names", "like"}:
            raise ValueError("it must be a table of names and like, and hold nothing else")
        names, like = entry["names"], entry["like"]
        if not isinstance(names, Mapping) or "en" not in names or not set(names) <= set(LANGUAGES):
            raise ValueError(f"names must hold a name in en, and may in {', '.join(LANGUAGES)}")
        if not all(isinstance(each, str) and each.strip() for each in names.values()):
            raise ValueError("names must be texts, none of them empty")
        if like not in FAILURE_TYPE_IDS:
            raise ValueError(f"like = {like!r} is not one of {', '.join(FAILURE_TYPE_IDS)}")
        if not isinstance(threshold, (int, float)) or not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold {threshold!r} must be a number from 0 to 1")
        return cls(name, dict(names), f"handled like {like}", like, float(threshold))

    def to_dict(self) -> dict[str, Any]:
        """The entry of a model folder."""
        return {"id": self.id, "names": dict(self.names), "like": self.like, "threshold": self.threshold}


def own_types_from(entries: Sequence[Mapping[str, Any]]) -> tuple[OwnType, ...]:
    """The ``own_failure_types`` of a model folder.

    Raises:
        KeyError, TypeError, ValueError: they are incomplete or hold a wrong value.
    """
    types = tuple(
        OwnType.of(entry["id"], {"names": entry["names"], "like": entry["like"]}, entry["threshold"])
        for entry in entries
    )
    if len({own.id for own in types}) < len(types):
        raise ValueError("an own failure type stands twice")
    return types


def merged(kept: Iterable[OwnType], more: Iterable[OwnType]) -> tuple[OwnType, ...]:
    """The types of a model, in the order of its outputs, and then the new ones.

    A type that is named again gets its new names and ``like``, and keeps its place and threshold.
    """
    types = {own.id: own for own in kept}
    for own in more:
        types[own.id] = replace(own, threshold=types.get(own.id, own).threshold)
    return tuple(types.values())
