"""Every row under every kind of modifier stays a valid plan; the worked examples are pinned in test_examples.py."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from complaintnlp.errors import InvalidInputError
from complaintnlp.records import RecoveryPlan
from complaintnlp.recovery.plan import make_plan
from complaintnlp.recovery.playbook import load_playbook
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, NPS_CLASS_IDS, SEVERITY_IDS

PLAYBOOK = load_playbook()
APOLOGIES = set(PLAYBOOK.steps.apologies)
GOODWILL = set(PLAYBOOK.steps.goodwill)
SITUATIONS: list[dict[str, Any]] = [
    {},
    {"intensity": 3},
    {"intensity": 4, "channel": "review", "tier": "vip"},
    {"reasons": ("R1", "R2", "R3"), "at_risk": True, "risk_band": "critical", "channel": "social"},
    {"repeated": True, "channel": "in_person", "intensity": 4},
    {"failure_types": FAILURE_TYPE_IDS[:4]},
    {"failure_types": ("staff_conduct", "safety_security"), "public_threat": True, "reasons": ("R4",)},
    {"repaired": True, "tier": "vip"},
    {"repaired": True, "at_risk": True, "channel": "chat"},
]


def actions(plan: RecoveryPlan) -> list[str]:
    return [step.action for step in plan.steps]


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
@pytest.mark.parametrize("nps_class", NPS_CLASS_IDS)
@pytest.mark.parametrize("primary", FAILURE_TYPE_IDS)
def test_every_combination_is_a_valid_plan(primary: str, nps_class: Any, situation: dict[str, Any]) -> None:
    for severity in SEVERITY_IDS:
        plan = make_plan(primary, severity, nps_class, **situation)  # type: ignore[arg-type]
        row = PLAYBOOK.matrix[primary][severity]  # type: ignore[index]
        names = actions(plan)
        assert len(set(names)) == len(names)
        assert set(names) <= set(PLAYBOOK.actions)
        assert len(APOLOGIES.intersection(names)) <= 1
        assert "document_case" in names
        assert plan.compensation is not None
        if plan.compensation.no_offer:
            assert not GOODWILL.intersection(names)
            assert "goodwill" not in plan.compensation.order
        if {"repaired", "repaired_safety"}.intersection(plan.modifiers):
            assert names[0] == "thank_customer"
            continue
        assert plan.steps[0].element == "speed"
        wanted = {PLAYBOOK.actions[name].element for name in row.actions}
        if plan.compensation.no_offer:
            wanted.discard("compensation")
        assert wanted <= {step.element for step in plan.steps}
        paid = [i for i, name in enumerate(names) if name.startswith(("comp_", "pay_"))]
        if "rights_check" in names and paid:
            assert names.index("rights_check") < paid[0]
        kinds = [{"pay_statutory": 0, "pay_expenses": 1}.get(names[i], 2) for i in paid]
        assert kinds == sorted(kinds)
        assert ("followup_check" in names) or nps_class != "detractor"
        if severity in ("S3", "S4") or "safety_security" in (primary, *situation.get("failure_types", ())):
            assert plan.never_automatic


def test_anger_brings_the_phone_the_feeling_and_speed() -> None:
    calm, angry = make_plan("delay_wait", "S2", "passive"), make_plan("delay_wait", "S2", "passive", intensity=3)
    names = actions(angry)
    assert names[0] == "call_customer"
    assert "ack_now" not in names
    assert names.index("name_feeling") < names.index("explain_cause")
    assert "manager_contact" not in names
    assert (calm.first_reply_within, angry.first_reply_within) == ("4 h", "1 h")
    assert (calm.fix_within, angry.fix_within) == ("24 h", "12 h")
    assert angry.channel == "phone, then written"
    assert angry.compensation_band == calm.compensation_band
    assert "manager_contact" in actions(make_plan("delay_wait", "S2", "passive", intensity=4))


def test_a_detractor_is_always_followed_up_and_surveyed_again() -> None:
    for primary in (None, "booking_digital"):
        plan = make_plan(primary, "S1" if primary else None, "detractor")
        assert "followup_check" in actions(plan)
        assert plan.new_survey_within == "14-30 days after the fix"
    passive = make_plan("booking_digital", "S1", "passive")
    assert "followup_check" not in actions(passive)
    assert passive.new_survey_within is None


@pytest.mark.parametrize("given", [{"at_risk": True}, {"risk_band": "high"}, {"risk_band": "critical"}])
def test_who_may_leave_goes_to_the_retention_team(given: dict[str, Any]) -> None:
    assert "escalate_retention" in actions(make_plan("poor_quality", "S1", "passive", **given))
    for band in (None, "low", "watch"):
        assert "escalate_retention" not in actions(make_plan("poor_quality", "S1", "passive", risk_band=band))


def test_a_legal_threat_goes_to_legal_and_a_public_one_to_communications() -> None:
    plan = make_plan("refund_return", "S2", "detractor", reasons=("R2",), at_risk=True)
    assert {"rights_check", "escalate_legal"} <= set(actions(plan))
    assert "escalate_pr" not in actions(plan)
    assert "legal_threat" in plan.never_automatic_reasons
    assert plan.compensation is not None
    assert plan.compensation.approvers[0] == "Legal / compliance"
    for given in ({"reasons": ("R2",), "channel": "review"}, {"public_threat": True}):
        assert "escalate_pr" in actions(make_plan("refund_return", "S2", "detractor", **given))


def test_a_public_review_gets_one_short_apology_and_no_amount() -> None:
    plan = make_plan("poor_quality", "S2", "detractor", channel="review")
    names = actions(plan)
    assert plan.public_reply
    assert "sincere_apology" not in names
    assert names.index("public_apology") < names.index("move_private") < names.index("comp_token")
    assert names.index("followup_check") < names.index("note_public")
    where = {step.action: step.channel for step in plan.steps}
    assert (where["move_private"], where["document_case"]) == ("private", "internal")
    assert "no amounts" in next(step for step in plan.steps if step.action == "public_apology").text["en"]
    assert "channel__public" in plan.tags


def test_repaired_and_satisfied_is_thanked_and_learned_from() -> None:
    plan = make_plan("facility_hygiene", "S2", "promoter", repaired=True, intensity=3, tier="vip")
    assert actions(plan) == ["thank_customer", "document_case", "root_cause"]
    assert (plan.compensation_band, plan.fix_within) == ("C0", "none needed")
    assert plan.compensation is not None
    assert list(plan.compensation.no_offer) == ["already_repaired"]
    assert len(make_plan("facility_hygiene", "S2", "detractor", repaired=True).steps) > 3
    assert "escalate_safety" in actions(make_plan("safety_security", "S3", "passive", repaired=True))


def test_further_types_add_their_solution_and_no_second_compensation() -> None:
    one = make_plan("delay_wait", "S2", "detractor")
    several = make_plan("delay_wait", "S2", "detractor", failure_types=("wrong_missing", "delay_wait", "price_billing"))
    assert set(actions(several)) - set(actions(one)) == {"trace_locate", "correct_charge"}
    assert (several.owner, several.compensation_band) == (one.owner, one.compensation_band)
    assert several.tags[:3] == ("failure__delay_wait", "failure__wrong_missing", "failure__price_billing")


def test_safety_beside_another_type_stops_goodwill() -> None:
    plan = make_plan("facility_hygiene", "S3", "detractor", failure_types=("safety_security",))
    names = actions(plan)
    assert {"escalate_safety", "stop_use_safety"} <= set(names)
    assert not GOODWILL.intersection(names)
    assert plan.compensation_band == "CS, after inquiry"
    assert plan.compensation is not None
    assert list(plan.compensation.no_offer) == ["safety_first"]


def test_nobody_phones_a_customer_who_stands_at_the_desk() -> None:
    plan = make_plan("staff_conduct", "S3", "detractor", channel="in_person", intensity=4, repeated=True)
    assert actions(plan)[0] == "ack_now"
    assert "call_customer" not in actions(plan)
    assert "manager_contact" in actions(plan)
    assert plan.channel == "in person, then written"
    assert plan.first_reply_within == "at once"


@pytest.mark.parametrize(("nps_class", "first"), [("promoter", "thank_customer"), ("passive", "ack_now")])
def test_no_failure_no_offer(nps_class: Any, first: str) -> None:
    plan = make_plan(None, None, nps_class, tier="vip", channel="review")
    assert actions(plan)[0] == first
    assert not APOLOGIES.intersection(actions(plan))
    assert plan.compensation is not None
    assert list(plan.compensation.no_offer) == ["no_failure_told"]
    assert (plan.compensation.order, plan.compensation.limit_percent) == ((), 0)


def test_texts_of_one_plan_are_its_own() -> None:
    arguments = product(("delay_wait",), ("S2",), ("detractor",))
    first, second = (make_plan(*args, country="TR") for args in [next(arguments)] * 2)  # type: ignore[arg-type]
    assert first.compensation is not None
    assert first.compensation.in_kind is not None
    first.steps[0].text["en"] = first.compensation.in_kind["en"] = first.rights[0].text["en"] = "changed"
    third = make_plan("delay_wait", "S2", "detractor", country="TR")
    assert second == third
    assert "changed" not in third.to_json()
    with pytest.raises(TypeError):
        PLAYBOOK.actions["ack_now"].text["en"] = "changed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lateness", "S1", "passive", {}), "failure_types: unknown 'lateness'; allowed: delay_wait"),
        (("delay_wait", "S5", "passive", {}), "severity: unknown 'S5'; allowed: S1"),
        (("delay_wait", "S1", "fan", {}), "nps_class: unknown 'fan'; allowed: detractor"),
        (("delay_wait", None, "passive", {}), "give both"),
        ((None, None, "passive", {"failure_types": ("delay_wait",)}), "without a primary type"),
        (("delay_wait", "S1", "passive", {"intensity": 5}), "intensity: 5 is not allowed; allowed: 0 to 4"),
        (("delay_wait", "S1", "passive", {"country": "Turkey"}), "country: 'Turkey' is not allowed"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, message: str) -> None:
    primary, severity, nps_class, more = arguments
    with pytest.raises(InvalidInputError, match=message):
        make_plan(primary, severity, nps_class, **more)
