"""Two models in a row, against what each would answer alone."""

from __future__ import annotations

import numpy as np
import pytest

from complaintnlp import Analyzer
from complaintnlp.judgement.decide import Policy, confidence, decide
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import LOGIT_COUNT, Calibration, Scores, scores_from_logits
from complaintnlp.training.cascade import (
    SHARES,
    TOLERANCE,
    Answers,
    CascadeAnalyzer,
    chosen_cut,
    cuts,
    estimated_rate,
)

TEXTS = ["Fırın üç defa tamir edildi, hâlâ ısıtmıyor!", "the soup was cold", "账单扣了两次。", "Առաքիչը ուշացավ։"]
EAGER = Policy(failure_types=(0.0,) * 13)
SHY = Policy(failure_types=(1.0,) * 13)


def random_scores(seed: int, texts: int = 50) -> Scores:
    return scores_from_logits(np.random.default_rng(seed).normal(scale=2.0, size=(texts, LOGIT_COUNT)), Calibration())


def test_the_good_model_answers_where_the_fast_one_is_not_sure(tiny_folder: ModelFolder) -> None:
    runtime = Runtime(tiny_folder)
    # The same weights under other thresholds: the number of types tells who answered.
    fast, good = Analyzer(runtime, EAGER), Analyzer(runtime, SHY)
    sure = {text: float(confidence(runtime.scores(text))[0]) for text in TEXTS}
    cut = sorted(sure.values())[1]
    cascade = CascadeAnalyzer(fast, good, cut)
    by_fast = 0
    for text in TEXTS:
        expected = fast if sure[text] > cut else good
        assert cascade.analyze(text) == expected.analyze(text)
        by_fast += bool(cascade.analyze(text).failure_types)
    assert by_fast == 2
    assert [answer.failure_types for answer in CascadeAnalyzer(fast, good, 1.0).analyze_many(TEXTS)] == [()] * 4
    assert all(answer.failure_types for answer in CascadeAnalyzer(fast, good, 0.0).analyze_many(TEXTS))


def test_answers_are_mixed_text_by_text() -> None:
    fast, good = (Answers(scores, decide(scores, Policy())) for scores in (random_scores(1), random_scores(2)))
    sure = np.arange(50) % 3 == 0
    mixed = fast.where(sure, good)
    for part in ("scores", "decisions"):
        for name in getattr(mixed, part).__dataclass_fields__:
            values, one, other = (getattr(getattr(answers, part), name) for answers in (mixed, fast, good))
            assert values.dtype == one.dtype
            np.testing.assert_array_equal(values[sure], one[sure])
            np.testing.assert_array_equal(values[~sure], other[~sure])


def test_cuts_let_the_fast_model_answer_the_shares() -> None:
    sure = confidence(random_scores(3, 2000))
    shares = [float((sure > cut).mean()) for cut in cuts(sure)]
    assert shares == pytest.approx(SHARES, abs=0.01)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_the_chosen_cut_lets_the_fast_model_answer_most_at_nearly_the_same_quality() -> None:
    tried = (1.0, 0.8, 0.6, 0.4, 0.0)
    assert chosen_cut(tried, (0.70, 0.71, 0.70 - 0.9 * TOLERANCE, 0.60, 0.50)) == 0.6
    # A dip between is no reason to stop: what counts is the cut's own quality.
    assert chosen_cut(tried, (0.70, 0.60, 0.70, 0.69, 0.50)) == 0.6
    assert chosen_cut(tried, (0.70, 0.60, 0.65, 0.60, 0.50)) == 0.8, "none is good enough: the most careful one"
    assert chosen_cut(tried, (0.70, 0.70, 0.70, 0.70, 0.90)) == 0.4, "the fast model alone is no cascade"


def test_a_text_costs_the_fast_path_and_its_share_of_the_good_model() -> None:
    assert estimated_rate(1000.0, 100.0, 0.0) == pytest.approx(1000.0)
    assert estimated_rate(1000.0, 100.0, 0.5) == pytest.approx(1 / 0.006)
