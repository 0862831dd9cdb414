"""A user's table of labelled texts as the training room wants it: lines and cells by known column names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from complaintnlp.batch.columns import find_columns
from complaintnlp.batch.readers import Table, open_table
from complaintnlp.batch.rows import RawJson, Reject
from complaintnlp.errors import InvalidInputError


def read_own_table(
    path: Path, columns: Sequence[str], *, text_column: str | None = None, encoding: str | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines and cells of a CSV, TSV or JSON Lines file.

    Text, id, language and NPS score are found under the names that ``score`` knows too, all others under their own;
    case, spaces and hyphens in a name do not count. A JSON list becomes its parts joined by ``;``, null an empty cell.

    Args:
        path: the file.
        columns: names to look for.
        text_column: name of the text column; None to find it.
        encoding: of the file; None to detect it.

    Raises:
        InputFileError: the file is missing, empty or unreadable, or its text column cannot be told.
        InvalidInputError: a row cannot be read, or there is no column ``text_column``.
    """
    table = open_table(path, encoding)
    places = _places(path, table, columns, text_column)
    for row in table.rows():
        if isinstance(row, Reject):
            raise InvalidInputError(f"{path}, line {row.line}: {row.reason}")
        values = row.values()
        yield row.line, {column: _cell(values[name]) for column, name in places.items() if name in values}


def _places(path: Path, table: Table, columns: Sequence[str], text_column: str | None) -> Mapping[str, str]:
    names = table.columns()
    known = {name.strip().casefold().replace(" ", "_").replace("-", "_"): name for name in reversed(names)}
    found = find_columns(path, names, table.sample(), text_column)
    own = {column: known[column] for column in columns if column in known}
    aliases = {field: name for field, name in found.optional.items() if field in columns}
    return {**aliases, **own, "text": found.text}


def _cell(value: str) -> str:
    if not isinstance(value, RawJson):
        return value
    content = json.loads(value)
    if isinstance(content, list):
        return ";".join(map(str, content)) or "none"
    return "" if content is None else str(content)
