from __future__ import annotations

import pytest

from complaintnlp.judgement.severity import SeverityAssessment, assess_severity, severity_of
from complaintnlp.records import RiskReason, Severity
from complaintnlp.taxonomy import FAILURE_TYPES
from complaintnlp.text.normalize import normalize


@pytest.mark.parametrize(
    ("primary", "types", "reasons", "expected"),
    [
        ("poor_quality", ["poor_quality"], [], "S1"),
        ("booking_digital", ["booking_digital", "delay_wait"], [], "S1"),
        ("delay_wait", ["delay_wait"], [], "S2"),
        ("safety_security", ["safety_security"], [], "S3"),
        ("poor_quality", ["poor_quality"], ["R3"], "S2"),
        ("delay_wait", ["delay_wait"], ["R3"], "S3"),
        ("delay_wait", ["delay_wait", "safety_security"], [], "S3"),
        ("delay_wait", ["delay_wait", "safety_security"], ["R3"], "S3"),
        ("safety_security", ["safety_security"], ["R3"], "S4"),
        ("delay_wait", ["delay_wait"], ["R1", "R2", "R4"], "S2"),
        ("delay_wait", ["delay_wait"], ["R1", "R3"], "S3"),
    ],
)
def test_severity(primary: str, types: list[str], reasons: list[RiskReason], expected: Severity) -> None:
    assert severity_of(primary, types, reasons) == expected


@pytest.mark.parametrize("primary", FAILURE_TYPES)
def test_a_plain_failure_has_the_base_of_its_type(primary: str) -> None:
    assert severity_of(primary, [primary], []) == FAILURE_TYPES[primary].base_severity


def test_no_failure_has_no_severity_even_if_the_customer_may_leave() -> None:
    assert severity_of(None, [], ["R1", "R3"]) is None


def assess(
    primary: str | None, text: str, *, types: tuple[str, ...] = (), reasons: tuple[RiskReason, ...] = ()
) -> SeverityAssessment:
    return assess_severity(primary, types or ((primary,) if primary else ()), reasons, normalize(text), "en")


@pytest.mark.parametrize("primary", FAILURE_TYPES)
def test_without_cues_the_base_stays(primary: str) -> None:
    assert assess(primary, "I am writing about my order.") == SeverityAssessment(FAILURE_TYPES[primary].base_severity)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("primary", "text", "expected"),
    [
        ("poor_quality", "It tastes odd for the third time", "S2"),
        ("delay_wait", "Late for the third time", "S3"),
        ("delay_wait", "The train was late and we missed our flight", "S3"),
        ("poor_quality", "The band was bad and you ruined our wedding", "S2"),
        ("facility_hygiene", "Just a minor issue with the tap", "S1"),
        ("booking_digital", "Just a minor issue with the app", "S1"),
        ("damaged_defective", "The cup was cracked, they replaced it immediately", "S1"),
        ("damaged_defective", "The charger caught fire", "S4"),
        ("staff_conduct", "The waiter was racist", "S4"),
        ("damaged_defective", "A minor issue: the charger caught fire, they replaced it immediately", "S4"),
        ("delay_wait", "A minor issue, but we missed our flight", "S2"),
    ],
)
def test_cues_move_the_level(primary: str, text: str, expected: Severity) -> None:
    assert assess(primary, text).severity == expected


@pytest.mark.parametrize("text", ["The charger caught fire", "We missed our flight", "A great fire sale!"])
def test_no_named_failure_means_no_severity_and_no_cues(text: str) -> None:
    assert assess(None, text) == SeverityAssessment(None)


def test_emotion_never_raises_it() -> None:
    calm = "the food was cold and the waiter slow"
    assert assess("poor_quality", calm).severity == "S1"
    assert assess("poor_quality", f"{calm.upper()}!!! YOU USELESS IDIOTS, SHAME ON YOU!!!").severity == "S1"


def test_an_ambiguous_word_counts_only_beside_safety() -> None:
    text = "The claim for his injury is still open"
    assert assess("refund_return", text).severity == "S2"
    both = assess("refund_return", text, types=("refund_return", "safety_security"))
    assert both.severity == "S4"
    assert [cue.group for cue in both.cues] == ["hospital"]


def test_steps_alone_reach_s4_only_where_safety_is_named() -> None:
    text = "Third time late and we missed our flight"
    assert assess("delay_wait", text).severity == "S3"
    assert assess("delay_wait", text, types=("delay_wait", "safety_security")).severity == "S4"


def test_r3_and_a_repetition_cue_are_one_step() -> None:
    assert assess("poor_quality", "Cold for the third time", reasons=("R3",)).severity == "S2"


def test_a_repair_does_not_count_while_the_problem_comes_back() -> None:
    text = "They replaced it immediately, and it failed"
    assert assess("damaged_defective", text).severity == "S1"
    unsolved = assess("damaged_defective", text, reasons=("R3",))
    assert unsolved.severity == "S3"
    assert unsolved.cues == ()


def test_the_cues_that_counted_are_named_with_their_place() -> None:
    text = "Late   again. We missed our flight, and it was the third time."
    found = assess("delay_wait", text)
    assert [(cue.kind, text[cue.start : cue.end]) for cue in found.cues] == [
        ("loss", "missed our flight"),
        ("repeated", "third time"),
    ]
    harm = assess("delay_wait", f"{text} The bus caught fire.")
    assert [cue.kind for cue in harm.cues] == ["critical"]


@pytest.mark.parametrize(
    ("language", "primary", "text", "expected"),
    [
        ("tr", "delay_wait", "Uçak geç kalktı, düğünü kaçırdım", "S3"),
        ("tr", "damaged_defective", "Priz kısa devre yaptı, yangın çıktı", "S4"),
        ("zh", "delay_wait", "飞机晚点，错过了转机", "S3"),
        ("zh", "facility_hygiene", "房间有点小问题", "S1"),
        ("zh", "price_billing", "信用卡被盜刷", "S4"),
        ("hy", "cancel_unavailable", "Թռիչքը չեղարկեցին, գիշերեցինք օդանավակայանում", "S3"),
        ("hy", "poor_quality", "Բոլորս թունավորվեցինք", "S4"),
    ],
)
def test_the_rule_holds_in_every_language(language: str, primary: str, text: str, expected: Severity) -> None:
    assert assess_severity(primary, (primary,), (), normalize(text), language).severity == expected


def test_a_customer_at_risk_has_a_severity_even_without_a_named_failure() -> None:
    text = normalize("I will never come back.")
    leaving: tuple[RiskReason, ...] = ("R1",)
    again: tuple[RiskReason, ...] = ("R1", "R3")
    assert assess_severity(None, (), leaving, text, "en").severity is None
    assert assess_severity(None, (), leaving, text, "en", at_risk=True).severity == "S1"
    assert assess_severity(None, (), again, text, "en", at_risk=True).severity == "S2"
