"""Opens an export and streams its rows: CSV, TSV and JSON Lines, plain or gzipped, in their own encoding."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from complaintnlp.batch.delimited import Record, read_records, sniff_delimiter
from complaintnlp.batch.encodings import check_encoding, detect_encoding
from complaintnlp.batch.json_lines import read_objects
from complaintnlp.batch.lines import ALLOWED_SUFFIXES, count_lines, file_kind, has_undecodable, open_binary, read_lines
from complaintnlp.batch.rows import Reject, Row
from complaintnlp.errors import InputFileError

SAMPLE_ROWS: Final = 100
"""Rows looked at to find the text column."""

_SAMPLE_CHARS: Final = 2_000_000
MAX_JSON_COLUMNS: Final = 1_000
"""Different names in a JSON Lines file above which its objects are no table."""


@dataclass(frozen=True, slots=True)
class Table:
    """An input file whose layout is known; its rows are read afresh with every call of `rows`.

    Attributes:
        path: the file.
        kind: ``delimited`` or ``jsonl``.
        encoding: name of the encoding that the file is read with.
        delimiter: cell delimiter, None for JSON Lines.
        header: column names of a delimited file in order; empty for JSON Lines.
    """

    path: Path
    kind: Literal["delimited", "jsonl"]
    encoding: str
    delimiter: str | None = None
    header: tuple[str, ...] = ()

    def rows(self) -> Generator[Row | Reject, None, None]:
        """Stream every record after the header, as a row or, where it cannot be used, as a reject."""
        for item in self._records():
            if isinstance(item, Row) and has_undecodable(item.raw):
                yield Reject(item.line, f"holds bytes that are not valid {self.encoding}", item.raw)
            else:
                yield item

    def sample(self) -> list[Row]:
        """The first rows that can be used, at most `SAMPLE_ROWS` of them."""
        found: list[Row] = []
        size = 0
        with closing(self.rows()) as rows:
            for row in islice((item for item in rows if isinstance(item, Row)), SAMPLE_ROWS):
                found.append(row)
                size += len(row.raw)
                if size > _SAMPLE_CHARS:
                    break
        return found

    def columns(self) -> tuple[str, ...]:
        """Column names in order: the header, or for JSON Lines every name that occurs in the file.

        JSON Lines are read to the end for this, because exports leave out what is empty: an NPS score may
        first appear on the last line. Objects used as maps have names without end, so the search stops soon
        after `MAX_JSON_COLUMNS`.
        """
        if self.kind == "delimited":
            return self.header
        names: dict[str, None] = {}
        with closing(self.rows()) as rows:
            for row in rows:
                if isinstance(row, Row):
                    names.update(dict.fromkeys(name for name, _ in row.cells))
                if len(names) > MAX_JSON_COLUMNS:
                    break
        return tuple(names)

    def count_lines(self) -> int:
        """Number of physical lines in the file."""
        return count_lines(self.path, self.encoding)

    def _records(self) -> Generator[Row | Reject, None, None]:
        lines = read_lines(self.path, self.encoding)
        if self.delimiter is None:
            yield from read_objects(lines)
            return
        records = read_records(lines, self.delimiter, len(self.header))
        next(records)  # the header
        for record in records:
            if isinstance(record, Reject):
                yield record
            elif len(record.cells) != len(self.header):
                reason = f"the row has {len(record.cells)} cells, the header has {len(self.header)}"
                yield Reject(record.line, reason, record.raw)
            else:
                yield Row(record.line, record.raw, tuple(zip(self.header, record.cells, strict=True)))


def open_table(path: Path, encoding: str | None = None) -> Table:
    """Find out how a file is encoded and laid out.

    Args:
        path: a ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` file, each also with ``.gz``.
        encoding: name of the encoding, None to detect it.

    Raises:
        InputFileError: the file is missing, unreadable, empty, or not what its suffix says.
        InvalidInputError: ``encoding`` names no encoding.
    """
    kind = file_kind(path)
    if kind is None:
        raise InputFileError(f"{path}: unknown file type; allowed: {ALLOWED_SUFFIXES}")
    with open_binary(path) as stream:
        if not stream.read(1):
            raise InputFileError(f"{path}: the file is empty (0 bytes); export it again")
    encoding = check_encoding(encoding) if encoding else detect_encoding(path)
    if kind == "jsonl":
        return Table(path, "jsonl", encoding)
    delimiter = "\t"
    if kind == "csv":
        with closing(read_lines(path, encoding)) as lines:
            delimiter = sniff_delimiter(lines)
    return Table(path, "delimited", encoding, delimiter, _header(path, encoding, delimiter))


def _header(path: Path, encoding: str, delimiter: str) -> tuple[str, ...]:
    with closing(read_lines(path, encoding)) as lines:
        first: Record | Reject | None = next(read_records(lines, delimiter), None)
    if first is None:
        raise InputFileError(f"{path}: the file holds no lines with content; export it again")
    if isinstance(first, Reject):
        raise InputFileError(f"{path}, line {first.line}: the header cannot be read: {first.reason}")
    if has_undecodable(first.raw):
        raise InputFileError(
            f"{path}, line {first.line}: the header is not valid {encoding}; name the encoding with --encoding"
        )
    return tuple(first.cells)
