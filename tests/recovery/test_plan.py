from __future__ import annotations

import pytest

from complaintnlp.records import NpsClass, RecoveryPlan, Severity
from complaintnlp.recovery.plan import make_plan
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, SEVERITY_IDS


def actions(plan: RecoveryPlan) -> list[str]:
    return [step.action for step in plan.steps]


def test_a_delay_of_middle_weight() -> None:
    plan = make_plan("delay_wait", "S2", "detractor")
    assert actions(plan) == [
        *("ack_now", "sincere_apology", "own_case", "explain_cause", "priority_queue", "proactive_update"),
        *("comp_token", "followup_check", "document_case"),
    ]
    assert (plan.owner, plan.channel, plan.compensation_band) == ("Operations", "same channel", "C1")
    assert (plan.first_reply_within, plan.fix_within) == ("4 h", "24 h")
    first = plan.steps[0]
    assert (first.element, first.owner) == ("speed", "Contact centre")
    assert set(first.text) == set(LANGUAGES)
    assert first.text["zh"] == "第一时间在原渠道回应，并告知下次反馈时间"


@pytest.mark.parametrize(
    ("primary", "severity", "must", "owner", "band"),
    [
        ("safety_security", "S4", ["call_customer", "stop_use_safety", "secure_account"], "Safety + Legal", "CS, "),
        ("price_billing", "S2", ["correct_charge"], "Finance", "C3 of the amount"),
        ("refund_return", "S3", ["rights_check", "refund_now"], "Finance", "C3 of the amount + C1"),
        ("staff_conduct", "S1", ["sincere_apology", "coach_staff"], "Line manager", "C0"),
        ("wrong_missing", "S2", ["trace_locate", "replace_item"], "Logistics", "C1"),
        ("support_unresolved", "S4", ["manager_contact", "escalate_retention"], "Duty manager", "C2"),
        ("info_promise", "S2", ["correct_info", "honor_promise"], "Sales / marketing", "C0, promise kept"),
    ],
)
def test_decisive_parts_of_rows(primary: str, severity: Severity, must: list[str], owner: str, band: str) -> None:
    plan = make_plan(primary, severity, "detractor")
    assert set(must) <= set(actions(plan))
    assert plan.owner == owner
    assert plan.compensation_band.startswith(band)


def test_rights_are_checked_before_anything_is_paid() -> None:
    for primary in FAILURE_TYPE_IDS:
        for severity in SEVERITY_IDS:
            names = actions(make_plan(primary, severity, "detractor"))  # type: ignore[arg-type]
            paid = [i for i, name in enumerate(names) if name.startswith(("comp_", "pay_"))]
            if "rights_check" in names and paid:
                assert names.index("rights_check") < paid[0], (primary, severity)


def test_the_most_severe_case_is_phoned_and_every_case_documented() -> None:
    for primary in FAILURE_TYPE_IDS:
        assert actions(make_plan(primary, "S4", "passive"))[0] == "call_customer"
        for severity in SEVERITY_IDS:
            assert "document_case" in actions(make_plan(primary, severity, "passive"))  # type: ignore[arg-type]


@pytest.mark.parametrize("nps_class", ["detractor", "passive", "promoter"])
def test_a_named_failure_is_repaired_whatever_the_class(nps_class: NpsClass) -> None:
    plan, other = make_plan("damaged_defective", "S2", nps_class), make_plan("damaged_defective", "S2", "detractor")
    differ = {"tags", "modifiers", "new_survey_within"}
    assert plan.model_dump(exclude=differ) == other.model_dump(exclude=differ)


def test_a_detractor_who_names_no_failure_is_asked_and_not_thanked() -> None:
    names = actions(make_plan(None, None, "detractor"))
    assert "ask_open_question" in names
    assert "thank_customer" not in names


def test_a_promoter_is_thanked_and_gets_no_apology() -> None:
    plan = make_plan(None, None, "promoter")
    assert actions(plan)[0] == "thank_customer"
    assert "sincere_apology" not in actions(plan)
    assert plan.compensation_band == "C0"


def test_a_passive_customer_without_failure_gets_an_answer() -> None:
    assert "answer_question" in actions(make_plan(None, None, "passive"))
