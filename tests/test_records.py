import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from complaintnlp.errors import ComplaintNLPError, InvalidInputError
from complaintnlp.records import (
    MAX_TEXT_CHARS,
    Analysis,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageResult,
    ModelInfo,
    NpsResult,
    RecoveryPlan,
    RecoveryStep,
    RiskResult,
)

WORDS = "Kargom hâlâ gelmedi 要退款 ամոթ է"
MODEL = ModelInfo(name="complaintnlp-small", version="1")
NPS = {
    "class": "detractor",
    "probabilities": {"detractor": 0.9, "passive": 0.08, "promoter": 0.02},
    "source": "text",
}


def full_analysis() -> Analysis:
    return Analysis(
        id="a-1",
        status="scored",
        language=LanguageResult(code="tr", confidence=0.99, supported=True),
        failure_types=(FailureScore(code="delay_wait", score=0.93), FailureScore(code="support_unresolved", score=0.6)),
        primary_failure="delay_wait",
        intensity=IntensityResult(level=4, score=3.7),
        nps=NpsResult.model_validate(NPS),
        at_risk=RiskResult(flag=True, probability=0.81, reasons=("R2", "R3")),
        severity="S3",
        needs_review=True,
        review_reasons=("low_confidence",),
        recovery=RecoveryPlan(
            owner="logistics",
            channel="phone",
            first_reply_within="4 h",
            fix_within="48 h",
            compensation_band="C2",
            steps=(
                RecoveryStep(element="speed", action="trace", owner="logistics", text={"tr": "Kargoyu bulun."}),
                RecoveryStep(element="empathy", action="apologise", owner="support", text={"tr": "Özür dileyin."}),
            ),
        ),
        model=MODEL,
    )


# --- feedback


def test_parse_takes_a_text_a_mapping_or_a_record() -> None:
    record = Feedback(text=WORDS)
    assert Feedback.parse(WORDS) == record
    assert Feedback.parse({"text": WORDS}) == record
    assert Feedback.parse(record) is record


def test_feedback_round_trips_through_json() -> None:
    record = Feedback(
        id="7",
        text=WORDS + "\n\x00😡",
        language="hy",
        rating=4.5,
        nps_score=0,
        channel="in_person",
        created_at=datetime(2026, 9, 14, 9, 30, tzinfo=UTC),
    )
    assert Feedback.model_validate_json(record.to_json()) == record
    assert Feedback.parse(record.to_dict()) == record
    assert Feedback.parse(json.loads(record.to_json(indent=2))) == record


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("language", "de", ("'tr'", "'zh'", "'hy'", "'en'")),
        ("channel", "fax", ("'email'", "'in_person'", "'app'")),
        ("rating", 0.5, ("1",)),
        ("rating", 6, ("5",)),
        ("rating", float("nan"), ("5",)),
        ("nps_score", -1, ("0",)),
        ("nps_score", 11, ("10",)),
        ("nps_score", 7.5, ("integer",)),
        ("created_at", "last week", ("datetime",)),
        ("id", 12, ("string",)),
        ("stars", 5, ("unknown field", "rating", "nps_score", "created_at")),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Feedback.parse({"text": WORDS, field: value})
    message = str(caught.value)
    assert message.startswith(f"{field}: ")
    assert all(part in message for part in allowed)
    assert not any(word in message for word in WORDS.split())


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "text: required"),
        ({"text": None}, "text: "),
        ({"text": [WORDS]}, "text: "),
        ({"text": WORDS + "\ud800"}, "lone surrogate"),
        (WORDS + "\udfff", "lone surrogate"),
        (WORDS + "x" * MAX_TEXT_CHARS, "50,000 characters"),
        ({"text": WORDS, "rating": WORDS}, "rating: "),
        ([WORDS], "input: "),
        (None, "input: "),
        (5, "input: "),
    ],
)
def test_a_problem_is_told_without_the_customers_words(data: Any, problem: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Feedback.parse(data)
    assert problem in str(caught.value)
    assert not any(word in str(caught.value) for word in WORDS.split())
    # A chained validation error would print the input in every traceback.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidInputError, match=r"language: .*; rating: .*; nps_score: "):
        Feedback.parse({"text": "x", "language": "xx", "rating": 0, "nps_score": 99})


def test_the_error_can_be_caught_as_a_value_error_or_as_ours() -> None:
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(InvalidInputError, ComplaintNLPError)


def test_the_longest_text_is_accepted() -> None:
    assert len(Feedback(text="ա" * MAX_TEXT_CHARS).text) == MAX_TEXT_CHARS
    with pytest.raises(ValidationError):
        Feedback(text="ա" * (MAX_TEXT_CHARS + 1))


@pytest.mark.parametrize(("rating", "nps_score"), [(1, 0), (5, 10), (3.5, 5), (None, None)])
def test_the_ends_of_the_scales_are_accepted(rating: float | None, nps_score: int | None) -> None:
    record = Feedback(text="", rating=rating, nps_score=nps_score)
    assert (record.rating, record.nps_score) == (rating, nps_score)


# --- analysis


def test_analysis_round_trips_through_json_with_the_public_name_of_the_class() -> None:
    analysis = full_analysis()
    data = json.loads(analysis.to_json())
    assert data["nps"]["class"] == "detractor"
    assert "nps_class" not in data["nps"]
    assert data == analysis.to_dict()
    assert Analysis.model_validate_json(analysis.to_json()) == analysis
    assert Analysis.model_validate(analysis.to_dict()) == analysis


def test_the_class_is_read_under_both_names() -> None:
    by_name = {key.replace("class", "nps_class"): value for key, value in NPS.items()}
    assert NpsResult.model_validate(by_name) == NpsResult.model_validate(NPS)


def test_an_answer_without_scores_round_trips() -> None:
    analysis = Analysis(
        id=None,
        status="unsupported",
        language=LanguageResult(code="de", confidence=0.97, supported=False),
        needs_review=False,
        model=MODEL,
    )
    assert Analysis.model_validate_json(analysis.to_json()) == analysis
    assert analysis.failure_types == ()
    assert (analysis.intensity, analysis.nps, analysis.at_risk, analysis.severity) == (None, None, None, None)


def test_the_order_of_steps_and_failures_is_kept() -> None:
    again = Analysis.model_validate_json(full_analysis().to_json())
    assert [failure.code for failure in again.failure_types] == ["delay_wait", "support_unresolved"]
    assert again.recovery is not None
    assert [step.action for step in again.recovery.steps] == ["trace", "apologise"]


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (FailureScore, {"code": "delay_wait", "score": 1.01}),
        (FailureScore, {"code": "delay_wait", "score": -0.01}),
        (IntensityResult, {"level": 5, "score": 4.0}),
        (IntensityResult, {"level": 4, "score": 4.1}),
        (LanguageResult, {"code": "tr", "confidence": 2.0, "supported": True}),
        (RiskResult, {"flag": True, "probability": 0.5, "reasons": ["R5"]}),
        (NpsResult, NPS | {"class": "neutral"}),
        (NpsResult, NPS | {"source": "stars"}),
        (NpsResult, NPS | {"probabilities": {"detractor": 1.5}}),
    ],
)
def test_values_out_of_their_range_are_refused(model: type[Any], data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(data)


@pytest.mark.parametrize(
    ("record", "field"),
    [(Feedback(text="x"), "text"), (full_analysis(), "severity"), (MODEL, "version"), (full_analysis().nps, "source")],
)
def test_records_are_frozen(record: Any, field: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, field, "S1")


@pytest.mark.parametrize("record", [Feedback(text="x"), full_analysis(), MODEL])
def test_records_take_no_unknown_field(record: Any) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        type(record).model_validate(record.to_dict() | {"surprise": 1})
