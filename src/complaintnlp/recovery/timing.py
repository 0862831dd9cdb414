"""Time targets: read from the playbook's words, shortened, and turned into points in time.

A target is a phrase such as ``24 h``, ``15 min on site``, ``same day`` or ``at once``. The phrase stays what people
read; the quantities in it are what is computed with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "days": 86400}
_QUANTITY: Final = re.compile(r"\b(\d{1,5}) (s|min|h|days)\b|\bsame day\b|\bat once\b")
_MINUTE: Final = timedelta(minutes=1)

ALLOWED: Final = "'30 s', '15 min', '24 h', '14 days', 'same day' or 'at once'"
"""How a time may be written, for error messages."""


def duration_of(words: str, same_day: timedelta) -> timedelta | None:
    """The time that a phrase names; None where it names none.

    Of several times the last counts: ``24 h decision, 72 h done`` is over after 72 hours.

    Args:
        words: the phrase.
        same_day: what ``same day`` means.
    """
    found = [_duration(match, same_day) for match in _QUANTITY.finditer(words)]
    return found[-1] if found else None


def reworded(words: str, change: Callable[[timedelta], timedelta], same_day: timedelta) -> str:
    """The phrase with each of its times changed; times that stay the same keep their words."""

    def replace(match: re.Match[str]) -> str:
        before = _duration(match, same_day)
        after = change(before)
        return match[0] if after == before else in_words(after)

    return _QUANTITY.sub(replace, words)


def faster(duration: timedelta, ladder: Sequence[timedelta]) -> timedelta:
    """The next shorter step of ``ladder``; the same duration where there is none."""
    return max((step for step in ladder if step < duration), default=duration)


def scaled(duration: timedelta, factor: float) -> timedelta:
    """``duration`` times ``factor``, cut to whole minutes where it is longer than one."""
    result = duration * factor
    return result // _MINUTE * _MINUTE if result > _MINUTE else result


def in_words(duration: timedelta) -> str:
    """A duration as the playbook writes it: ``at once``, ``30 s``, ``15 min``, ``36 h``."""
    seconds = round(duration.total_seconds())
    if seconds == 0:
        return "at once"
    for unit in ("h", "min"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]} {unit}"
    return f"{seconds} s"


def due(start: datetime | None, duration: timedelta | None) -> datetime | None:
    """``duration`` after ``start``; None where either is unknown."""
    return None if start is None or duration is None else start + duration


def _duration(match: re.Match[str], same_day: timedelta) -> timedelta:
    if match[1] is None:
        return same_day if match[0] == "same day" else timedelta()
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
