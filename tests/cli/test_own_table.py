"""A user's table: its columns under many names, its cells as text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from complaintnlp.cli.own_table import read_own_table
from complaintnlp.errors import InputFileError, InvalidInputError

COLUMNS = ("text", "id", "language", "failure_types", "intensity", "at_risk", "nps_score")


def test_columns_are_found_under_their_usual_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("Yorum;Failure-Types;review_id;Dil;Not;NPS\nGeç geldi;delay_wait;7;tr;x;3\n".encode("cp1254"))
    assert list(read_own_table(path, COLUMNS)) == [
        (2, {"text": "Geç geldi", "failure_types": "delay_wait", "id": "7", "language": "tr", "nps_score": "3"})
    ]


def test_json_values_become_cells(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl.gz"
    rows = (
        '{"text": "a b", "failure_types": ["delay_wait", "price_billing"], "intensity": 2, "at_risk": true}\n\n'
        '{"text": "c d", "failure_types": [], "intensity": null}\n'
    )
    path.write_bytes(gzip.compress(rows.encode()))
    assert list(read_own_table(path, COLUMNS, text_column="text")) == [
        (1, {"text": "a b", "failure_types": "delay_wait;price_billing", "intensity": "2", "at_risk": "True"}),
        (3, {"text": "c d", "failure_types": "none", "intensity": ""}),
    ]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,intensity\na,1\nb,2,3\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"mine\.csv, line 3: the row has 3 cells, the header has 2"):
        list(read_own_table(path, COLUMNS))
    with pytest.raises(InvalidInputError, match="no column 'comment'"):
        list(read_own_table(path, COLUMNS, text_column="comment"))
    with pytest.raises(InputFileError, match="nowhere"):
        list(read_own_table(tmp_path / "nowhere.csv", COLUMNS))
