"""Scores a whole export: rows stream in, answers stream out, and every row can be accounted for."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from complaintnlp.batch.columns import Columns, build_feedback, find_columns
from complaintnlp.batch.lines import file_kind
from complaintnlp.batch.readers import MAX_JSON_COLUMNS, Table, open_table
from complaintnlp.batch.rows import Reject, Row
from complaintnlp.batch.writers import (
    SCORE_COLUMNS,
    Output,
    RowWriter,
    check_target,
    make_writer,
    part_path,
    rejects_path,
    score_cells,
)
from complaintnlp.errors import ComplaintNLPError, InputFileError, InvalidInputError
from complaintnlp.judgement.detractor import NpsEstimate, estimate_nps
from complaintnlp.records import Analysis, Feedback, NpsClass

Progress = Callable[[int, int | None], None]
"""Called with the physical lines done and the lines in all (None where unknown)."""


class BatchAnalyzer(Protocol):
    """What scoring needs of an analyzer: lazy answers, in order, one for each feedback."""

    def analyze_many(self, items: Iterable[Feedback]) -> Iterator[Analysis]:
        """Answer each feedback in turn."""


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """What happened to a file.

    Attributes:
        read: records read, rejected ones included, the header not.
        scored: answered with scores.
        unsupported: answered, but written in another language.
        empty: answered, but nothing to read.
        rejected: written to the rejects file.
        languages: answered rows per language code, ``und`` where none was found.
        failure_types: rows that name a failure type, per type.
        nps_classes: rows per NPS class.
        nps: estimated NPS of each language's rows; estimates of two languages cannot be compared.
        at_risk: rows whose customer may leave.
        needs_review: rows that a person should look at.
        ignored_values: optional values that could not be read and were left out, per column.
        encoding: name of the encoding that the input was read with.
        delimiter: cell delimiter of the input, None for JSON Lines.
        text_column: column that was scored; None where the file has a header and no rows.
        rejects: path of the rejects file, None where no row was rejected.
        notes: remarks for the user.
        seconds: time taken.
    """

    read: int
    scored: int
    unsupported: int
    empty: int
    rejected: int
    languages: dict[str, int]
    failure_types: dict[str, int]
    nps_classes: dict[str, int]
    nps: dict[str, NpsEstimate]
    at_risk: int
    needs_review: int
    ignored_values: dict[str, int]
    encoding: str
    delimiter: str | None
    text_column: str | None
    rejects: Path | None
    notes: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class _Tally:
    """Counts that grow while a file is scored."""

    rejected: int = 0
    at_risk: int = 0
    needs_review: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    failure_types: Counter[str] = field(default_factory=Counter)
    nps_classes: Counter[str] = field(default_factory=Counter)
    nps_by_language: dict[str, Counter[NpsClass]] = field(default_factory=lambda: defaultdict(Counter))
    ignored: Counter[str] = field(default_factory=Counter)

    def add(self, analysis: Analysis) -> None:
        self.statuses[analysis.status] += 1
        self.languages[analysis.language.code or "und"] += 1
        self.failure_types.update(failure.code for failure in analysis.failure_types)
        if analysis.nps is not None:
            self.nps_classes[analysis.nps.nps_class] += 1
            self.nps_by_language[analysis.language.code or "und"][analysis.nps.nps_class] += 1
        self.at_risk += analysis.at_risk is not None and analysis.at_risk.flag
        self.needs_review += analysis.needs_review


def score_file(
    source: str | Path,
    target: str | Path,
    analyzer: BatchAnalyzer,
    *,
    text_column: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> ScoreSummary:
    """Score every row of an export and write it with the answer's columns appended.

    Memory does not grow with the file. ``target`` appears whole at the end or not at all; rows that cannot be
    scored go to ``target`` + ``.rejects.csv`` with line number, reason and content.

    Args:
        source: ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson`` file, each also with ``.gz``.
        target: output file, its format told by the same suffixes; CSV keeps the input's delimiter.
        analyzer: answers the feedback.
        text_column: name of the column to score, None to find it.
        encoding: encoding of ``source``, None to detect it.
        progress: called after each answer and at the end.

    Returns:
        Counts of all that was read, answered and rejected.

    Raises:
        InputFileError: ``source`` is missing, unreadable, empty, or its text column cannot be told.
        InvalidInputError: an argument cannot be used, such as an output path that is the input itself.
    """
    started = time.perf_counter()
    source, target = Path(source), Path(target)
    check_target(target)
    _check_apart(source, target)
    table = open_table(source, encoding)
    names = table.columns()
    if len(names) > MAX_JSON_COLUMNS and table.kind == "jsonl" and file_kind(target) != "jsonl":
        raise InvalidInputError(
            f"{source}: its objects have over {MAX_JSON_COLUMNS:,} different names, too many for the columns of "
            f"{target}; give an output that ends in .jsonl"
        )
    columns = _choose_columns(table, names, text_column)
    tally = _Tally()
    with Output(target) as output:
        writer = make_writer(output, names, table.delimiter)
        if columns is not None:
            _Run(table, columns, output, tally).score(analyzer, writer, progress)
    return ScoreSummary(
        read=tally.statuses.total() + tally.rejected,
        scored=tally.statuses["scored"],
        unsupported=tally.statuses["unsupported"],
        empty=tally.statuses["empty"],
        rejected=tally.rejected,
        languages=dict(tally.languages),
        failure_types=dict(tally.failure_types),
        nps_classes=dict(tally.nps_classes),
        nps={
            code: estimate
            for code, counts in sorted(tally.nps_by_language.items())
            if (estimate := estimate_nps(counts)) is not None
        },
        at_risk=tally.at_risk,
        needs_review=tally.needs_review,
        ignored_values=dict(tally.ignored),
        encoding=table.encoding,
        delimiter=table.delimiter,
        text_column=columns.text if columns else None,
        rejects=rejects_path(target) if tally.rejected else None,
        notes=() if columns else ("the file holds a header and no rows",),
        seconds=time.perf_counter() - started,
    )


def _check_apart(source: Path, target: Path) -> None:
    """Refuse a run that would overwrite its own input."""
    for path in (target, rejects_path(target), part_path(target), part_path(rejects_path(target))):
        if path.resolve() == source.resolve() or (path.exists() and source.exists() and path.samefile(source)):
            raise InvalidInputError(f"{source}: writing {target} would overwrite the input; choose another output")


def _choose_columns(table: Table, names: tuple[str, ...], text_column: str | None) -> Columns | None:
    """The columns to read, None where there is nothing to read under the header."""
    with closing(table.rows()) as rows:
        first = next(rows, None)
    sample = table.sample()
    if table.kind == "jsonl" and first is None:
        raise InputFileError(f"{table.path}: the file holds no lines with content; export it again")
    if table.kind == "jsonl" and not sample:
        reason = first.reason if isinstance(first, Reject) else ""
        raise InputFileError(
            f"{table.path}: no line holds a JSON object that can be read (first line: {reason}); "
            'write one {"text": ...} per line'
        )
    if first is None and text_column is None:
        return None
    own = [name for name in names if name not in SCORE_COLUMNS]
    columns = find_columns(table.path, own, sample, text_column)
    return columns if first is not None else None


@dataclass(frozen=True, slots=True)
class _Run:
    """One pass over a table: rows to the analyzer, answers to the writer, bad rows to the rejects."""

    table: Table
    columns: Columns
    output: Output
    tally: _Tally
    received: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When rows without a date count as written: due times need a beginning."""
    pending: deque[Row] = field(default_factory=deque)
    """Rows at the analyzer: as many as its look-ahead, never as many as the file has."""

    def score(self, analyzer: BatchAnalyzer, writer: RowWriter, progress: Progress | None) -> None:
        total = self.table.count_lines() if progress else None
        with closing(self.table.rows()) as rows:
            for analysis in analyzer.analyze_many(self._feedback(rows)):
                if not self.pending:
                    raise ComplaintNLPError(f"{self.table.path}: the analyzer gave more answers than rows")
                row = self.pending.popleft()
                writer.write(row, score_cells(analysis))
                self.tally.add(analysis)
                if progress:
                    progress(row.line, total)
        if self.pending:
            raise ComplaintNLPError(f"{self.table.path}: the analyzer left {len(self.pending)} rows without an answer")
        if progress and total is not None:
            progress(total, total)

    def _feedback(self, rows: Iterable[Row | Reject]) -> Generator[Feedback, None, None]:
        for item in rows:
            if isinstance(item, Reject):
                self._reject(item)
                continue
            try:
                feedback = build_feedback(item, self.columns, self.tally.ignored)
            except InvalidInputError as error:
                self._reject(Reject(item.line, str(error), item.raw))
                continue
            self.pending.append(item)
            yield feedback if feedback.created_at else feedback.model_copy(update={"created_at": self.received})

    def _reject(self, reject: Reject) -> None:
        self.output.reject(reject)
        self.tally.rejected += 1
