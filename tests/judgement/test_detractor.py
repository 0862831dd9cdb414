from __future__ import annotations

import inspect

import numpy as np
import pytest

from complaintnlp.judgement.detractor import class_of_score, nps_result
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
