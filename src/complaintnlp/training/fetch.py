"""Builds the rows of the corpora from files of the public sources that a user has downloaded.

Nothing is downloaded here. A row is kept where its id stands in ``data/ids``: the texts that the released models were
trained from, as hashes.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from complaintnlp.errors import ComplaintNLPError, InputFileError, InvalidInputError
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training.corpus_text import clean_text, text_id
from complaintnlp.training.sources import LabelRule, Layout, Source

REPORT_FILE: Final = "fetch.json"
_LONGEST_FIELD: Final = 10_000_000

IdLists = Mapping[tuple[str, str], frozenset[str]]
"""Ids of the corpora's rows by language and source."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one source.

    Attributes:
        missing: files that are not in the folder.
        built: different texts in the files that are there.
        matched: of these, texts of the corpora; they are written.
        expected: texts of this source in the corpora; 0 where no id list is committed, then all built ones are written.
        unknown: texts that are none of the corpora's; they are left out.
    """

    language: str
    source: str
    missing: tuple[str, ...]
    built: int
    matched: int
    expected: int
    unknown: int


def find_file(folder: Path, source: Source, name: str) -> Path | None:
    """``FOLDER/SOURCE/path/in/the/repository``, as a clone has it, or the bare file name in ``FOLDER/SOURCE``."""
    places = (folder / source.name / name, folder / source.name / Path(name).name)
    return next((path for path in places if path.is_file()), None)


def missing_files(folder: Path, source: Source) -> tuple[str, ...]:
    """Files of a source that the folder lacks."""
    return tuple(name for name in source.readable_files if find_file(folder, source, name) is None)


def read_ids(folder: Path) -> IdLists:
    """The committed ids: ``{language}.txt.gz`` holds one line a source, its name and then its ids without spaces.

    Raises:
        InputFileError: a file is damaged.
    """
    ids: dict[tuple[str, str], frozenset[str]] = {}
    for language in LANGUAGES:
        path = folder / f"{language}.txt.gz"
        if not path.is_file():
            continue
        try:
            lines = gzip.decompress(path.read_bytes()).decode("ascii").splitlines()
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise InputFileError(f"{path} is damaged ({error}); restore it from the repository") from None
        for line in lines:
            name, _, digits = line.partition(" ")
            ids[language, name] = frozenset(digits[at : at + 12] for at in range(0, len(digits), 12))
    return ids


def write_ids(rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Write the id lists of corpora; the same rows give the same bytes."""
    ids: dict[str, dict[str, set[str]]] = {language: defaultdict(set) for language in LANGUAGES}
    for row in rows:
        ids[row["lang"]][row["source"]].add(row["id"])
    folder.mkdir(parents=True, exist_ok=True)
    for language, sources in ids.items():
        lines = [f"{name} {''.join(sorted(found))}\n" for name, found in sorted(sources.items())]
        (folder / f"{language}.txt.gz").write_bytes(gzip.compress("".join(lines).encode("ascii"), mtime=0))


def build_corpora(
    sources: Sequence[Source],
    folder: Path,
    out: Path,
    ids: IdLists,
    *,
    progress: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> list[Fetched]:
    """Write ``{language}.jsonl.gz`` and a report from the files that are there; complete or not at all.

    Args:
        sources: which to build; those without a layout are passed over.
        folder: holds ``SOURCE/file``, for instance a clone of the source's repository named like the source.
        out: folder to write.
        ids: rows to keep, as `read_ids` gives them.
        progress: told the source at work, how many are done, and of how many.

    Raises:
        InvalidInputError: there is no such folder, or ``out`` holds corpora that were not built here.
        InputFileError: a file cannot be read, or lacks a column.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"{folder} is no folder; --from must hold one folder for each source, see data fetch")
    if any(out.glob("*.jsonl.gz")) and not (out / REPORT_FILE).is_file():
        raise InvalidInputError(f"{out} holds corpora that data fetch did not build; name another folder with --output")
    seen: set[str] = set()
    results = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        targets = {language: out / f"{language}.jsonl.gz" for language in LANGUAGES}
        parts = {language: target.with_suffix(".part") for language, target in targets.items()}
        with ExitStack() as stack:
            for part in parts.values():
                stack.callback(part.unlink, missing_ok=True)
            with ExitStack() as files:
                streams = {
                    language: files.enter_context(gzip.open(part, "wt", encoding="utf-8"))
                    for language, part in parts.items()
                }
                for number, source in enumerate(sources):
                    progress(source.name, number, len(sources))
                    rows, result = _fetch(source, folder, ids.get((source.language, source.name)), seen)
                    streams[source.language].writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                    results.append(result)
            for language, part in parts.items():
                part.replace(targets[language])
        report = json.dumps([asdict(result) for result in results], indent=2, ensure_ascii=False)
        (out / REPORT_FILE).write_text(report + "\n", encoding="utf-8")
    except OSError as error:
        raise ComplaintNLPError(
            f"{out}: cannot be written ({error.strerror or error}); name another --output"
        ) from error
    return results


def _fetch(
    source: Source, folder: Path, expected: frozenset[str] | None, seen: set[str]
) -> tuple[list[dict[str, Any]], Fetched]:
    """Rows of one source that no earlier source has; a text counts once."""
    built: set[str] = set()
    rows = []
    for row in source_rows(source, folder):
        if row["id"] in built:
            continue
        built.add(row["id"])
        if (expected is None or row["id"] in expected) and row["id"] not in seen:
            seen.add(row["id"])
            rows.append(row)
    known = expected if expected is not None else built
    matched = len(built & known)
    result = Fetched(
        source.language,
        source.name,
        missing_files(folder, source),
        built=len(built),
        matched=matched,
        expected=len(expected or ()),
        unknown=len(built) - matched,
    )
    return rows, result


def source_rows(source: Source, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows of the source's files that are there, in the shape of the corpora; without a layout there are none."""
    if source.layout is None:
        return
    for name in source.readable_files:
        path = find_file(folder, source, name)
        for record in _records(path, source.layout) if path is not None else ():
            text = clean_text(". ".join(str(record[column] or "") for column in source.layout.text))
            if any(character.isalnum() for character in text):
                yield {
                    "id": text_id(text),
                    "lang": source.language,
                    "source": source.name,
                    "text": text,
                    "labels": _labels(record, source.layout),
                }


def _records(path: Path, layout: Layout) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding=layout.encoding, newline="") as stream:
            yield from (
                _csv_records(stream, path, layout) if layout.format == "csv" else _json_records(stream, path, layout)
            )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(
            f"{path} cannot be read as {layout.format} in {layout.encoding} ({error}); download it again, as it stands "
            "in the repository at the commit of the register"
        ) from None


def _csv_records(stream: Iterable[str], path: Path, layout: Layout) -> Iterator[Mapping[str, Any]]:
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        reader = csv.DictReader(
            stream,
            fieldnames=layout.columns or None,
            restval="",
            delimiter=layout.delimiter,
            quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
        )
        _check_names(layout, reader.fieldnames or (), path, "column")
        yield from reader
    finally:
        csv.field_size_limit(limit)


def _json_records(stream: Iterable[str], path: Path, layout: Layout) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputFileError(f"{path}, line {number} is no JSON: {error}") from None
        if not isinstance(record, dict):
            raise InputFileError(f"{path}, line {number} must be one JSON object")
        _check_names(layout, tuple(record), f"{path}, line {number}", "key")
        yield record


def _check_names(layout: Layout, names: Sequence[str], place: object, kind: str) -> None:
    missing = [name for name in layout.needed if name not in names]
    if missing:
        raise InputFileError(
            f"{place} lacks the {kind} {', '.join(map(repr, missing))}; it has {', '.join(map(repr, names))}. "
            "The file is of another version, or its layout in the register is wrong"
        )


def _labels(record: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    for name, rule in layout.labels.items():
        value = record[rule] if isinstance(rule, str) else _ruled(record, rule)
        if value not in (None, "", {}):
            labels[name] = value
    return labels


def _ruled(record: Mapping[str, Any], rule: LabelRule) -> Any:
    if rule.column is None:
        return rule.constant
    value, values = record[rule.column], rule.values or {}
    if rule.names:
        return {
            name: values[str(item)] for name, item in zip(rule.names, value or (), strict=False) if str(item) in values
        }
    return values.get(str(value))


def source_lines(sources: Iterable[Source]) -> Iterator[str]:
    """What a user has to download, as lines of text."""
    for source in sources:
        terms = "permissive" if source.permissive else "not permissive"
        yield f"{source.language} {source.name} ({source.rows:,} rows; licence: {source.licence}; {terms})"
        yield f"    {source.address}"
        yield from (f"    {source.name}/{name}" for name in source.files)
        if source.unpacked:
            yield f"    unpacked: {', '.join(source.unpacked)}"
        if source.layout is None:
            yield "    documented only: its files cannot be read by data fetch"
        if source.note:
            yield f"    {'note' if source.verified else 'not verified'}: {source.note}"


def fetch_table(results: Iterable[Fetched]) -> Table:
    """What came of each source, as a table."""
    table = Table("language", "source", "built", "matched", "expected", "unknown", "missing files")
    for result in results:
        counts = (f"{count:,}" for count in (result.built, result.matched, result.expected, result.unknown))
        table.add_row(result.language, result.source, *counts, "\n".join(result.missing))
    return table
