"""Reads JSON Lines: one object per line, every value kept as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import Final

from complaintnlp.batch.delimited import TOO_LONG
from complaintnlp.batch.lines import Line
from complaintnlp.batch.rows import RawJson, Reject, Row

# Not strict: raw control characters inside strings (a NUL, a tab) are common in exports and harm nobody.
_DECODER: Final = json.JSONDecoder(strict=False)
_BEFORE_NAME: Final = re.compile(r"[\s,]*")
_BEFORE_VALUE: Final = re.compile(r"[\s:]*")


def read_objects(lines: Iterator[Line]) -> Generator[Row | Reject, None, None]:
    """Yield each object as a row, or a `Reject` for a line that holds none; blank lines are skipped."""
    for line in lines:
        raw = line.text.rstrip("\r\n")
        if not line.whole:
            yield Reject(line.number, TOO_LONG, raw)
        elif raw.strip():
            try:
                members = _members(raw)
            except RecursionError:
                yield Reject(line.number, "invalid JSON: nested too deeply", raw)
            except ValueError as error:
                yield Reject(line.number, f"invalid JSON: {error}", raw)
            else:
                if members is None:
                    yield Reject(line.number, 'not a JSON object; write one {"text": ...} per line', raw)
                else:
                    yield Row(line.number, raw, members)


def _members(raw: str) -> tuple[tuple[str, str], ...] | None:
    """Names and values of the object's members, None where the line holds another JSON value.

    The decoder checks the line; the second walk, over checked text, keeps each value's spelling.
    """
    if not isinstance(_DECODER.decode(raw), dict):
        return None
    members = []
    position = _skip(_BEFORE_NAME, raw, raw.index("{") + 1)
    while raw[position] == '"':
        name, position = _DECODER.raw_decode(raw, position)
        start = _skip(_BEFORE_VALUE, raw, position)
        value, end = _DECODER.raw_decode(raw, start)
        members.append((name, value if isinstance(value, str) else RawJson(raw[start:end])))
        position = _skip(_BEFORE_NAME, raw, end)
    return tuple(members)


def _skip(pattern: re.Pattern[str], raw: str, position: int) -> int:
    match = pattern.match(raw, position)
    return match.end() if match else position
