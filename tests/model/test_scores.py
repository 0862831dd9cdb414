from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaintnlp.model.scores import (
    BIASED_HEADS,
    HEADS,
    LOGIT_COUNT,
    SOFTMAX_HEADS,
    Calibration,
    Scores,
    combine_windows,
    scores_from_logits,
    sigmoid,
    softmax,
)

NEUTRAL = Calibration(dict.fromkeys(HEADS, 1.0), dict.fromkeys(BIASED_HEADS, 0.0))


def logits_of(**heads: list[float]) -> np.ndarray:
    row = np.zeros((1, LOGIT_COUNT))
    for name, values in heads.items():
        row[0, HEADS[name]] = values
    return row


def test_the_heads_share_out_the_logits_without_gap_or_overlap() -> None:
    taken = [i for part in HEADS.values() for i in range(part.start, part.stop)]
    assert taken == list(range(LOGIT_COUNT)) == list(range(38))
    sizes = {name: part.stop - part.start for name, part in HEADS.items()}
    assert sizes == {"failure_types": 13, "primary": 13, "intensity": 4, "nps": 3, "at_risk": 1, "risk_reasons": 4}
    assert set(HEADS) > SOFTMAX_HEADS
    assert set(BIASED_HEADS) < set(HEADS) - SOFTMAX_HEADS


def test_sigmoid_and_softmax_by_hand() -> None:
    assert sigmoid(np.array([0.0, math.log(3), -math.log(3)])) == pytest.approx([0.5, 0.75, 0.25])
    assert softmax(np.array([[0.0, math.log(2), math.log(5)]])) == pytest.approx(np.array([[0.125, 0.25, 0.625]]))


def test_huge_logits_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e9, 1e9])).tolist() == [0.0, 1.0]
    assert softmax(np.array([[1e9, 0.0, -1e9]])).tolist() == [[1.0, 0.0, 0.0]]


def test_each_head_is_turned_into_its_own_kind_of_probability() -> None:
    logits = logits_of(
        failure_types=[math.log(3)] + [0.0] * 12,
        primary=[math.log(12)] + [0.0] * 12,
        intensity=[math.log(9), math.log(3), 0.0, -math.log(3)],
        nps=[math.log(5), math.log(2), 0.0],
        at_risk=[-math.log(4)],
        risk_reasons=[0.0, 0.0, math.log(4), 0.0],
    )
    scores = scores_from_logits(logits, NEUTRAL)
    assert len(scores) == 1
    assert scores.failure_types[0, :2] == pytest.approx([0.75, 0.5])
    assert scores.primary[0, :2] == pytest.approx([0.5, 1 / 24])
    assert scores.intensity_above[0] == pytest.approx([0.9, 0.75, 0.5, 0.25])
    assert scores.expected_intensity == pytest.approx([2.4])
    assert scores.nps[0] == pytest.approx([0.625, 0.25, 0.125])
    assert scores.at_risk == pytest.approx([0.2])
    assert scores.risk_reasons[0] == pytest.approx([0.5, 0.5, 0.8, 0.5])


def test_a_temperature_divides_the_logits_of_its_head_only() -> None:
    logits = logits_of(
        failure_types=[2 * math.log(3)] * 13, at_risk=[math.log(3)], nps=[2 * math.log(5), 2 * math.log(2), 0.0]
    )
    scores = scores_from_logits(logits, Calibration({"failure_types": 2.0, "nps": 2.0}))
    assert scores.failure_types[0] == pytest.approx([0.75] * 13)
    assert scores.nps[0] == pytest.approx([0.625, 0.25, 0.125])
    assert scores.at_risk == pytest.approx([0.75])


def test_a_bias_is_added_after_the_temperature_has_divided_to_its_head_only() -> None:
    logits = logits_of(failure_types=[2 * math.log(9)] * 13, at_risk=[math.log(3)])
    biases = {"failure_types": -math.log(3), "risk_reasons": math.log(4)}
    scores = scores_from_logits(logits, Calibration({"failure_types": 2.0}, biases))
    assert scores.failure_types[0] == pytest.approx([0.75] * 13)
    assert scores.risk_reasons[0] == pytest.approx([0.8] * 4)
    assert scores.at_risk == pytest.approx([0.75])
    assert scores.intensity_above[0] == pytest.approx([0.5] * 4)


def test_a_head_that_is_not_named_keeps_its_logits() -> None:
    logits = np.linspace(-4.0, 4.0, LOGIT_COUNT)[None]
    bare, neutral = (scores_from_logits(logits, calibration) for calibration in (Calibration(), NEUTRAL))
    for field in fields(Scores):
        assert np.array_equal(getattr(bare, field.name), getattr(neutral, field.name))


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4))
def test_a_higher_intensity_is_never_more_probable_than_a_lower_one(levels: list[float]) -> None:
    above = scores_from_logits(logits_of(intensity=levels), NEUTRAL).intensity_above[0]
    assert (np.diff(above) <= 0).all()
    assert above[0] == sigmoid(np.array([levels[0]]))[0]


@given(st.lists(st.floats(-80, 80), min_size=LOGIT_COUNT, max_size=LOGIT_COUNT))
def test_every_score_is_a_probability(values: list[float]) -> None:
    scores = scores_from_logits(np.array([values], dtype=np.float32), NEUTRAL)
    for field in fields(Scores):
        part = getattr(scores, field.name)
        assert ((part >= 0) & (part <= 1)).all()
    assert scores.primary.sum() == pytest.approx(1.0)
    assert scores.nps.sum() == pytest.approx(1.0)


# --- windows

WINDOWS = Scores(
    failure_types=np.array([[0.9, 0.1, *[0.0] * 11], [0.2, 0.3, *[0.0] * 11], [0.1, 0.8, *[0.0] * 11]]),
    primary=np.array([[0.6, 0.4, *[0.0] * 11], [0.3, 0.7, *[0.0] * 11], [0.0, 1.0, *[0.0] * 11]]),
    intensity_above=np.array([[0.9, 0.1, 0.0, 0.0], [0.5, 0.4, 0.3, 0.2], [0.1, 0.0, 0.0, 0.0]]),
    nps=np.array([[0.9, 0.1, 0.0], [0.6, 0.2, 0.2], [0.0, 0.0, 1.0]]),
    at_risk=np.array([0.1, 0.7, 0.2]),
    risk_reasons=np.array([[0.1, 0.0, 0.0, 0.0], [0.0, 0.6, 0.0, 0.0], [0.3, 0.0, 0.0, 0.5]]),
    own_types=np.zeros((3, 0)),
)


def test_windows_are_combined_by_peak_mean_and_last_word() -> None:
    one = combine_windows(WINDOWS)
    assert len(one) == 1
    assert one.failure_types[0, :2] == pytest.approx([0.9, 0.8])
    assert one.primary[0, :2] == pytest.approx([0.3, 0.7])
    assert one.intensity_above[0] == pytest.approx([0.9, 0.4, 0.3, 0.2])
    assert one.at_risk == pytest.approx([0.7])
    assert one.risk_reasons[0] == pytest.approx([0.3, 0.6, 0.0, 0.5])
    # Mean of the windows (0.5, 0.1, 0.4) and the last one (0, 0, 1), halfway.
    assert one.nps[0] == pytest.approx([0.25, 0.05, 0.7])
    assert one.nps.sum() == pytest.approx(1.0)
    assert (np.diff(one.intensity_above[0]) <= 0).all()


def test_a_single_window_is_left_alone() -> None:
    scores = scores_from_logits(logits_of(at_risk=[1.0]), NEUTRAL)
    assert combine_windows(scores) is scores


# --- own failure types


def test_own_types_are_sigmoids_behind_the_heads_and_combine_by_peak() -> None:
    logits = np.hstack([np.zeros((2, LOGIT_COUNT)), [[2.0, -1.0], [0.0, 1.0]]])
    scores = scores_from_logits(logits, Calibration({"own_types": 2.0}))
    assert scores.own_types == pytest.approx(1 / (1 + np.exp([[-1.0, 0.5], [0.0, -0.5]])))
    assert combine_windows(scores).own_types == pytest.approx(scores.own_types.max(axis=0, keepdims=True))
    assert (scores.failure_types == 0.5).all()


def test_without_own_types_there_are_none() -> None:
    assert WINDOWS.own_types.shape == (3, 0)
    assert combine_windows(WINDOWS).own_types.shape == (1, 0)
