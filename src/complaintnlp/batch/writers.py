"""Writes scored rows as CSV, TSV or JSON Lines, and rejected ones beside them, whole or not at all."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TextIO, cast

from complaintnlp.batch.lines import ALLOWED_SUFFIXES, escape_undecodable, file_kind, is_gzip
from complaintnlp.batch.rows import RawJson, Reject, Row
from complaintnlp.errors import ComplaintNLPError, InvalidInputError
from complaintnlp.records import Analysis

SCORE_COLUMNS: Final = (
    "cnlp_status",
    "cnlp_language",
    "cnlp_failure_types",
    "cnlp_primary_failure",
    "cnlp_intensity",
    "cnlp_nps_class",
    "cnlp_at_risk",
    "cnlp_risk_probability",
    "cnlp_severity",
    "cnlp_needs_review",
    "cnlp_risk_score",
    "cnlp_priority",
    "cnlp_owner",
    "cnlp_first_reply_due",
    "cnlp_next_action",
    "cnlp_compensation_band",
)
"""Columns appended to every row; a file that was scored before has them replaced."""

Score = str | int | float | None


def score_cells(analysis: Analysis) -> dict[str, Score]:
    """The appended columns of one row; None where there is no score."""
    scored = analysis.status == "scored"
    risk, plan = analysis.at_risk, analysis.recovery
    values: tuple[Score, ...] = (
        analysis.status,
        analysis.language.code,
        ";".join(failure.code for failure in analysis.failure_types) if scored else None,
        analysis.primary_failure,
        analysis.intensity.level if analysis.intensity else None,
        analysis.nps.nps_class if analysis.nps else None,
        int(risk.flag) if risk else None,
        round(risk.probability, 4) if risk else None,
        analysis.severity,
        int(analysis.needs_review),
        risk.score if risk else None,
        risk.priority if risk else None,
        plan.owner if plan else None,
        plan.first_reply_due.isoformat(timespec="minutes") if plan and plan.first_reply_due else None,
        plan.steps[0].action if plan and plan.steps else None,
        plan.compensation_band if plan else None,
    )
    return dict(zip(SCORE_COLUMNS, values, strict=True))


def part_path(path: Path) -> Path:
    """Where a file grows until it is complete."""
    return path.with_name(path.name + ".part")


def rejects_path(target: Path) -> Path:
    """Where the rejected rows of an output go."""
    return target.with_name(target.name + ".rejects.csv")


class RowWriter(Protocol):
    """Writes one row with its scores."""

    def write(self, row: Row, scores: dict[str, Score]) -> None:
        """Append the row."""


class TextSink(Protocol):
    """Where a writer's text goes."""

    def write(self, text: str, /) -> int:
        """Append the text."""


class DelimitedWriter:
    """Writes CSV or TSV: a header, then one record per row; JSON values other than strings as their JSON text."""

    def __init__(self, stream: TextSink, columns: Sequence[str], delimiter: str) -> None:
        # "\r\n" because the csv module quotes a cell with a lone "\r" only if the line end holds one (RFC 4180).
        self._writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
        self._columns = tuple(name for name in columns if name not in SCORE_COLUMNS)
        self._writer.writerow((*self._columns, *SCORE_COLUMNS))

    def write(self, row: Row, scores: dict[str, Score]) -> None:
        """Append the row."""
        cells = [cell for cell in row.cells if cell[0] not in SCORE_COLUMNS]
        if tuple(name for name, _ in cells) == self._columns:  # also right where a name is repeated
            values = [_plain(value) for _, value in cells]
        else:
            by_name = dict(cells)
            values = [_plain(by_name.get(name, "")) for name in self._columns]
        shown = (_shown(name, value) for name, value in scores.items())
        self._writer.writerow((*values, *shown))


def _shown(name: str, value: Score) -> Score:
    if not isinstance(value, float):
        return value
    return f"{value:.1f}" if name == "cnlp_priority" else f"{value:.4f}"


class JsonLinesWriter:
    """Writes one JSON object per row; values read from JSON keep their spelling."""

    def __init__(self, stream: TextSink) -> None:
        self._stream = stream

    def write(self, row: Row, scores: dict[str, Score]) -> None:
        """Append the row."""
        cells = [cell for cell in row.cells if cell[0] not in SCORE_COLUMNS]
        names = _distinct([name for name, _ in cells])
        values = [value if isinstance(value, RawJson) else _json(value) for _, value in cells]
        values += [_json(value) for value in scores.values()]
        members = (f"{_json(name)}: {value}" for name, value in zip((*names, *scores), values, strict=True))
        self._stream.write("{" + ", ".join(members) + "}\n")


@dataclass(frozen=True, slots=True)
class _CheckedStream:
    """Text of the output ``target``; a write that the operating system refuses is told as our own error."""

    stream: TextIO
    target: Path

    def write(self, text: str, /) -> int:
        try:
            return self.stream.write(text)
        except OSError as error:
            raise _unwritten(self.target, error) from error


class Output:
    """The output file and its rejects file, as a context manager.

    Both grow under ``.part`` names in the target's folder. Leaving the block without an error brings them to
    disk and renames them; leaving it with one removes them, so an older output survives. The rejects file is
    made with the first reject; where there is none, one of an earlier run is removed. A disk that refuses the
    output (full, gone, read-only) is a `ComplaintNLPError`.

    Attributes:
        path: the output file.
        stream: text stream of the growing output.
    """

    def __init__(self, path: Path) -> None:
        check_target(path)
        self.path = path
        self.stream: TextSink = cast(TextSink, None)
        self._rejects: TextSink | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.stream = self._create(part_path(self.path), zipped=is_gzip(self.path))
        return self

    def reject(self, reject: Reject) -> None:
        """Write a rejected row down in full; what UTF-8 cannot hold is escaped."""
        if self._rejects is None:
            self._rejects = self._create(part_path(rejects_path(self.path)))
            csv.writer(self._rejects).writerow(("line", "reason", "raw"))
        csv.writer(self._rejects).writerow((reject.line, reject.reason, escape_undecodable(reject.raw)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Closing flushes, which fails on a full disk: then nothing is renamed.
            self._open.close()
            if kind is None:
                self._publish()
        except OSError as failure:
            if kind is None:
                raise _unwritten(self.path, failure) from failure
        finally:
            for path in (self.path, rejects_path(self.path)):
                with suppress(OSError):  # none there, or none that can be removed: the first error counts
                    part_path(path).unlink()

    def _create(self, path: Path, *, zipped: bool = False) -> TextSink:
        # backslashreplace: a lone surrogate from a JSON escape is written as the same escape again.
        opener = cast(Callable[..., TextIO], gzip.open if zipped else open)
        try:
            stream = opener(path, "wt", encoding="utf-8", errors="backslashreplace", newline="")
        except OSError as error:
            raise InvalidInputError(
                f"{path}: cannot be written ({error.strerror or error}); check the folder's permissions and the disk"
            ) from error
        return _CheckedStream(self._open.enter_context(stream), self.path)

    def _publish(self) -> None:
        rejects = rejects_path(self.path)
        _sync(part_path(self.path))
        if self._rejects is not None:
            _sync(part_path(rejects))
            part_path(rejects).replace(rejects)
        # The output comes last: once it is there, all of it is there.
        part_path(self.path).replace(self.path)
        if self._rejects is None:
            try:
                rejects.unlink(missing_ok=True)
            except OSError as error:
                raise ComplaintNLPError(
                    f"{rejects}: is of an earlier run and cannot be removed ({error.strerror or error}); remove it by "
                    f"hand. {self.path} is complete, no row was rejected"
                ) from error


def check_target(path: Path) -> None:
    """Refuse an output path that cannot be written.

    Raises:
        InvalidInputError: unknown suffix, missing folder, or a folder in its place.
    """
    if file_kind(path) is None:
        raise InvalidInputError(f"{path}: unknown output type; allowed: {ALLOWED_SUFFIXES}")
    if path.is_dir():
        raise InvalidInputError(f"{path}: is a folder; give the path of an output file")
    if not path.parent.is_dir():
        raise InvalidInputError(f"{path}: the folder {path.parent} does not exist; create it first")


def make_writer(output: Output, columns: Sequence[str], delimiter: str | None) -> RowWriter:
    """The writer that the output's suffix asks for.

    Args:
        output: an entered `Output`.
        columns: column names in order; needed for CSV and TSV only.
        delimiter: the input's delimiter, which CSV output keeps; None means a comma.
    """
    kind = file_kind(output.path)
    if kind == "jsonl":
        return JsonLinesWriter(output.stream)
    return DelimitedWriter(output.stream, columns, "\t" if kind == "tsv" else delimiter or ",")


def _unwritten(target: Path, error: OSError) -> ComplaintNLPError:
    return ComplaintNLPError(
        f"{target}: cannot be written ({error.strerror or error}); free space on the disk or choose another output, "
        f"then run it again. An older {target.name} is kept as it was, the unfinished parts are removed"
    )


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _plain(value: str) -> str:
    return "" if value == "null" and isinstance(value, RawJson) else value


def _json(value: Score) -> str:
    return json.dumps(value, ensure_ascii=False)


def _distinct(names: list[str]) -> list[str]:
    """Names with ``_2``, ``_3`` after repeated ones: a CSV header may repeat a name, an object must not."""
    if len(set(names)) == len(names):
        return names
    distinct: list[str] = []
    for name in names:
        unique, number = name, 1
        while unique in distinct:
            number += 1
            unique = f"{name}_{number}"
        distinct.append(unique)
    return distinct
