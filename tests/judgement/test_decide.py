from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from complaintnlp.errors import ModelFolderError
from complaintnlp.judgement.decide import (
    MAX_FAILURE_TYPES,
    Decisions,
    Policy,
    confidence,
    decide,
    folder_policy,
    named_types,
)
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.scores import LOGIT_COUNT, Calibration, Scores, scores_from_logits
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES

TYPES = len(FAILURE_TYPE_IDS)


def one(**parts: Any) -> Scores:
    """Scores of one text: low everywhere but in the given parts, whose missing tail is low too."""
    low = {
        "failure_types": [0.01] * TYPES,
        "primary": [1 / TYPES] * TYPES,
        "intensity_above": [0.0] * 4,
        "nps": [0.1, 0.8, 0.1],
        "at_risk": 0.0,
        "risk_reasons": [0.1] * 4,
        "own_types": [],
    }
    values = {
        name: [*parts[name], *default[len(parts[name]) :]]
        if name in parts and isinstance(default, list)
        else parts.get(name, default)
        for name, default in low.items()
    }
    return Scores(**{name: np.array([value], dtype=np.float64) for name, value in values.items()})


def types_of(decisions: Decisions) -> list[int]:
    return np.flatnonzero(decisions.failure_types[0]).tolist()


LOGITS = arrays.arrays(np.float64, (5, LOGIT_COUNT), elements=st.floats(-8, 8))
THRESHOLDS = st.floats(0.0, 1.0)
POLICIES = st.builds(
    Policy,
    failure_types=st.tuples(*[THRESHOLDS] * TYPES),
    language_shift=st.dictionaries(st.sampled_from(LANGUAGES), st.floats(-1.0, 1.0)),
    at_risk=THRESHOLDS,
    risk_reasons=st.tuples(*[THRESHOLDS] * 4),
    review_below=THRESHOLDS,
)


@given(LOGITS, POLICIES)
def test_what_holds_for_every_text_and_every_policy(logits: np.ndarray, policy: Policy) -> None:
    scores = scores_from_logits(logits, Calibration())
    decisions = decide(scores, policy)
    for i in range(len(scores)):
        chosen = decisions.failure_types[i]
        assert chosen.sum() <= MAX_FAILURE_TYPES == 4
        assert (scores.failure_types[i][chosen] >= np.asarray(policy.failure_types)[chosen]).all()
        passed = scores.failure_types[i] >= np.asarray(policy.failure_types)
        assert chosen.sum() == min(4, passed.sum())
        primary = decisions.primary[i]
        assert chosen[primary] if chosen.any() else primary == -1
        assert decisions.risk_reasons[i].any() == decisions.at_risk[i]
        assert 0 <= decisions.intensity[i] <= 4
        assert decisions.nps[i] == scores.nps[i].argmax()


@given(LOGITS, POLICIES)
def test_a_batch_is_decided_as_its_texts_alone(logits: np.ndarray, policy: Policy) -> None:
    together = decide(scores_from_logits(logits, Calibration()), policy)
    for i in range(len(logits)):
        alone = decide(scores_from_logits(logits[i : i + 1], Calibration()), policy)
        for name in ("failure_types", "primary", "intensity", "nps", "at_risk", "risk_reasons", "needs_review"):
            assert np.array_equal(getattr(together, name)[i], getattr(alone, name)[0])


def test_a_threshold_is_passed_by_reaching_it() -> None:
    policy = replace(Policy(), failure_types=(0.3, *[0.5] * (TYPES - 1)))
    assert types_of(decide(one(failure_types=[0.3, 0.49]), policy)) == [0]
    assert types_of(decide(one(failure_types=[0.29, 0.5]), policy)) == [1]


def test_each_type_has_its_own_threshold() -> None:
    policy = replace(Policy(), failure_types=(0.9, 0.2, *[0.5] * (TYPES - 2)))
    assert types_of(decide(one(failure_types=[0.8, 0.3, 0.4, 0.6]), policy)) == [1, 3]


def test_of_more_than_four_types_those_farthest_over_their_threshold_stay() -> None:
    policy = replace(Policy(), failure_types=(0.9, 0.1, *[0.5] * (TYPES - 2)))
    decisions = decide(one(failure_types=[0.95, 0.3, 0.8, 0.7, 0.6, 0.9]), policy)
    assert types_of(decisions) == [1, 2, 3, 5]


def test_the_primary_type_is_the_most_probable_of_the_list() -> None:
    scores = one(failure_types=[0.9, 0.6, 0.1], primary=[0.1, 0.2, 0.7, *[0.0] * (TYPES - 3)])
    assert decide(scores, Policy()).primary.tolist() == [1]


def test_safety_goes_before_all_else() -> None:
    safety = FAILURE_TYPE_IDS.index("safety_security")
    probabilities = [0.9] + [0.0] * (TYPES - 1)
    probabilities[safety] = 0.6
    assert decide(one(failure_types=probabilities, primary=[1.0] + [0.0] * (TYPES - 1)), Policy()).primary == [safety]


def test_an_empty_list_has_no_primary() -> None:
    decisions = decide(one(primary=[1.0, *[0.0] * (TYPES - 1)]), Policy())
    assert types_of(decisions) == []
    assert decisions.primary.tolist() == [-1]


def test_a_threshold_of_zero_lets_all_pass_without_a_warning() -> None:
    decisions = decide(one(failure_types=[0.0]), replace(Policy(), failure_types=(0.0,) * TYPES))
    assert len(types_of(decisions)) == 4


@pytest.mark.parametrize(
    ("above", "level"),
    [
        ([0.3, 0.1, 0.05, 0.0], 0),
        ([0.6, 0.3, 0.2, 0.1], 1),
        ([0.9, 0.6, 0.2, 0.1], 2),
        ([0.9, 0.9, 0.7, 0.1], 3),
        ([0.5, 0.0, 0.0, 0.0], 1),
        ([0.9, 0.9, 0.9, 0.9], 4),
    ],
)
def test_the_intensity_is_the_level_nearest_to_its_expected_value(above: list[float], level: int) -> None:
    assert decide(one(intensity_above=above), Policy()).intensity.tolist() == [level]


def test_a_language_has_a_shift_of_its_own() -> None:
    scores = one(failure_types=[0.45, 0.3])
    policy = replace(Policy(), language_shift={"hy": -0.1})
    assert types_of(decide(scores, policy, ["hy"])) == [0]
    assert types_of(decide(scores, policy, ["en"])) == []
    assert types_of(decide(scores, policy)) == []
    assert decide(one(failure_types=[0.0]), replace(policy, language_shift={"hy": -1.0}), ["hy"]).failure_types.any()


def test_at_risk_has_the_reasons_that_pass_or_else_the_most_probable() -> None:
    policy = replace(Policy(), at_risk=0.3, risk_reasons=(0.5, 0.2, 0.5, 0.5))
    passing = decide(one(at_risk=0.3, risk_reasons=[0.1, 0.25, 0.4, 0.6]), policy)
    assert (passing.at_risk[0], passing.risk_reasons[0].tolist()) == (True, [False, True, False, True])
    none_passes = decide(one(at_risk=0.9, risk_reasons=[0.1, 0.15, 0.4, 0.2]), policy)
    assert none_passes.risk_reasons[0].tolist() == [False, False, True, False]


def test_a_text_not_at_risk_has_no_reason() -> None:
    decisions = decide(one(at_risk=0.49, risk_reasons=[0.9, 0.9, 0.9, 0.9]), Policy())
    assert not decisions.at_risk[0]
    assert not decisions.risk_reasons.any()


def test_confidence_multiplies_the_certainty_of_each_decision() -> None:
    sure = one(failure_types=[0.0] * TYPES, nps=[0.0, 1.0, 0.0])
    assert confidence(sure) == pytest.approx([1.0])
    doubtful = one(failure_types=[0.8, 0.4, *[0.0] * (TYPES - 2)], nps=[0.5, 0.3, 0.2])
    assert confidence(doubtful) == pytest.approx([0.8 * 0.6 * 0.5])


def test_a_doubtful_text_is_to_be_reviewed() -> None:
    scores = one(failure_types=[0.8, 0.4, *[0.0] * (TYPES - 2)], nps=[0.5, 0.3, 0.2])
    assert decide(scores, replace(Policy(), review_below=0.25)).needs_review.tolist() == [True]
    assert decide(scores, replace(Policy(), review_below=0.23)).needs_review.tolist() == [False]


# --- policy

POLICY = Policy(
    failure_types=tuple(i / 20 for i in range(TYPES)),
    language_shift={"hy": -0.05, "tr": 0.02},
    at_risk=0.35,
    risk_reasons=(0.6, 0.7, 0.8, 1.0),
    review_below=0.15,
)


def test_a_policy_survives_the_model_folder() -> None:
    data = POLICY.to_dict()
    assert data["failure_types"]["cancel_unavailable"] == 0.05
    assert data["risk_reasons"] == {"R1": 0.6, "R2": 0.7, "R3": 0.8, "R4": 1.0}
    assert Policy.from_dict(data, "here") == POLICY


@pytest.mark.parametrize("key", ["failure_types", "language_shift", "at_risk", "risk_reasons", "review_below"])
def test_a_missing_threshold_is_named(key: str) -> None:
    data = POLICY.to_dict()
    del data[key]
    with pytest.raises(ModelFolderError, match=rf"models/x: thresholds are incomplete.*{key}"):
        Policy.from_dict(data, "models/x")


def test_a_type_without_threshold_is_named() -> None:
    data = POLICY.to_dict()
    del data["failure_types"]["refund_return"]
    with pytest.raises(ModelFolderError, match="refund_return"):
        Policy.from_dict(data, "models/x")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at_risk", 1.2),
        ("at_risk", -0.1),
        ("at_risk", float("nan")),
        ("at_risk", "high"),
        ("at_risk", None),
        ("review_below", 2),
        ("language_shift", {"hy": 1.5}),
        ("language_shift", {"hy": float("nan")}),
        ("language_shift", {"de": 0.1}),
        ("language_shift", 0.5),
        ("risk_reasons", [0.5] * 4),
        ("failure_types", dict.fromkeys(FAILURE_TYPE_IDS, 1.01)),
    ],
)
def test_a_threshold_that_is_no_probability_is_refused(key: str, value: object) -> None:
    with pytest.raises(ModelFolderError, match="models/x: thresholds"):
        Policy.from_dict({**POLICY.to_dict(), key: value}, "models/x")


@pytest.mark.parametrize("data", [None, [], 0.5])
def test_thresholds_that_are_no_mapping_are_refused(data: Any) -> None:
    with pytest.raises(ModelFolderError, match="models/x: thresholds"):
        Policy.from_dict(data, "models/x")


# --- own failure types


def own_type(name: str, like: str = "poor_quality", threshold: float = 0.5) -> OwnType:
    return OwnType.of(name, {"names": {"en": name}, "like": like}, threshold)


OWN = Policy(own_types=(own_type("parking", "facility_hygiene", 0.4), own_type("fire_hazard", "safety_security")))


def answered(policy: Policy = OWN, *, own: tuple[float, ...], languages: tuple[str, ...] = (), **parts: Any) -> Any:
    scores = replace(one(**parts), own_types=np.array([own]))
    return named_types(scores, decide(scores, policy, languages), policy)


def test_an_own_type_is_primary_where_it_is_the_most_probable() -> None:
    assert answered(failure_types=[0.7], own=(0.8, 0.1)) == ({"parking": 0.8, "delay_wait": 0.7}, "parking")
    assert answered(failure_types=[0.8], own=(0.8, 0.1))[1] == "delay_wait"
    assert answered(failure_types=[0.6, 0.7], primary=[0.9], own=(0.5, 0.1))[1] == "delay_wait", "the primary head"
    assert answered(own=(0.41, 0.1)) == ({"parking": 0.41}, "parking")
    assert answered(own=(0.39, 0.1)) == ({}, None)


def test_harm_goes_before_an_own_type_and_an_own_type_may_be_harm() -> None:
    harm = [0.01] * FAILURE_TYPE_IDS.index("safety_security") + [0.55]
    assert answered(failure_types=harm, own=(0.9, 0.1))[1] == "safety_security"
    assert answered(failure_types=[0.9], own=(0.8, 0.6))[1] == "fire_hazard"


def test_own_types_share_the_four_places() -> None:
    found, primary = answered(failure_types=[0.9, 0.8, 0.7, 0.6], own=(0.45, 0.99))
    assert (list(found), primary) == (["fire_hazard", *FAILURE_TYPE_IDS[:3]], "fire_hazard")


def test_a_language_shift_is_not_theirs_and_a_policy_may_leave_them_out() -> None:
    shifted = replace(OWN, language_shift={"tr": 0.5})
    assert answered(shifted, failure_types=[0.9], own=(0.41, 0.1), languages=("tr",)) == ({"parking": 0.41}, "parking")
    assert answered(Policy(), failure_types=[0.6], own=(0.9, 0.9)) == ({"delay_wait": 0.6}, "delay_wait")


def test_the_policy_of_a_folder_holds_its_own_types(tiny_folder: ModelFolder) -> None:
    folder = replace(tiny_folder, own_types=OWN.own_types)
    policy = folder_policy(folder)
    assert policy == replace(Policy.from_dict(folder.thresholds, "x"), own_types=OWN.own_types)
    assert policy.type_ids == (*FAILURE_TYPE_IDS, "parking", "fire_hazard")
    assert (policy.handled_as("parking"), policy.handled_as("delay_wait")) == ("facility_hygiene", "delay_wait")
