import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from complaintnlp.errors import ComplaintNLPError, InvalidInputError
from complaintnlp.records import (
    MAX_TEXT_CHARS,
    Analysis,
    Customer,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageCode,
    LanguageResult,
    ModelInfo,
    NpsResult,
    PreviousComplaint,
    RecoveryPlan,
    RecoveryStep,
    RiskContribution,
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


# --- customer context

CUSTOMER = {
    "id": "c-1",
    "tier": "vip",
    "lifetime_value": 12000.5,
    "tenure_months": 84,
    "contract_end": "2026-12-31",
    "previous_complaints": [{"date": "2026-09-01", "type": "delay_wait"}, {"date": "2026-03-02", "type": None}],
    "complaints_30d": 1,
    "complaints_90d": 1,
    "open_cases": 0,
    "reopened_cases": 2,
    "last_nps": 3,
    "last_csat": 2.0,
    "falling_use": True,
    "preferred_language": "hy",
    "preferred_channel": "phone",
}


def test_customer_context_round_trips_and_all_of_it_is_optional() -> None:
    data = {"text": WORDS, "created_at": "2026-09-14T09:30:00Z", "customer": CUSTOMER}
    record = Feedback.parse(data)
    assert record.customer is not None
    assert record.customer.to_dict() == CUSTOMER
    assert record.customer.previous_complaints == (
        PreviousComplaint(date=date(2026, 9, 1), type="delay_wait"),
        PreviousComplaint(date=date(2026, 3, 2)),
    )
    assert Feedback.parse(record.to_dict()) == record
    assert Feedback.model_validate_json(record.to_json()) == record
    assert Feedback.parse({"text": "x", "customer": {}}).customer == Customer()
    assert Feedback(text="x").customer is None
    counted = Feedback(text="x", customer=Customer(complaints_30d=1))
    assert Feedback.parse(counted.to_dict()) == counted


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("tier", "gold", ("customer.tier", "'standard'", "'vip'")),
        ("lifetime_value", -1, ("customer.lifetime_value", "0")),
        ("lifetime_value", float("inf"), ("customer.lifetime_value", "finite")),
        ("tenure_months", -1, ("customer.tenure_months", "0")),
        ("contract_end", "soon", ("customer.contract_end", "date")),
        ("previous_complaints", [{"type": "delay_wait"}], ("customer.previous_complaints.0.date", "required")),
        (
            "previous_complaints",
            [{"date": "2026-01-01", "type": "late"}],
            ("customer.previous_complaints.0.type: no failure type; allowed: delay_wait, ", "info_promise"),
        ),
        (
            "previous_complaints",
            [{"date": "2026-01-01", "kind": 1}],
            ("customer.previous_complaints.0.kind: unknown field; allowed: date, type",),
        ),
        ("complaints_30d", -1, ("customer.complaints_30d", "0")),
        ("open_cases", 1.5, ("customer.open_cases", "integer")),
        ("last_nps", 11, ("customer.last_nps", "10")),
        ("last_csat", 0, ("customer.last_csat", "1")),
        ("last_csat", 6, ("customer.last_csat", "5")),
        ("falling_use", "a bit", ("customer.falling_use", "boolean")),
        ("preferred_language", "de", ("customer.preferred_language", "'hy'")),
        ("preferred_channel", "fax", ("customer.preferred_channel", "'phone'")),
        ("vip", True, ("customer.vip: unknown field; allowed: id, tier, lifetime_value", "preferred_channel")),
    ],
)
def test_a_wrong_field_of_the_customer_is_named_with_what_is_allowed(
    field: str, value: Any, told: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        Feedback.parse({"text": WORDS, "customer": {field: value}})
    assert all(part in str(caught.value) for part in told), str(caught.value)


@pytest.mark.parametrize(
    ("customer", "told"),
    [
        (
            {"complaints_30d": 3, "complaints_90d": 2},
            r"customer: complaints_30d \(3\) is more than complaints_90d \(2\)",
        ),
        ({"complaints_90d": 1, "previous_complaints": []}, r"customer: complaints_90d \(1\) is more than the 0 listed"),
        (
            {"complaints_30d": 0, "previous_complaints": [{"date": "2026-09-10"}]},
            "customer: complaints_30d is 0, but previous_complaints lists 1 in the 30 days",
        ),
        (
            {"complaints_90d": 2, "previous_complaints": [{"date": "2026-09-10"}, {"date": "2025-01-01"}]},
            "customer: complaints_90d is 2, but previous_complaints lists 1 in the 90 days",
        ),
    ],
)
def test_counts_that_contradict_the_dated_list_are_refused(customer: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        Feedback.parse({"text": WORDS, "created_at": "2026-09-14T09:30:00Z", "customer": customer})


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("day", ["2026-09-14", "2026-09-15", "2026-08-15", "2026-08-14"])
def test_a_day_at_the_edge_of_the_window_may_count_or_not(day: str, count: int) -> None:
    customer = {"complaints_30d": count, "previous_complaints": [{"date": day}]}
    record = Feedback.parse({"text": "x", "created_at": "2026-09-14T23:30:00Z", "customer": customer})
    assert record.customer is not None


def test_without_a_date_of_the_text_only_the_length_of_the_list_can_be_checked() -> None:
    customer = {"complaints_30d": 0, "previous_complaints": [{"date": "2026-09-10"}]}
    assert Feedback.parse({"text": "x", "customer": customer}).customer is not None


def test_dated_complaints_are_counted_back_from_a_day() -> None:
    customer = Customer(previous_complaints=tuple(PreviousComplaint(date=date(2026, 9, day)) for day in (1, 2, 30)))
    assert [customer.complaints_within(days, date(2026, 9, 12)) for days in (9, 10, 11, 90)] == [0, 1, 2, 2]
    assert Customer(complaints_30d=4).complaints_within(30, date(2026, 9, 12)) is None


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


def test_a_risk_answer_keeps_its_contributions_in_order() -> None:
    words: dict[LanguageCode, str] = {"tr": "Eleştirmen", "zh": "贬损者", "hy": "Քննադատ", "en": "Detractor"}
    risk = RiskResult(
        flag=True,
        probability=0.81,
        reasons=("R1",),
        text_flag=True,
        score=46,
        band="watch",
        contributions=(
            RiskContribution(signal="explicit_exit", points=36, full_points=40, text=words),
            RiskContribution(signal="detractor", points=10, full_points=10, text=words),
        ),
        value_factor=1.3,
        priority=59.8,
    )
    analysis = full_analysis().model_copy(update={"at_risk": risk})
    again = Analysis.model_validate_json(analysis.to_json())
    assert again == analysis
    assert again.at_risk is not None
    assert [c.signal for c in again.at_risk.contributions] == ["explicit_exit", "detractor"]


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (FailureScore, {"code": "delay_wait", "score": 1.01}),
        (FailureScore, {"code": "delay_wait", "score": -0.01}),
        (IntensityResult, {"level": 5, "score": 4.0}),
        (IntensityResult, {"level": 4, "score": 4.1}),
        (LanguageResult, {"code": "tr", "confidence": 2.0, "supported": True}),
        (RiskResult, {"flag": True, "probability": 0.5, "reasons": ["R5"]}),
        (RiskResult, {"flag": True, "probability": 0.5, "reasons": [], "score": 101}),
        (RiskResult, {"flag": True, "probability": 0.5, "reasons": [], "band": "medium"}),
        (RiskResult, {"flag": True, "probability": 0.5, "reasons": [], "value_factor": 0}),
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


@pytest.mark.parametrize("moment", ["9999-12-31", "0001-01-01T00:00:00+03:00", "1969-12-31T23:00:00Z"])
def test_a_date_that_stands_for_none_is_refused(moment: str) -> None:
    with pytest.raises(InvalidInputError, match="created_at: its year must lie in 1970-2200"):
        Feedback.parse({"text": "late", "created_at": moment})


def test_a_date_without_a_zone_is_utc() -> None:
    written = Feedback.parse({"text": "late", "created_at": "2026-01-01T09:00:00"}).created_at
    assert written == datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
