"""Plots of a made-up report: there, small, readable, and the same for the same report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.model.scores import LOGIT_COUNT, Calibration, scores_from_logits
from complaintnlp.training import plots
from complaintnlp.training.metrics import GROUPS, Gold, confusion_tables, json_ready
from complaintnlp.training.plots import CONFUSION, MAX_BYTES, RELIABILITY, RISK_COVERAGE, draw_plots
from complaintnlp.training.reliability import calibration, risk_coverage


def report(seed: int = 1, texts: int = 100) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    scores = scores_from_logits(random.normal(scale=3.0, size=(texts, LOGIT_COUNT)).astype(np.float32), Calibration())
    gold = Gold(
        failure_types=random.random((texts, 13)) < scores.failure_types,
        primary=random.integers(-1, 13, texts),
        intensity=random.integers(0, 5, texts),
        nps=random.integers(0, 3, texts),
        at_risk=random.random(texts) < 0.3,
        risk_reasons=random.random((texts, 4)) < 0.1,
    )
    decisions = decide(scores, Policy())
    groups = [GROUPS[i % len(GROUPS)] for i in range(texts)]
    return {
        "model": {"name": "tiny", "version": "1"},
        "split": "dev",
        "calibration": calibration(scores, gold, decisions, groups),
        "risk_coverage": risk_coverage(scores, gold, decisions, groups, 0.0),
        "confusion": confusion_tables(gold, decisions),
    }


def test_the_plots_are_small_and_depend_on_the_report_alone(tmp_path: Path) -> None:
    once, again, other = (draw_plots(report(seed), tmp_path / str(i)) for i, seed in enumerate((1, 1, 2)))
    assert [path.name for path in once] == [RELIABILITY, RISK_COVERAGE, CONFUSION]
    for first, second, third in zip(once, again, other, strict=True):
        assert matplotlib.image.imread(first).std() > 0.05  # something is drawn
        assert first.stat().st_size <= MAX_BYTES
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes() != third.read_bytes()


def test_a_report_read_from_json_is_drawn_alike(tmp_path: Path) -> None:
    made = report()
    read = json.loads(json.dumps(json_ready(made)))
    for first, second in zip(draw_plots(made, tmp_path / "a"), draw_plots(read, tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_report_of_an_older_version_is_refused(tmp_path: Path) -> None:
    old = {key: value for key, value in report().items() if key not in {"calibration", "risk_coverage"}}
    with pytest.raises(ConfigurationError, match="has no calibration, risk_coverage: another version wrote it"):
        draw_plots(old, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_plot_that_grows_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MAX_BYTES", 1000)
    with pytest.raises(ConfigurationError, match=r"bytes, at most 1,000 are allowed"):
        draw_plots(report(), tmp_path)
