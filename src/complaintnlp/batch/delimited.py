r"""Reads delimited records (CSV, TSV) from lines and finds its footing again after a broken one.

The standard ``csv`` reader is not used here: its field limit is one global of the process, and an unclosed
quote makes it swallow the rest of the file. Here a record whose quoting is broken costs its first line only;
reading goes on at the next line.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterator
from itertools import islice
from typing import Final, NamedTuple

from complaintnlp.batch.lines import MAX_RECORD_CHARS, Line
from complaintnlp.batch.rows import Reject

DELIMITERS: Final = (",", ";", "\t")
TOO_LONG: Final = f"line is longer than {MAX_RECORD_CHARS:,} characters; it is kept here in pieces"

_SNIFFED_LINES: Final = 50
_UP_TO_CLOSING_QUOTE: Final = re.compile(r'(?:[^"]++|"")*+')


class Record(NamedTuple):
    """Cells of one record, unquoted, with the number of its first line and its raw text."""

    line: int
    raw: str
    cells: list[str]


class _BrokenQuotingError(Exception):
    """The quoting of a record cannot be followed; the message is the reason given to the user."""


class _LineSource:
    """Lines that can be put back."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._ahead: deque[Line] = deque()

    def take(self) -> Line | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def put_back(self, lines: list[Line]) -> None:
        self._ahead.extendleft(reversed(lines))


class _Taken:
    """The physical lines of the record that is being read.

    Attributes:
        lines: the lines so far.
        text: the last of them.
        end: place in ``text`` where its line end starts.
    """

    def __init__(self, first: Line, source: _LineSource) -> None:
        self.lines: list[Line] = []
        self._source = source
        self._size = 0
        self._add(first)

    def extend(self) -> bool:
        """Take the next line; False where there is none that can belong to the record."""
        line = self._source.take()
        if line is None:
            return False
        self._add(line)
        return line.whole and self._size <= MAX_RECORD_CHARS

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        self._size += len(line.text)
        self.text = line.text
        self.end = len(line.text.rstrip("\r\n"))


def read_records(
    lines: Iterator[Line], delimiter: str, width: int | None = None
) -> Generator[Record | Reject, None, None]:
    """Yield each record, or a `Reject` for a line with broken quoting; blank lines are skipped.

    Args:
        lines: physical lines.
        delimiter: what stands between cells.
        width: cells of a right record. After a broken one only a record of this width shows that its remainder
            is over; None where the width is not known and any record does.
    """
    source = _LineSource(lines)
    after_break = False
    while (first := source.take()) is not None:
        if first.whole and not first.text.strip("\r\n"):
            continue
        taken = _Taken(first, source)
        try:
            cells = _parse(taken, delimiter, strict=after_break)
        except _BrokenQuotingError as broken:
            after_break = True
            source.put_back(taken.lines[1:])
            yield Reject(first.number, str(broken), first.text.rstrip("\r\n"))
        else:
            after_break = after_break and width is not None and len(cells) != width
            yield Record(first.number, "".join(line.text for line in taken.lines).rstrip("\r\n"), cells)


def sniff_delimiter(lines: Iterator[Line]) -> str:
    """The delimiter that cuts the first lines into as many cells as the header has."""
    sample: list[Line] = []
    size = 0
    for line in islice(lines, _SNIFFED_LINES):
        sample.append(line)
        size += len(line.text)
        if size > MAX_RECORD_CHARS:
            break
    fits: list[tuple[bool, bool, float, int]] = []
    for delimiter in DELIMITERS:
        # A quoted cell that the end of the sample cuts looks unclosed; all delimiters suffer alike.
        records = list(read_records(iter(sample), delimiter))
        widths = [len(record.cells) if isinstance(record, Record) else 0 for record in records] or [0]
        # A header that breaks under this delimiter is better evidence for it than a header without it.
        fits.append((widths[0] > 1, widths[0] == 0, widths.count(widths[0]) / len(widths), widths[0]))
    return DELIMITERS[fits.index(max(fits))]


def _parse(taken: _Taken, delimiter: str, *, strict: bool) -> list[str]:
    """Cells of the record that starts with the one line in ``taken``; lines used on the way are added to it.

    After a broken record (``strict``) a stray quote is taken as a leftover of it, not as an inch sign.
    """
    if not taken.lines[0].whole:
        raise _BrokenQuotingError(TOO_LONG)
    if '"' not in taken.text:
        return taken.text[: taken.end].split(delimiter)
    cells: list[str] = []
    position = 0
    while True:
        if taken.text.startswith('"', position):
            cell, position = _quoted(taken, position + 1)
        else:
            end = taken.text.find(delimiter, position)
            end = taken.end if end < 0 else end
            cell, position = taken.text[position:end], end
            if strict and '"' in cell:
                raise _BrokenQuotingError("stray quote after a row with broken quoting, probably its remainder")
        cells.append(cell)
        if position >= taken.end:
            return cells
        if taken.text[position] != delimiter:
            raise _BrokenQuotingError('text after a closing quote; a quote inside a quoted cell is written twice ("")')
        position += 1


def _quoted(taken: _Taken, position: int) -> tuple[str, int]:
    """The quoted cell that starts at ``position``, and the place after its closing quote on the line it ends on."""
    opened = taken.lines[-1].number
    parts: list[str] = []
    while (end := _closing_quote(taken.text, position)) < 0:
        parts.append(taken.text[position:])
        if not taken.extend():
            raise _BrokenQuotingError(
                f"a quote opened on line {opened} is not closed; reading went on at the next line"
            )
        position = 0
    parts.append(taken.text[position:end])
    return "".join(parts).replace('""', '"'), end + 1


def _closing_quote(text: str, position: int) -> int:
    match = _UP_TO_CLOSING_QUOTE.match(text, position)
    end = match.end() if match else position
    return end if end < len(text) else -1
