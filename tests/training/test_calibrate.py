"""Calibration and thresholds on synthetic scores whose best values are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import SCHEMA_VERSION
from complaintnlp.model.scores import BIASED_HEADS, HEADS, LOGIT_COUNT, Calibration, Scores, sigmoid, softmax
from complaintnlp.training.calibrate import (
    FOLDS,
    REVIEW_SHARE,
    best_calibration,
    calibrated,
    fit_calibration,
    fit_thresholds,
    folds,
    precision_markdown,
    precision_table,
)
from complaintnlp.training.metrics import Gold

TEXTS = 1500


def drawn(seed: int) -> tuple[np.ndarray, Gold]:
    """Logits, and labels drawn with exactly the probabilities that the logits stand for."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=1.5, size=(TEXTS, LOGIT_COUNT))

    def chances(head: str) -> np.ndarray:
        return sigmoid(logits[:, HEADS[head]])

    def one_of(head: str) -> np.ndarray:
        shares = softmax(logits[:, HEADS[head]]).cumsum(axis=1)
        return np.asarray((random.random((TEXTS, 1)) > shares).sum(axis=1))

    gold = Gold(
        failure_types=random.random((TEXTS, 13)) < chances("failure_types"),
        primary=np.where(random.random(TEXTS) < 0.2, -1, one_of("primary")),
        intensity=random.integers(0, 5, TEXTS),
        nps=one_of("nps"),
        at_risk=random.random(TEXTS) < chances("at_risk")[:, 0],
        risk_reasons=random.random((TEXTS, 4)) < chances("risk_reasons"),
    )
    return logits.astype(np.float32), gold


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.8])
def test_calibration_undoes_over_and_under_confidence_and_a_shifted_level(factor: float, shift: float) -> None:
    logits, gold = drawn(1)
    calibration = fit_calibration((logits - np.float32(shift)) * np.float32(factor), gold)
    assert set(calibration.temperatures) == set(HEADS)
    assert set(calibration.biases) == set(BIASED_HEADS)
    for head in set(HEADS) - {"intensity"}:  # its levels were drawn without a look at the logits
        assert calibration.temperatures[head] == pytest.approx(factor, rel=0.2), head
    for head in BIASED_HEADS:
        assert calibration.biases[head] == pytest.approx(shift, abs=0.2), head
    assert calibration.temperatures["intensity"] > factor


def test_a_head_without_labels_stays_as_it_is() -> None:
    logits, gold = drawn(2)
    nothing = replace(gold, primary=np.full(TEXTS, -1))
    assert fit_calibration(logits, nothing).temperatures["primary"] == 1.0


@pytest.mark.parametrize("border", [0.0, 0.8, -1.5])
def test_labels_that_a_border_parts_do_not_run_away(border: float) -> None:
    outputs = np.linspace(-2.0, 2.0, 200)[:, None]
    temperature, bias = best_calibration("at_risk", outputs, (outputs > border).astype(float))
    assert math.exp(-1.5) - 1e-9 <= temperature < 0.5
    assert bias * temperature == pytest.approx(-border, abs=0.3)


@pytest.mark.parametrize(("label", "sign"), [(0.0, -1), (1.0, 1)])
def test_one_answer_alone_moves_the_bias_a_bounded_way(label: float, sign: int) -> None:
    outputs = np.random.default_rng(3).normal(size=(200, 1))
    _, bias = best_calibration("at_risk", outputs, np.full((200, 1), label))
    assert 1 < bias * sign < 5


def test_few_texts_say_less_about_the_bias_than_many() -> None:
    outputs, target = np.zeros((10, 1)), np.array([[1.0]] * 2 + [[0.0]] * 8)
    few = best_calibration("at_risk", outputs, target)[1]
    many = best_calibration("at_risk", np.tile(outputs, (100, 1)), np.tile(target, (100, 1)))[1]
    assert -math.log(4) == pytest.approx(many, abs=0.02)
    assert many < few < -0.3


def test_settings_of_an_older_version_become_todays() -> None:
    calibration, policy = Calibration({"nps": 2.0}, {"at_risk": -0.5}), Policy(at_risk=0.4)
    settings = calibrated({"schema_version": 2, "name": "x", "temperatures": {}}, calibration, policy)
    assert settings == {
        "schema_version": SCHEMA_VERSION,
        "name": "x",
        "temperatures": {"nps": 2.0},
        "biases": {"at_risk": -0.5},
        "thresholds": policy.to_dict(),
    }


def scores_with(types: np.ndarray, at_risk: np.ndarray) -> Scores:
    count = len(types)
    levels = np.arange(count) % 5
    return Scores(
        failure_types=types,
        primary=np.full((count, 13), 1 / 13),
        intensity_above=np.where(levels[:, None] > np.arange(4), 0.45, 0.05),
        nps=np.full((count, 3), 1 / 3),
        at_risk=at_risk,
        risk_reasons=np.full((count, 4), 0.3),
        own_types=np.zeros((count, 0)),
    )


def split_at(border: float, count: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    values = np.linspace(0.0, 1.0, count)
    return values, values >= border


def test_thresholds_find_the_known_border() -> None:
    values, over = split_at(0.7)
    types = np.repeat(values[:, None], 13, axis=1)
    gold = Gold(
        failure_types=np.repeat(over[:, None], 13, axis=1),
        primary=np.zeros(len(values), dtype=np.int64),
        intensity=np.arange(len(values)) % 5,
        nps=np.zeros(len(values), dtype=np.int64),
        at_risk=values >= 0.3,
        risk_reasons=np.ones((len(values), 4), dtype=bool),
    )
    policy = fit_thresholds(scores_with(types, values), gold, ["tr", "hy"] * (len(values) // 2))
    assert policy.failure_types == pytest.approx((0.7,) * 13, abs=0.02)
    assert policy.at_risk == pytest.approx(0.3, abs=0.02)
    assert set(policy.language_shift.values()) == {0.0}
    sure = np.maximum(types, 1 - types).prod(axis=1) / 3
    assert (sure < policy.review_below).mean() == pytest.approx(REVIEW_SHARE, abs=0.02)


def test_a_language_is_drawn_from_the_common_threshold_to_its_own() -> None:
    values = np.tile(np.linspace(0.0, 1.0, 500), 2)
    languages = ["en"] * 500 + ["hy"] * 500
    over = values >= np.repeat([0.6, 0.3], 500)
    gold = Gold(
        failure_types=np.repeat(over[:, None], 13, axis=1),
        primary=np.zeros(len(values), dtype=np.int64),
        intensity=np.arange(len(values)) % 5,
        nps=np.zeros(len(values), dtype=np.int64),
        at_risk=over,
        risk_reasons=np.ones((len(values), 4), dtype=bool),
    )
    policy = fit_thresholds(scores_with(np.repeat(values[:, None], 13, axis=1), values), gold, languages)
    common = policy.failure_types[0]
    assert policy.failure_types == (common,) * 13
    assert policy.language_shift["en"] == pytest.approx((0.6 - common) * 500 / 600, abs=0.02)
    assert policy.language_shift["hy"] == pytest.approx((0.3 - common) * 500 / 600, abs=0.02)


def risk_gold(at_risk: np.ndarray) -> Gold:
    count = len(at_risk)
    return Gold(
        failure_types=np.zeros((count, 13), dtype=bool),
        primary=np.full(count, -1),
        intensity=np.zeros(count, dtype=np.int64),
        nps=np.zeros(count, dtype=np.int64),
        at_risk=at_risk,
        risk_reasons=np.zeros((count, 4), dtype=bool),
    )


def test_the_threshold_of_a_precision_is_the_lowest_that_keeps_it() -> None:
    values = np.linspace(0.0, 1.0, 2000)
    # One in two is right below 0.6, nine in ten from there on: 0.8 are right from where the halves weigh little.
    right = np.where(values < 0.6, np.arange(2000) % 2 == 0, np.arange(2000) % 10 > 0)
    table = precision_table(scores_with(np.zeros((2000, 13)), values), risk_gold(right), np.arange(2000) % FOLDS)
    point = table["0.8"]["at_risk"]
    assert point["threshold"] is not None
    said = values >= point["threshold"]
    assert point["precision"] == pytest.approx(right[said].mean(), abs=1e-3)
    assert point["precision"] == pytest.approx(0.8, abs=0.01)
    assert point["recall"] == pytest.approx(right[said].sum() / right.sum(), abs=1e-3)
    assert point["held_out"] == pytest.approx(0.8, abs=0.02)
    assert right[values >= point["threshold"] - 0.02].mean() < 0.8


def test_a_precision_out_of_reach_has_no_threshold() -> None:
    values = np.linspace(0.0, 1.0, 1000)
    table = precision_table(
        scores_with(np.zeros((1000, 13)), values), risk_gold(np.arange(1000) % 4 > 0), np.arange(1000) % FOLDS
    )
    assert table["0.7"]["at_risk"]["threshold"] is not None
    for wanted in ("0.8", "0.9", "0.95"):
        point = table[wanted]["at_risk"]
        assert (point["threshold"], point["held_out"]) == (None, None)
        assert point["precision"] == pytest.approx(0.75, abs=0.05)
    assert table["0.7"]["failure_types"] == {"threshold": None, "precision": 0.0, "recall": 0.0, "held_out": None}
    assert "| 0.9 | at_risk | not reached | " in precision_markdown(table)


def test_the_fifth_type_of_a_text_counts_as_not_answered() -> None:
    types = np.tile(np.concatenate([[0.95, 0.94, 0.93, 0.92], np.full(9, 0.9)]), (100, 1))
    gold = risk_gold(np.zeros(100, dtype=bool))
    gold.failure_types[:, :4] = True
    point = precision_table(scores_with(types, np.zeros(100)), gold, np.arange(100) % FOLDS)["0.95"]["failure_types"]
    assert (point["precision"], point["recall"], point["held_out"]) == (1.0, 1.0, 1.0)


def test_folds_follow_the_id() -> None:
    assert folds(["aa0000", "bb0001", "cc0006", "dd000f"]).tolist() == [0, 1, 1, 0]
