from __future__ import annotations

import inspect

import numpy as np
import pytest

from complaintnlp.judgement.detractor import class_of_score, estimate_nps, nps_result
from complaintnlp.records import NpsClass, NpsResult

CLASSES: dict[int, NpsClass] = {
    **dict.fromkeys(range(7), "detractor"),
    **dict.fromkeys((7, 8), "passive"),
    **dict.fromkeys((9, 10), "promoter"),
}
FROM_TEXT = np.array([0.2, 0.70004, 0.09996])


@pytest.mark.parametrize("score", range(11))
def test_every_survey_score_has_its_class(score: int) -> None:
    assert class_of_score(score) == CLASSES[score]


@pytest.mark.parametrize("score", range(11))
def test_a_survey_score_overrides_the_text_and_keeps_its_probabilities(score: int) -> None:
    result = nps_result(FROM_TEXT, score)
    assert result is not None
    assert (result.nps_class, result.source) == (CLASSES[score], "survey")
    assert result.probabilities == {"detractor": 0.2, "passive": 0.7, "promoter": 0.1}


def test_a_survey_score_stands_alone() -> None:
    result = nps_result(None, 0)
    assert result == NpsResult.model_validate({"class": "detractor", "probabilities": None, "source": "survey"})


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [([0.5, 0.3, 0.2], "detractor"), ([0.3, 0.4, 0.3], "passive"), ([0.1, 0.1, 0.8], "promoter")],
)
def test_the_text_decides_where_no_survey_was_answered(probabilities: list[float], expected: str) -> None:
    result = nps_result(np.array(probabilities), None)
    assert result is not None
    assert (result.nps_class, result.source) == (expected, "text")


def test_nothing_is_invented_without_text_and_survey() -> None:
    assert nps_result(None, None) is None


def test_stars_play_no_part() -> None:
    assert list(inspect.signature(nps_result).parameters) == ["probabilities", "nps_score"]


def test_the_nps_of_a_set_is_promoters_minus_detractors() -> None:
    estimate = estimate_nps({"promoter": 50, "passive": 30, "detractor": 20})
    assert estimate is not None
    assert estimate.texts == 100
    assert estimate.nps == pytest.approx(30.0)
    # Standard error of the mean of +1, 0, -1 with these shares.
    error = 100 * np.sqrt((0.7 - 0.3**2) / 100)
    assert estimate.low == pytest.approx(30 - 1.96 * error, abs=2.5)
    assert estimate.high == pytest.approx(30 + 1.96 * error, abs=2.5)
    assert estimate == estimate_nps({"promoter": 50, "passive": 30, "detractor": 20})


def test_a_larger_set_has_a_narrower_interval() -> None:
    small, large = (estimate_nps({"promoter": n, "detractor": n}) for n in (10, 1000))
    assert small is not None
    assert large is not None
    assert small.high - small.low > 5 * (large.high - large.low)


def test_the_edges_of_the_scale_and_an_empty_set() -> None:
    assert estimate_nps({}) is None
    everyone = estimate_nps({"detractor": 5})
    assert everyone is not None
    assert (everyone.nps, everyone.low, everyone.high) == (-100.0, -100.0, -100.0)
