"""The gate on answers whose distance is known, and on a run and the folder that was exported from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions, Policy, decide
from complaintnlp.model.scores import LOGIT_COUNT, Calibration, Scores, scores_from_logits
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training.dataset import read_corpora
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.gate import LIMITS, TOGETHER, compare_answers, gate_markdown, run_gate
from complaintnlp.training.release import load_run, release_run
from complaintnlp.training.train import Run, train

TEXTS = 400


def answers() -> tuple[Scores, Decisions]:
    logits = np.random.default_rng(6).normal(scale=3.0, size=(TEXTS, LOGIT_COUNT)).astype(np.float32)
    scores = scores_from_logits(logits, Calibration())
    return scores, decide(scores, Policy())


def test_equal_answers_pass_with_the_bound_that_so_many_texts_allow() -> None:
    report = compare_answers(answers(), answers())
    assert report["change"][TOGETHER]["value"] == 0.0
    assert report["flips"][TOGETHER] == {"value": 0.0, "low": 0.0, "high": 3 / TEXTS}
    assert report["passed"]
    assert not report["certain"]  # 3 / 400 lies above the limit for flips


def test_changes_and_flips_are_counted_by_head_and_together() -> None:
    scores, decisions = answers()
    moved = replace(scores, at_risk=np.clip(scores.at_risk, 0.0, 0.9) + 0.1)
    flipped = replace(
        decisions,
        at_risk=np.where(np.arange(TEXTS) < 40, ~decisions.at_risk, decisions.at_risk),
        intensity=np.where(np.arange(TEXTS) < 20, (decisions.intensity + 1) % 5, decisions.intensity),
    )
    report = compare_answers((scores, decisions), (moved, flipped))
    change = np.abs(moved.at_risk - scores.at_risk).mean()
    assert report["change"]["at_risk"]["value"] == pytest.approx(change)
    assert report["change"]["nps"]["value"] == 0.0
    assert report["change"][TOGETHER]["value"] == pytest.approx(change / LOGIT_COUNT)
    assert report["flips"]["at_risk"]["value"] == pytest.approx(0.1)
    assert report["flips"]["at_risk"]["low"] < 0.1 < report["flips"]["at_risk"]["high"]
    assert report["flips"]["intensity"]["value"] == pytest.approx(0.05)
    assert report["flips"][TOGETHER]["value"] == pytest.approx(60 / (16 * TEXTS))
    assert report["texts_flipped"]["value"] == pytest.approx(0.1)
    assert report["flips"][TOGETHER]["value"] > LIMITS["flips"]
    assert not report["passed"]


def test_a_change_beyond_the_limit_alone_fails() -> None:
    scores, decisions = answers()
    moved = replace(scores, primary=np.abs(scores.primary - 0.2))
    report = compare_answers((scores, decisions), (moved, decisions))
    assert report["change"][TOGETHER]["low"] > LIMITS["change"]
    assert not report["passed"]
    assert report["certain"]


def test_a_folder_is_measured_against_its_own_run(
    make_run: Callable[..., Run],
    corpora_folder: Callable[..., Path],
    annotations: Path,
    corpora: Path,
    tmp_path: Path,
) -> None:
    run = make_run("gated", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    folder = release_run(run.folder, tmp_path / "model", annotations, name="tiny", version="1")
    seen: list[tuple[str, int, int]] = []
    threads = torch.get_num_threads()
    report = run_gate(run.folder, folder, annotations, corpora, texts=30, progress=lambda *step: seen.append(step))
    assert torch.get_num_threads() == threads
    assert set(report["languages"]) == set(LANGUAGES)
    for figures in report["languages"].values():
        assert figures["texts"] == 30
        assert 0.0 < figures["change"][TOGETHER]["value"] < 0.02
    assert report["passed"] == all(figures["passed"] for figures in report["languages"].values())
    assert ("tr", 30, 30) in seen
    table = gate_markdown(report)
    assert table.count("| zh |") == 3
    assert "tiny 1 (int8) against the float32 network of gated" in table

    turkish = corpora_folder({"tr": read_corpora(corpora, ("tr",))})
    with pytest.raises(ConfigurationError, match="holds no unlabelled text in zh"):
        run_gate(run.folder, folder, annotations, turkish, texts=30)

    other = make_run("other", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(other)
    with pytest.raises(ConfigurationError, match=r"was exported from the run 'gated', and .*other is the run 'other'"):
        run_gate(other.folder, folder, annotations, corpora, texts=30)

    network, tokenizer, _ = load_run(run.folder)
    with torch.no_grad():
        network.heads.weight *= -1
    write_model_folder(folder, network, tokenizer, name="tiny", version="2", max_tokens=48, training={})
    assert not run_gate(run.folder, folder, annotations, corpora, texts=30)["passed"]
