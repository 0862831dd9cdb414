"""Figures computed by hand on a few texts."""

from __future__ import annotations

import numpy as np
import pytest

from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.model.scores import Scores
from complaintnlp.training.metrics import (
    GROUPS,
    Gold,
    by_group,
    confusion_tables,
    evaluate_group,
    expected_calibration_error,
    group_of,
    select,
    selection_score,
)


def gold_and_scores() -> tuple[Gold, Scores]:
    types = np.zeros((4, 13), dtype=bool)
    types[0, 0] = types[1, 0] = types[1, 1] = types[2, 2] = True
    gold = Gold(
        failure_types=types,
        primary=np.array([0, 1, 2, -1]),
        intensity=np.array([0, 2, 4, 1]),
        nps=np.array([0, 0, 1, 2]),
        at_risk=np.array([True, False, True, False]),
        risk_reasons=np.zeros((4, 4), dtype=bool),
    )
    said = np.full((4, 13), 0.05)
    said[0, 0] = said[1, 0] = said[2, 3] = 0.95
    scores = Scores(
        failure_types=said,
        primary=np.full((4, 13), 1 / 13),
        intensity_above=np.array([[0.1] * 4, [0.9, 0.9, 0.1, 0.1], [0.9, 0.9, 0.9, 0.1], [0.9, 0.1, 0.1, 0.1]]),
        nps=np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
        at_risk=np.array([0.9, 0.6, 0.4, 0.2]),
        risk_reasons=np.full((4, 4), 0.1),
        own_types=np.zeros((4, 0)),
    )
    return gold, scores


def test_figures_of_four_texts() -> None:
    gold, scores = gold_and_scores()
    figures = evaluate_group(scores, gold, decide(scores, Policy()))
    assert figures["texts"] == 4
    assert figures["type_micro_f1"] == pytest.approx(2 * 2 / (3 + 4))  # two hits, three answers, four labels
    assert figures["type_macro_f1"] == pytest.approx((1 + 0 + 0) / 3)  # types that occur
    assert figures["primary_accuracy"] == pytest.approx(1 / 3)
    assert figures["intensity_mae"] == pytest.approx(0.25)
    # Weighted disagreement: observed 1; expected from gold 0,2,4,1 against answers 0,2,3,1 in all 16 pairs.
    expected = sum((a - b) ** 2 for a in (0, 2, 4, 1) for b in (0, 2, 3, 1)) / 4
    assert figures["intensity_qwk"] == pytest.approx(1 - 1 / expected)
    assert figures["nps_macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert figures["detractor_f1"] == pytest.approx(2 / 3)
    assert figures["at_risk_auroc"] == pytest.approx(3 / 4)
    assert figures["at_risk_auprc"] == pytest.approx((1 + 2 / 3) / 2)
    assert figures["at_risk_f1"] == pytest.approx(1 / 2)
    assert figures["nps_ece"] == pytest.approx(0.05)
    assert figures["at_risk_ece"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4)
    assert figures["reviewed"] == 0.0


def test_agreement_on_one_level_alone_is_no_agreement() -> None:
    gold, scores = gold_and_scores()
    one = select(gold, np.array([0]))
    answered = decide(scores, Policy())
    assert np.isnan(
        evaluate_group(select(scores, np.array([0])), one, select(answered, np.array([0])))["intensity_qwk"]
    )


def test_one_class_alone_has_no_ranking() -> None:
    gold, scores = gold_and_scores()
    rows = np.array([0, 2])
    decisions = decide(scores, Policy())
    figures = evaluate_group(select(scores, rows), select(gold, rows), select(decisions, rows))
    assert np.isnan(figures["at_risk_auroc"])
    assert np.isnan(figures["at_risk_auprc"])
    assert not np.isnan(selection_score({"en": figures}))


def test_calibration_error_weighs_the_gap_of_each_bin() -> None:
    chances = np.array([0.11, 0.19, 0.9, 1.0])
    outcomes = np.array([False, True, True, True])
    assert expected_calibration_error(chances, outcomes) == pytest.approx(abs(0.15 - 0.5) / 2 + abs(0.95 - 1.0) / 2)


def test_confusion_tables_count_gold_by_answer() -> None:
    gold, scores = gold_and_scores()
    tables = confusion_tables(gold, decide(scores, Policy()))
    assert tables["primary"]["labels"][-1] == "none"
    assert tables["primary"]["counts"][13][13] == 1
    assert tables["primary"]["counts"][1][0] == 1
    assert tables["intensity"]["counts"][4][3] == 1
    assert np.array(tables["nps"]["counts"]).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_real_armenian_is_a_group_of_its_own() -> None:
    assert group_of("hy", "real-evaluation-only") == "hy real"
    assert group_of("hy", "adapted") == "hy adapted"
    assert group_of("tr", "real") == "tr"
    rows = by_group(["zh", "hy real", "en", "zh"], lambda rows: {"n": float(len(rows)), "first": float(rows[0])})
    assert list(rows) == [name for name in GROUPS if name in {"en", "zh", "hy real"}]
    assert rows["zh"] == {"n": 2.0, "first": 0.0}


def test_gold_reads_the_columns_of_a_data_set() -> None:
    unnamed, named = [float("nan")] * 13, [0.0] * 12 + [1.0]
    gold = Gold.of(
        {
            "failure_types": [[0.0] * 13, named],
            "primary": [unnamed, named],
            "intensity": [[0.0] * 4, [1.0, 1.0, 1.0, 0.0]],
            "nps": [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
            "at_risk": [0.0, 1.0],
            "risk_reasons": [[0.0] * 4, [0.0, 1.0, 0.0, 0.0]],
        }
    )
    assert gold.primary.tolist() == [-1, 12]
    assert gold.intensity.tolist() == [0, 3]
    assert gold.nps.tolist() == [2, 0]
    assert gold.at_risk.tolist() == [False, True]
