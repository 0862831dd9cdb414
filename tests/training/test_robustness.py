"""The robustness report on a tiny model folder, and what a reading is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.evaluate import evaluate_model, read_report, write_report
from complaintnlp.training.metrics import GROUPS, Gold
from complaintnlp.training.perturb import PERTURBATIONS, RAISE_INTENSITY
from complaintnlp.training.robustness import (
    Reader,
    Reading,
    _change,
    beside_markdown,
    measure_robustness,
    robustness_markdown,
)

TURKISH = "Kargom üç haftadır gelmedi, müşteri hizmetleri de cevap vermiyor."
GERMAN = "Das Paket ist nie angekommen und niemand antwortet auf meine Nachrichten."
CHECKLIST = '[[template]]\ncapability = "plain"\ntext = "The parcel is late."\nhas = ["delay_wait"]\n'


@pytest.fixture
def checklist(tmp_path: Path) -> Path:
    folder = tmp_path / "checklist"
    folder.mkdir()
    (folder / "en.toml").write_text(CHECKLIST, encoding="utf-8")
    return folder


@pytest.fixture
def report(tiny_model: Path, annotations: Path, checklist: Path) -> dict[str, Any]:
    return measure_robustness(tiny_model, annotations, "dev", checklist)


def test_the_report_is_complete(report: dict[str, Any], tiny_model: Path, annotations: Path, tmp_path: Path) -> None:
    assert set(report["changes"]) == set(PERTURBATIONS)
    assert set(report["changes"]["typos"]) == set(GROUPS)
    assert set(report["changes"]["traditional"]) == {"zh"}
    assert set(report["changes"]["no_diacritics"]) == {"tr"}
    assert set(report["changes"]["latin_armenian"]) == {"hy adapted", "hy real"}
    for name, groups in report["changes"].items():
        for values in groups.values():
            assert ("intensity_qwk" in values) == (name not in RAISE_INTENSITY)
            assert 0 <= values["other_types"] <= 1
            f1 = values["type_micro_f1"]
            assert f1["low"] <= f1["after"] - f1["before"] <= f1["high"]
    evaluated = evaluate_model(tiny_model, annotations, "dev", note=lambda text: None)
    assert report["fingerprint"] == evaluated["fingerprint"]
    for group in GROUPS:  # emoji change every text, so before them stand the figures of the whole group
        emoji = report["changes"]["emoji"][group]
        assert emoji["texts"] == evaluated["groups"][group]["texts"] == 14
        for figure in ("type_micro_f1", "detractor_f1", "intensity_qwk"):
            assert emoji[figure]["before"] == evaluated["groups"][group][figure]
        assert emoji["misread"]["before"] == evaluated["language"][group]["misread"]

    assert report["slices"]["very_long"] == {}
    assert 0 < report["slices"]["very_short"]["zh"]["texts"] <= 14
    assert report["checklist"]["languages"]["en"]["all"]["cases"] == 1

    text = robustness_markdown(report)
    assert all(f"| {name} | " in text for name in PERTURBATIONS)
    assert all(f" | {name} | " in text for name in GROUPS)
    assert "| en | plain | 1 | 1 | " in text
    assert "| very_short | zh | " in text
    assert len({line.count("|") for line in text.split("\n\n")[1].splitlines()}) == 1

    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["changes"].keys() == set(PERTURBATIONS)


def test_reports_stand_beside_each_other(report: dict[str, Any], tmp_path: Path) -> None:
    write_report(report, tmp_path / "other.json")
    other = read_report(tmp_path / "other.json")
    other["model"]["version"] = "old"
    lines = beside_markdown([report, other]).splitlines()
    assert lines[0] == "| change | group | tiny 0.0.1 | tiny old |"
    changes = sum(map(len, report["changes"].values()))
    assert len(lines) == 2 + changes + sum(map(len, report["checklist"]["languages"].values()))
    for line in lines[2:]:
        cells = line.split(" | ")
        assert cells[2] == cells[3].removesuffix(" |")


def test_reports_of_other_texts_are_not_put_beside(report: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="measured on different texts"):
        beside_markdown([report, {**report, "fingerprint": "other"}])


def test_progress_reaches_the_end(tiny_model: Path, annotations: Path, checklist: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    measure_robustness(tiny_model, annotations, "test", checklist, progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == list(range(len(PERTURBATIONS) + 3))
    assert seen[-1] == ("checklist", len(PERTURBATIONS) + 2, len(PERTURBATIONS) + 2)


def test_a_misread_text_has_the_types_that_its_wrong_language_gives(make_model: Callable[..., Path]) -> None:
    thresholds = Policy(failure_types=(0.98,) * 13, language_shift={"tr": -0.9}).to_dict()
    reader = Reader(read_model_folder(make_model(thresholds=thresholds)))
    texts = [TURKISH, TURKISH, GERMAN]
    reading = reader.read(texts, ["tr", "en", "en"])
    assert reading.misread.tolist() == [False, True, True]
    turkish = reader.decide([TURKISH], ["tr"]).failure_types[0]
    assert turkish.any()
    assert reading.decisions.failure_types[1].tolist() != turkish.tolist()
    assert reading.types[0].tolist() == reading.types[1].tolist() == turkish.tolist()
    assert not reading.types[2].any()


def test_a_text_is_run_once(tiny_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []
    logits = Runtime.logits

    def counted(runtime: Runtime, text: str) -> NDArray[np.float32]:
        run.append(text)
        return logits(runtime, text)

    monkeypatch.setattr(Runtime, "logits", counted)
    reader = Reader(tiny_folder)
    first = reader.decide(["one text", "another", "one text"], ["en"] * 3)
    second = reader.decide(["another", "one text"], ["en"] * 2)
    assert run == ["one text", "another"]
    assert first.failure_types[:2].tolist() == second.failure_types[::-1].tolist()


def test_what_a_change_costs(tiny_folder: ModelFolder) -> None:
    reader = Reader(tiny_folder)
    right = reader.read(["The parcel is late.", "Nobody answers my calls.", "Great!"], ["en"] * 3)
    right.decisions.failure_types[:] = np.eye(3, len(FAILURE_TYPE_IDS), dtype=bool)
    right.types[:] = right.decisions.failure_types
    wrong = right.at(np.arange(3))
    wrong.decisions.failure_types[1:] = False
    wrong.types[:] = False
    gold = Gold(
        failure_types=right.decisions.failure_types.copy(),
        primary=np.arange(3),
        intensity=right.decisions.intensity,
        nps=right.decisions.nps,
        at_risk=right.decisions.at_risk,
        risk_reasons=right.decisions.risk_reasons,
    )
    cost = _change("typos", right, wrong, gold, ["en", "tr", "tr"])
    assert cost["en"]["type_micro_f1"] == {"before": 1.0, "after": 1.0, "low": 0.0, "high": 0.0}
    assert cost["tr"]["type_micro_f1"] == {"before": 1.0, "after": 0.0, "low": -1.0, "high": -1.0}
    assert (cost["en"]["other_types"], cost["tr"]["other_types"]) == (0.0, 1.0)
    assert cost["en"]["whole_path_type_micro_f1"] == {"before": 1.0, "after": 0.0}
    assert (cost["en"]["texts"], cost["tr"]["texts"]) == (1, 2)


def test_a_reading_of_some_texts_is_that_of_those_texts(tiny_folder: ModelFolder) -> None:
    texts, languages = [TURKISH, "The parcel is late.", "太差了，退款"], ["tr", "en", "zh"]
    both = Reader(tiny_folder).read(texts, languages).at(np.array([2, 0]))
    apart: Reading = Reader(tiny_folder).read([texts[2], texts[0]], ["zh", "tr"])
    assert both.scores.failure_types.tolist() == apart.scores.failure_types.tolist()
    assert both.types.tolist() == apart.types.tolist()
    assert both.misread.tolist() == apart.misread.tolist()
