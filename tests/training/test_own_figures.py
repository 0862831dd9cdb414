"""Figures over what is known, and thresholds between the old ones and the user's."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np
import pytest
from datasets import Dataset

from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.scores import HEADS, LOGIT_COUNT, Calibration, Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.own_data import OwnLabels, OwnText, own_dataset
from complaintnlp.training.own_figures import (
    MIN_POSITIVES,
    MIN_TEXTS,
    comparison_markdown,
    own_calibration,
    own_thresholds,
    own_type_figures,
    own_types_markdown,
    partial_figures,
)

TOLD = ("delay_wait", "price_billing")


def texts_with(labels: list[OwnLabels]) -> Dataset:
    return own_dataset([OwnText(n, str(n), f"text {n}", each, "en") for n, each in enumerate(labels)], TOLD)


def scores_with(types: np.ndarray, at_risk: np.ndarray) -> Scores:
    count = len(types)
    return Scores(
        failure_types=types,
        primary=np.full((count, 13), 1 / 13),
        intensity_above=np.full((count, 4), 0.1),
        nps=np.tile([0.8, 0.1, 0.1], (count, 1)),
        at_risk=at_risk,
        risk_reasons=np.full((count, 4), 0.1),
        own_types=np.zeros((count, 0)),
    )


def test_only_what_is_known_is_measured() -> None:
    texts = texts_with(
        [
            OwnLabels(failure_types=("delay_wait",)),
            OwnLabels(failure_types=("price_billing",), nps_class="promoter"),
            OwnLabels(nps_class="detractor"),
        ]
    )
    types = np.full((3, 13), 0.1)
    types[:, FAILURE_TYPE_IDS.index("delay_wait")] = 0.9
    types[:, FAILURE_TYPE_IDS.index("staff_conduct")] = 0.9  # nobody told of it: no error
    scores = scores_with(types, np.array([0.1, 0.2, 0.3]))
    decisions = decide(scores, Policy())
    figures = partial_figures(scores, decisions, texts, ["a", "a", "b"])
    assert figures["a"]["type_micro_f1"] == pytest.approx(0.5)  # one of two answers, one of two labels
    assert figures["a"]["detractor_f1"] == pytest.approx(0.0)
    assert figures["b"]["detractor_f1"] == pytest.approx(1.0)
    assert np.isnan([figures["b"]["type_micro_f1"], figures["a"]["intensity_qwk"], figures["a"]["at_risk_f1"]]).all()
    table = comparison_markdown(figures, figures)
    assert "| type micro-F1 | 0.500 → 0.500 | - |" in table
    assert "intensity" not in table


def test_thresholds_move_towards_the_texts_by_their_number() -> None:
    count = 2 * MIN_TEXTS
    values = np.linspace(0, 1, count)
    labels = [OwnLabels(failure_types=TOLD if value >= 0.8 else (), at_risk=bool(value >= 0.2)) for value in values]
    scores = scores_with(np.repeat(values[:, None], 13, axis=1), values)
    old = Policy(failure_types=(0.4,) * 13, at_risk=0.5, language_shift={"en": 0.1})
    policy = own_thresholds(scores, texts_with(labels), old)
    # Two thirds of the way; the shift of English, which is added later, lowers the best threshold of 0.8 to 0.7.
    assert policy.failure_types == pytest.approx((0.4 + 0.3 * 2 / 3,) * 13, abs=0.02)
    assert policy.at_risk == pytest.approx(0.5 - 0.3 * 2 / 3, abs=0.02)
    assert (policy.language_shift, policy.risk_reasons) == (old.language_shift, old.risk_reasons)
    few = slice(0, MIN_TEXTS - 1)
    assert own_thresholds(scores_with(scores.failure_types[few], values[few]), texts_with(labels[few]), old) == old


def test_calibration_moves_only_for_known_heads() -> None:
    count = 2 * MIN_TEXTS
    random = np.random.default_rng(1)
    logits = random.normal(scale=1.5, size=(count, LOGIT_COUNT))
    chances = 1 / (1 + np.exp(-logits[:, HEADS["at_risk"]][:, 0]))
    texts = texts_with([OwnLabels(at_risk=bool(risky)) for risky in random.random(count) < chances])
    old = Calibration(dict.fromkeys(HEADS, 1.0), {"at_risk": -0.3, "failure_types": 0.2})
    new = own_calibration((3 * (logits - 1)).astype(np.float32), texts, old)
    assert new.temperatures["at_risk"] == pytest.approx(1 + 2 / 3 * 2, rel=0.2)
    assert new.biases["at_risk"] == pytest.approx(-0.3 + 2 / 3 * 1.3, abs=0.2)
    assert {head for head in HEADS if new.temperatures[head] != 1.0} == {"at_risk"}
    assert new.biases == {"at_risk": new.biases["at_risk"], "failure_types": 0.2}


@pytest.mark.parametrize("rare", [True, False])
def test_calibration_stays_where_nearly_all_labels_say_the_same(rare: bool) -> None:
    texts = texts_with([OwnLabels(at_risk=rare if n < MIN_POSITIVES - 1 else not rare) for n in range(2 * MIN_TEXTS)])
    logits = np.random.default_rng(2).normal(size=(len(texts), LOGIT_COUNT)).astype(np.float32)
    old = Calibration(dict.fromkeys(HEADS, 1.0), {"at_risk": -0.3})
    assert own_calibration(logits, texts, old) == old


def test_each_own_type_is_measured_where_its_label_is_known() -> None:
    own = tuple(OwnType.of(name, {"names": {"en": name}, "like": "poor_quality"}) for name in ("a", "b", "c"))
    gold = Dataset.from_dict({"own_types": [[1, 0, nan], [1, 0, nan], [0, 0, nan], [nan, nan, nan]]})
    empty = decide(scores_with(np.zeros((4, 13)), np.zeros(4)), Policy())
    before = replace(empty, own_types=np.array([[0], [0], [0], [1]], dtype=bool))
    after = replace(empty, own_types=np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1]], dtype=bool))
    figures = own_type_figures([before, after], gold, gold, own)
    assert [(each.train, each.held_out) for each in figures] == [(2, 2), (0, 0), (0, 0)]
    assert figures[0].before == 0.0
    assert figures[0].after == pytest.approx(0.5)
    assert np.isnan([each.before for each in figures[1:]] + [each.after for each in figures[1:]]).all()
    table = own_types_markdown(figures)
    assert "| a | poor_quality | 2 | 2 | 0.000 → 0.500 |" in table
    assert "| b | poor_quality | 0 | 0 | - → - |" in table
