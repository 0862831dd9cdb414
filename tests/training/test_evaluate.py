"""The report on a tiny model folder, calibrated first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.precision import PRECISIONS, SETTING
from complaintnlp.model.folder import read_model_folder
from complaintnlp.training import evaluate
from complaintnlp.training.calibrate import calibrate
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import (
    confusion_markdown,
    evaluate_model,
    markdown_tables,
    read_report,
    write_report,
)
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.metrics import GROUPS
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.reliability import ALL


@pytest.fixture
def report(
    encoder: BertModel, tokenizer: Tokenizer, annotations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    network = ComplaintNetwork(encoder).eval()
    folder = tmp_path / "model"
    write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={})
    policy = calibrate(folder, load_hand_labels(annotations, "dev"))
    written = read_model_folder(folder)
    assert written.thresholds == policy.to_dict()
    assert list(written.settings[SETTING]) == [str(wanted) for wanted in PRECISIONS]
    monkeypatch.setattr(evaluate, "load_encoder", lambda source: (encoder, tokenizer))
    return evaluate_model(
        folder,
        annotations,
        "test",
        train=lambda: load_hand_labels(annotations, "train"),
        note=lambda text: None,
    )


def test_the_report_is_complete(report: dict[str, Any], tmp_path: Path) -> None:
    assert set(report["groups"]) == set(GROUPS)
    assert sum(group["texts"] for group in report["groups"].values()) == 5 * 14
    for name, bounds in report["intervals"].items():
        assert bounds["low"] <= report["groups"][name]["type_micro_f1"] <= bounds["high"]
    assert list(report["calibration"]) == [ALL, *GROUPS]
    assert list(report["risk_coverage"]) == list(GROUPS)
    for name, figures in report["groups"].items():
        heads = report["calibration"][name]
        for figure, head in (("type_ece", "failure_types"), ("nps_ece", "nps"), ("at_risk_ece", "at_risk")):
            assert heads[head]["ece"] == pytest.approx(figures[figure])
        assert report["risk_coverage"][name]["coverage"] == pytest.approx(1 - figures["reviewed"])
    assert len(report["baselines"]) == 2
    for groups in report["baselines"].values():
        assert set(groups) == set(GROUPS)

    text = markdown_tables(report)
    assert all(f"| {name} " in text for name in GROUPS)
    assert all(title in text for title in evaluate.FIGURES.values())
    assert all(name in text for name in report["baselines"])
    assert "delay_wait" in confusion_markdown(report)

    write_report(report, tmp_path / "deep" / "report.json")
    written = json.loads((tmp_path / "deep" / "report.json").read_text(encoding="utf-8"))
    assert written["fingerprint"] == report["fingerprint"]


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("{", "no report"), ("[]", "no report of")])
def test_what_is_no_report_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        read_report(path)


def test_baselines_of_an_earlier_report_are_taken_over(tiny_model: Path, annotations: Path, tmp_path: Path) -> None:
    def measure(split: str, baselines: Path | None = None) -> dict[str, Any]:
        return evaluate_model(tiny_model, annotations, split, baselines=baselines, note=lambda _text: None)

    figures = {"some baseline": {"en": {"type_micro_f1": 0.5}}}
    write_report({**measure("dev"), "baselines": figures}, tmp_path / "earlier.json")
    assert measure("dev", tmp_path / "earlier.json")["baselines"] == figures
    with pytest.raises(ConfigurationError, match="holds no baselines on these texts"):
        measure("test", tmp_path / "earlier.json")
