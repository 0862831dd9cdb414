"""The worked examples: what decides in each plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from complaintnlp.records import RecoveryPlan
from complaintnlp.recovery.plan import make_plan, rights_to_check

WRITTEN = datetime(2026, 3, 2, 19, 30, tzinfo=UTC)


def actions(plan: RecoveryPlan) -> list[str]:
    return [step.action for step in plan.steps]


def compensation(plan: RecoveryPlan) -> RecoveryPlan.Compensation:
    assert plan.compensation is not None
    return plan.compensation


def test_late_restaurant_food() -> None:
    plan = make_plan("delay_wait", "S2", "detractor", channel="in_person", created_at=WRITTEN)
    assert actions(plan)[:4] == ["ack_now", "sincere_apology", "own_case", "explain_cause"]
    assert "comp_token" in actions(plan)
    assert plan.first_reply_due == WRITTEN
    assert plan.fix_due == WRITTEN + timedelta(hours=24)
    assert (compensation(plan).approvers, compensation(plan).limit_percent) == (("Agent",), 10)
    assert compensation(plan).order == ("goodwill",)
    assert not plan.never_automatic


def test_parcel_to_a_wrong_address() -> None:
    plan = make_plan("wrong_missing", "S2", "detractor", channel="email", now=WRITTEN, country="tr")
    names = actions(plan)
    assert names.index("trace_locate") < names.index("replace_item") < names.index("comp_token")
    assert plan.fix_within == "24 h (same-day courier where possible)"
    assert plan.first_reply_due == WRITTEN + timedelta(hours=24)
    assert plan.queue == "logistics"
    assert "tr_defective" in [right.id for right in plan.rights]


def test_lost_hotel_booking() -> None:
    plan = make_plan("cancel_unavailable", "S3", "detractor", channel="phone", created_at=WRITTEN)
    names = actions(plan)
    assert names[:3] == ["call_customer", "sincere_apology", "name_feeling"]
    assert {"rebook_alternative", "care_now", "rights_check", "comp_partial"} <= set(names)
    assert plan.first_reply_due == WRITTEN + timedelta(minutes=15)
    assert plan.never_automatic_reasons == ("severity", "statutory")
    assert compensation(plan).order == ("statutory", "expenses", "goodwill")
    assert compensation(plan).approvers == ("Legal / Finance", "Team lead")
    assert compensation(plan).limit_percent == 25


def test_delayed_appliance_repair() -> None:
    plan = make_plan(
        *("delay_wait", "S2", "detractor"),
        failure_types=("delay_wait", "damaged_defective"),
        channel="app",
        country="CN",
    )
    names = actions(plan)
    assert {"explain_cause", "proactive_update", "replace_item", "comp_token", "followup_check"} <= set(names)
    assert {"cn_quality", "cn_three_guarantees"} <= {right.id for right in plan.rights}
    assert all(set(right.text) == set(right.note) == {"en", "zh"} for right in plan.rights)
    assert plan.first_reply_due is None


def test_dirty_hotel_room() -> None:
    plan = make_plan("facility_hygiene", "S2", "detractor", channel="review", created_at=WRITTEN)
    assert {"public_apology", "move_private", "move_clean", "comp_token"} <= set(actions(plan))
    assert plan.fix_due == WRITTEN + timedelta(minutes=30)
    assert plan.compensation_band == "C1"
    assert "another room" in compensation(plan).in_kind["en"].lower()  # type: ignore[index]


def test_lost_luggage() -> None:
    plan = make_plan("wrong_missing", "S4", "detractor", country="DE", channel="email", created_at=WRITTEN)
    names = actions(plan)
    assert names[0] == "call_customer"
    assert names.index("pay_statutory") < names.index("pay_expenses") < names.index("comp_plus")
    assert "baggage" in [right.id for right in plan.rights]
    assert {right.country for right in plan.rights} == {"EU"}
    assert plan.first_reply_due == WRITTEN + timedelta(minutes=15)  # the phone call, sooner than an e-mail
    assert compensation(plan).limit_percent == 120
    assert compensation(plan).cap_percent == 150
    approvals = {step.action: step.approval for step in plan.steps}
    assert (approvals["comp_plus"], approvals["pay_statutory"]) == ("Manager", "Legal / Finance")


def test_price_error() -> None:
    plan = make_plan("price_billing", "S2", "passive", channel="chat", created_at=WRITTEN, country="AM")
    assert "correct_charge" in actions(plan)
    assert not any(name.startswith("comp_") for name in actions(plan))
    assert plan.first_reply_due == WRITTEN + timedelta(minutes=1)
    assert plan.never_automatic_reasons == ("high_band",)
    assert next(step.approval for step in plan.steps if step.action == "correct_charge") == "Duty manager"
    assert "price_opinion" in compensation(plan).ask_first
    assert [right.id for right in plan.rights] == ["am_bodies"]


def test_vip() -> None:
    plain = make_plan("poor_quality", "S2", "detractor", channel="email", created_at=WRITTEN)
    plan = make_plan("poor_quality", "S2", "detractor", channel="email", created_at=WRITTEN, tier="vip")
    assert "manager_contact" in actions(plan)
    assert (plan.first_reply_within, plan.fix_within) == ("12 h", "24 h")
    assert plan.first_reply_due == WRITTEN + timedelta(hours=12)
    assert plan.compensation_band == plain.compensation_band
    assert compensation(plan) == compensation(plain)
    assert "tier__vip" in plan.tags


def test_double_deviation() -> None:
    plan = make_plan(
        *("support_unresolved", "S3", "detractor"), at_risk=True, reasons=("R3",), risk_band="high", created_at=WRITTEN
    )
    names = actions(plan)
    assert names[0] == "call_customer"
    assert "own_case" not in names
    assert names.index("new_owner") < names.index("state_change") < names.index("followup_check")
    assert names.index("followup_check") + 1 == names.index("followup_again")
    assert "escalate_retention" in names
    due = {step.action: step.due for step in plan.steps}
    assert plan.fix_due == WRITTEN + timedelta(hours=24)
    assert due["followup_check"] == plan.fix_due + timedelta(hours=48)
    assert due["followup_again"] == plan.fix_due + timedelta(days=9)
    assert {"risk__high", "risk_reason__r3", "severity__s3", "case__repeated"} <= set(plan.tags)
    assert make_plan("delay_wait", "S2", "detractor", repeated=True).owner == "Duty manager"
    assert make_plan("safety_security", "S2", "detractor", repeated=True).owner == "Safety / security"


def test_food_poisoning() -> None:
    plan = make_plan(
        *("safety_security", "S4", "passive"),
        failure_types=("safety_security", "poor_quality"),
        country="CN",
        created_at=WRITTEN,
    )
    names = actions(plan)
    assert names[:3] == ["call_customer", "name_feeling", "sincere_apology"]
    assert {"manager_contact", "escalate_safety", "escalate_legal", "stop_use_safety", "rights_check"} <= set(names)
    assert not any(name.startswith("comp_") for name in names)
    assert list(compensation(plan).no_offer) == ["safety_first"]
    assert compensation(plan).order == ("statutory", "expenses")
    assert compensation(plan).approvers == ("Legal / Finance",)
    assert plan.never_automatic_reasons == ("severity", "statutory", "safety")
    assert plan.fix_due == WRITTEN
    assert plan.first_reply_due == WRITTEN + timedelta(minutes=15)
    assert {"cn_food", "cn_quality"} <= {right.id for right in plan.rights}


def test_promoter() -> None:
    plan = make_plan(None, None, "promoter", channel="review", created_at=WRITTEN, country="TR")
    assert actions(plan) == ["thank_customer", "share_praise", "document_case"]
    assert (plan.fix_due, plan.rights, plan.never_automatic) == (None, (), False)
    assert plan.tags == ("nps__promoter", "channel__review")


def test_rights_of_other_countries_are_not_invented() -> None:
    assert rights_to_check("US", ["delay_wait"]) == ()
    assert rights_to_check(None, ["delay_wait"]) == ()
    assert [right.id for right in rights_to_check("EU", ["delay_wait"])] == ["eu_flights"]
    assert "check the text in force" in rights_to_check("EU", ["delay_wait"])[0].note["en"]


def test_a_plan_round_trips_through_json() -> None:
    plan = make_plan("wrong_missing", "S4", "detractor", country="AM", created_at=WRITTEN, channel="chat")
    assert RecoveryPlan.model_validate_json(plan.to_json()) == plan
