"""Calibration and review figures on made-up answers whose quality is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from complaintnlp.judgement.decide import Decisions, Policy, confidence, decide
from complaintnlp.model.scores import HEADS, LOGIT_COUNT, Calibration, Scores, scores_from_logits
from complaintnlp.training.metrics import Gold, expected_calibration_error
from complaintnlp.training.reliability import (
    ALL,
    ANSWERED,
    COVERAGES,
    TITLES,
    beyond_target,
    calibration,
    calibration_markdown,
    review_markdown,
    risk_coverage,
)

TEXTS = 800
GROUPS = ["en", "hy real"] * (TEXTS // 2)


def drawn(sharpness: float = 1.0) -> tuple[Scores, Gold, Decisions]:
    """Scores of logits times a factor, and labels drawn by the scores of the logits themselves."""
    random = np.random.default_rng(4)
    logits = random.normal(scale=4.0, size=(TEXTS, LOGIT_COUNT)).astype(np.float32)
    true = scores_from_logits(logits, Calibration())

    def one_of(shares: np.ndarray) -> np.ndarray:
        return np.asarray((random.random((TEXTS, 1)) > shares.cumsum(axis=1)).sum(axis=1))

    gold = Gold(
        failure_types=random.random((TEXTS, 13)) < true.failure_types,
        primary=np.where(random.random(TEXTS) < 0.3, -1, one_of(true.primary)),
        intensity=(random.random((TEXTS, 1)) < true.intensity_above).sum(axis=1),
        nps=one_of(true.nps),
        at_risk=random.random(TEXTS) < true.at_risk,
        risk_reasons=random.random((TEXTS, 4)) < true.risk_reasons,
    )
    scores = scores_from_logits(logits * np.float32(sharpness), Calibration())
    return scores, gold, decide(scores, Policy())


def test_calibrated_heads_have_a_small_error_and_sharpened_ones_a_large_one() -> None:
    right, wrong = (calibration(*drawn(factor), GROUPS) for factor in (1.0, 20.0))
    assert list(right) == [ALL, "en", "hy real"]
    for head in HEADS:
        figures = right["en"][head]
        assert figures["low"] <= figures["ece"] <= figures["high"]
        assert figures["ece"] < 0.09, head
        assert wrong["en"][head]["low"] > right["en"][head]["high"], head


def test_the_error_of_a_head_is_that_of_its_probabilities() -> None:
    scores, gold, decisions = drawn(2.0)
    heads = calibration(scores, gold, decisions, ["en"] * TEXTS)["en"]
    named, said = gold.primary >= 0, decisions.failure_types
    expected = {
        "failure_types": (scores.failure_types, gold.failure_types),
        "primary": (scores.primary.max(axis=1)[named], (scores.primary.argmax(axis=1) == gold.primary)[named]),
        "intensity": (scores.intensity_above, gold.intensity[:, None] > np.arange(4)),
        "at_risk": (scores.at_risk, gold.at_risk),
        ANSWERED: (scores.failure_types[said], gold.failure_types[said]),
    }
    for head, (probabilities, outcomes) in expected.items():
        assert heads[head]["ece"] == pytest.approx(expected_calibration_error(probabilities, outcomes)), head
        assert heads[head]["probabilities"] == probabilities.size
        assert sum(each["count"] for each in heads[head]["bins"]) == probabilities.size


def test_all_leaves_out_the_real_armenian_comments() -> None:
    report = calibration(*drawn(), GROUPS)
    assert report[ALL] == report["en"]
    assert report["hy real"] != report["en"]


def test_a_head_without_an_answer_has_no_error() -> None:
    scores, gold, decisions = drawn()
    silent = replace(decisions, failure_types=np.zeros((TEXTS, 13), dtype=bool))
    report = calibration(scores, gold, silent, GROUPS)
    assert np.isnan(report["en"][ANSWERED]["ece"])
    table = calibration_markdown({"calibration": report})
    assert "| failure types, answered ones | - | - | - |" in table, table
    assert all(title in table for title in TITLES.values())


def test_the_surest_answers_are_wrong_least() -> None:
    scores, gold, decisions = drawn()
    cut = float(np.quantile(confidence(scores), 0.2))
    report = risk_coverage(scores, gold, decisions, ["en"] * TEXTS, cut)["en"]
    wrong = (decisions.failure_types != gold.failure_types).any(axis=1) | (decisions.nps != gold.nps)
    kept = confidence(scores) >= cut
    assert report["coverage"] == pytest.approx(0.8)
    assert report["wrong"]["share"] == pytest.approx(wrong.mean())
    assert report["wrong_kept"]["share"] == pytest.approx(wrong[kept].mean())
    assert report["wrong_flagged"]["share"] == pytest.approx(wrong[~kept].mean())
    assert report["caught"]["share"] == pytest.approx((~kept)[wrong].mean())
    assert report["wrong_kept"]["low"] < report["wrong_kept"]["share"] < report["wrong_kept"]["high"]
    assert len(report["curve"]) == len(COVERAGES)
    assert report["curve"][-1] == pytest.approx(wrong.mean())
    assert report["curve"][0] < report["curve"][-1]
    assert report["aurc_best"] < report["aurc"] < wrong.mean()


def test_nothing_flagged_has_no_share() -> None:
    report = risk_coverage(*drawn(), GROUPS, 0.0)
    assert report["en"]["coverage"] == 1.0
    assert np.isnan(report["en"]["wrong_flagged"]["share"])
    assert "| wrong, of the flagged ones | - | - |" in review_markdown({"risk_coverage": report})


def test_heads_above_the_target_are_named() -> None:
    report = {"calibration": calibration(*drawn(20.0), GROUPS)}
    sure, _ = beyond_target(report).split(" Above it, but not surely: ")
    assert "NPS class (en)" in sure
    assert "NPS class (all)" in sure
    heads = report["calibration"]["en"]
    heads["nps"] = {**heads["nps"], "ece": 0.07, "low": 0.05}
    sure, doubtful = beyond_target(report).split(" Above it, but not surely: ")
    assert "NPS class (en)" not in sure
    assert "NPS class (en)" in doubtful
    heads["nps"]["ece"] = None
    assert "NPS class (en)" not in beyond_target(report)
