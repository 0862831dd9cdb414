"""Answers by regression and by the model's heads, and their figures."""

from __future__ import annotations

import numpy as np
import pytest

from complaintnlp.model.scores import LOGIT_COUNT, Calibration, Scores, scores_from_logits
from complaintnlp.training.yardstick_figures import (
    FOLDS,
    Answers,
    as_it_is,
    cross_validated,
    figures,
    fold_of,
    gold_array,
)
from complaintnlp.training.yardstick_list import Yardstick, load_yardsticks

COUNT = 200
ALL = np.arange(COUNT)
RANDOM = np.random.default_rng(1)
NOISE = RANDOM.normal(size=(COUNT, 4)).astype(np.float32)
FOLDED = RANDOM.integers(0, FOLDS, COUNT)


def yardstick(name: str) -> Yardstick:
    return next(each for each in load_yardsticks() if each.name == name)


def scores(nps: list[list[float]], intensity: list[list[float]] | None = None) -> Scores:
    """Scores whose NPS probabilities, and P(level > 0) to P(level > 3), are these."""
    blank = scores_from_logits(np.zeros((len(nps), LOGIT_COUNT)), Calibration())
    above = np.array(intensity) if intensity is not None else blank.intensity_above
    return Scores(
        blank.failure_types, blank.primary, above, np.array(nps), blank.at_risk, blank.risk_reasons, blank.own_types
    )


@pytest.mark.parametrize(
    ("name", "answers", "metric"),
    [
        ("waimai", [bool(number % 2) for number in range(COUNT)], "auroc"),
        ("airline-sentiment", [("negative", "neutral", "positive")[number % 3] for number in range(COUNT)], "accuracy"),
        ("semeval2018-anger", [number % 7 / 7 for number in range(COUNT)], "r2"),
    ],
)
def test_a_regression_finds_what_the_features_tell_and_nothing_else(
    name: str, answers: list[str | bool | float], metric: str
) -> None:
    gold = gold_array(yardstick(name), answers)
    telling = np.stack([gold == value for value in np.unique(gold)], axis=1).astype(np.float32) + 0.01 * NOISE[:, :1]
    good = figures(yardstick(name), gold, cross_validated(yardstick(name), telling, gold, FOLDED), ALL)
    bad = figures(yardstick(name), gold, cross_validated(yardstick(name), NOISE, gold, FOLDED), ALL)
    assert good[metric] > 0.95
    assert bad[metric] < 0.65


def test_no_text_helps_to_answer_itself() -> None:
    """Each text's feature is unlike all others: fitted on itself a regression would know it."""
    gold = gold_array(yardstick("waimai"), [bool(value) for value in RANDOM.integers(0, 2, COUNT)])
    answers = cross_validated(yardstick("waimai"), np.eye(COUNT, dtype=np.float32), gold, FOLDED)
    assert figures(yardstick("waimai"), gold, answers, ALL)["auroc"] < 0.6


def test_texts_that_start_alike_share_a_fold() -> None:
    start = "The courier was late again and nobody at all has answered our many calls since"
    assert len({fold_of(start + end) for end in ("!", " Monday", " last year", "...")}) == 1
    assert {fold_of(f"text {number}") for number in range(50)} == set(range(FOLDS))


def test_heads_as_they_are() -> None:
    read = scores([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    binary = as_it_is(yardstick("waimai"), read)
    assert binary.said.tolist() == [True, False, False]
    assert binary.score is not None
    assert binary.score.tolist() == [0.6, 0.2, 0.1]
    assert as_it_is(yardstick("airline-sentiment"), read).said.tolist() == [0, 1, 2]
    valence = as_it_is(yardstick("emobank-texts-valence"), read)
    np.testing.assert_allclose(valence.said, [-0.5, 0.1, 0.7])
    assert not valence.same_units


def test_levels_as_they_are() -> None:
    levels = [[0.9, 0.2, 0.1, 0.0], [1.0, 0.9, 0.2, 0.1], [1.0, 1.0, 1.0, 0.7], [0.1, 0.0, 0.0, 0.0]]
    read = scores([[0.4, 0.3, 0.3]] * 4, levels)
    assert as_it_is(yardstick("complaint-severity"), read).said.tolist() == [0, 1, 3, 0]
    np.testing.assert_allclose(as_it_is(yardstick("complaint-reproach"), read).said, [1.2, 2.2, 3.7, 0.1])


def test_figures() -> None:
    gold = np.array([True, True, False, False])
    answers = Answers(np.array([True, False, False, False]), np.array([0.9, 0.4, 0.5, 0.1]))
    found = figures(yardstick("waimai"), gold, answers, np.arange(4))
    assert found["accuracy"] == 0.75
    assert found["auroc"] == 0.75
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    numbers = Answers(np.array([2.0, 4.0, 6.0]), same_units=False)
    regression = figures(yardstick("semeval2018-anger"), np.array([0.1, 0.2, 0.3]), numbers, np.arange(3))
    assert regression["pearson"] == pytest.approx(1.0)
    assert np.isnan(regression["r2"])


def test_texts_of_one_value_tell_nothing() -> None:
    one = np.array([True, True])
    found = figures(yardstick("waimai"), one, Answers(one, np.array([0.5, 0.6])), np.arange(2))
    assert all(np.isnan(value) for value in found.values())
    same = figures(yardstick("semeval2018-anger"), np.array([0.2, 0.2]), Answers(np.array([0.1, 0.3])), np.arange(2))
    assert all(np.isnan(value) for value in same.values())
