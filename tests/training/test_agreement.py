"""Two annotators compared, language by language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.agreement import agreement
from complaintnlp.training.corpus_text import text_id
from complaintnlp.training.project_labels import add_labels

TEXTS = ("Առաքիչը ուշացավ։", "Ամեն ինչ լավ էր։", "Սառը ապուր էր։", "Խայտառակություն է, էլ չեմ գա։")
FIRST: tuple[dict[str, Any], ...] = (
    {"types": ["delay_wait"], "intensity": 1, "nps": "detractor", "at_risk": 0, "reasons": []},
    {"types": [], "intensity": 0, "nps": "promoter", "at_risk": 0, "reasons": []},
    {"types": ["poor_quality"], "intensity": 2, "nps": "detractor", "at_risk": 0, "reasons": []},
    {"types": [], "intensity": 3, "nps": "detractor", "at_risk": 1, "reasons": ["R1"]},
)


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def project(corpora: Path, tmp_path: Path) -> Path:
    rows = [{"text": text, "lang": "hy", **labels} for text, labels in zip(TEXTS, FIRST, strict=True)]
    add_labels([write(tmp_path / "first.jsonl", rows)], tmp_path / "project", corpora)
    return tmp_path / "project"


def test_the_same_labels_agree_wholly(project: Path, tmp_path: Path) -> None:
    rows = [{"id": text_id(text), **labels} for text, labels in zip(TEXTS, FIRST, strict=True)]
    figures = agreement(write(tmp_path / "second.jsonl", rows), project)
    assert [row["language"] for row in figures] == ["hy", "all"]
    for row in figures:
        assert row == {
            "language": row["language"], "texts": 4, "types_f1": 1.0, "primary": 1.0,
            "intensity_qwk": 1.0, "nps_kappa": 1.0, "at_risk_kappa": 1.0,
        }  # fmt: skip


def test_a_difference_is_counted_and_a_skip_is_not(project: Path, tmp_path: Path) -> None:
    rows = [{"id": text_id(text), **labels} for text, labels in zip(TEXTS, FIRST, strict=True)]
    rows[0] = {**rows[0], "types": ["poor_quality", "delay_wait"], "intensity": 3}
    rows[1] = {"id": rows[1]["id"], "skip": 1}
    row = agreement(write(tmp_path / "second.jsonl", rows), project)[0]
    assert row["texts"] == 3
    assert row["types_f1"] == pytest.approx(2 * 2 / (2 + 3))
    assert row["primary"] == 0.5
    assert row["intensity_qwk"] < 0.8
    assert row["at_risk_kappa"] == 1.0


def test_a_file_about_other_texts_is_refused(project: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="names no id"):
        agreement(write(tmp_path / "second.jsonl", [{"id": "0" * 12, **FIRST[0]}]), project)
