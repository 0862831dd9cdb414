"""Whole files through the batch room with a real model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from complaintnlp import Analyzer
from complaintnlp.batch import score_file
from complaintnlp.batch.writers import SCORE_COLUMNS, score_cells

ROWS = 1000
STARTS = ("Yine", "Üstelik", "这次", "Էլի", "Again", "Снова", "😡", "Artıq")
ENDS = (
    "kombi çalışmadı, servis randevuya gelmedi",
    "餐厅上错菜还多收了钱",
    "հաշիվը սխալ էր, օպերատորը կոպիտ խոսեց",
    "the app logged me out and lost my booking",
    "12345678901",
)


def feedback_rows() -> list[tuple[str, str]]:
    """Id and text; no text is like another."""
    return [
        (f"r{number}", f"{STARTS[number % 8]} {ENDS[number % 5]} {'!' * (number % 3)} {number}")
        for number in range(ROWS)
    ]


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "text"))
        writer.writerows(rows)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def analyzer(tiny_model: Path) -> Analyzer:
    return Analyzer.load(tiny_model)


@pytest.mark.parametrize("backwards", [False, True])
def test_every_row_of_a_file_is_answered_as_it_would_be_alone(
    analyzer: Analyzer, tmp_path: Path, backwards: bool
) -> None:
    rows = feedback_rows()
    if backwards:
        rows.reverse()
    target = tmp_path / "scored.jsonl"
    summary = score_file(write(tmp_path / "in.csv", rows), target, analyzer)
    scored = read(target)
    assert [(row["id"], row["text"]) for row in scored] == rows
    assert (summary.read, summary.rejected) == (ROWS, 0)
    assert summary.scored > 500
    assert summary.unsupported > 0
    assert summary.empty > 0
    for (row_id, text), row in zip(rows, scored, strict=True):
        alone = score_cells(analyzer.analyze({"id": row_id, "text": text}))
        # Without a date of writing, due times count from the moment of scoring.
        assert (row.pop("cnlp_first_reply_due") is None) == (row["cnlp_owner"] is None), text
        assert {name: row[name] for name in SCORE_COLUMNS if name in row} == {k: alone[k] for k in row if k in alone}, (
            text
        )
    assert len({row["cnlp_risk_probability"] for row in scored}) > 100
