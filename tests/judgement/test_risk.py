from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.judgement.risk import TextRisk, is_conditional_exit, score_risk, signal_values
from complaintnlp.judgement.risk_policy import SIGNALS, RiskPolicy, load_risk_policy, read_risk_policy
from complaintnlp.records import Customer, LanguageCode, PreviousComplaint, RiskResult

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = NOW.date()
POLICY = load_risk_policy()
QUIET = TextRisk(probability=0.02, flag=False)
SURE = TextRisk(probability=0.95, flag=True)


def points(result: RiskResult) -> dict[str, int]:
    return {contribution.signal: contribution.points for contribution in result.contributions}


def score(text: TextRisk = QUIET, customer: Customer | None = None, now: datetime = NOW) -> RiskResult:
    return score_risk(text, customer, now, POLICY)


def complaints(*days_ago: int, kind: str | None = None) -> tuple[PreviousComplaint, ...]:
    return tuple(PreviousComplaint(date=TODAY - timedelta(days=days), type=kind) for days in days_ago)


# --- the text


def test_nothing_read_and_nothing_known_is_no_risk() -> None:
    result = score()
    assert (result.score, result.band, result.flag, result.text_flag) == (0, "low", False, False)
    assert (result.contributions, result.value_factor, result.priority) == ((), 1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (replace(SURE, reasons=("R1",)), {"explicit_exit": 40}),
        (replace(SURE, reasons=("R1",), conditional=True), {"conditional_exit": 30}),
        (replace(SURE, reasons=("R2",)), {"escalation_threat": 30}),
        (replace(SURE, reasons=("R3",)), {"unresolved_repeat": 20}),
        (replace(SURE, reasons=("R4",)), {"broken_relationship": 15}),
        # A condition without an exit is none.
        (replace(SURE, reasons=("R3",), conditional=True), {"unresolved_repeat": 20}),
        (replace(QUIET, nps_class="detractor"), {"detractor": 10}),
        (replace(QUIET, nps_class="passive"), {}),
        (replace(QUIET, intensity=2), {}),
        (replace(QUIET, intensity=3), {"intensity_3": 5}),
        (replace(QUIET, intensity=4), {"intensity_4": 10}),
        (replace(QUIET, severity="S2"), {}),
        (replace(QUIET, severity="S3"), {"severity_s3": 5}),
        (replace(QUIET, severity="S4"), {"severity_s4": 10}),
        (replace(QUIET, repaired_satisfied=True), {"repaired_satisfied": -25}),
    ],
)
def test_points_of_the_text(text: TextRisk, expected: dict[str, int]) -> None:
    result = score(text)
    assert points(result) == expected
    assert result.score == max(0, sum(expected.values()))


@pytest.mark.parametrize(("probability", "expected"), [(1.0, 40), (0.9, 40), (0.6, 27), (0.45, 20), (0.0, 0)])
def test_doubt_shrinks_the_points_of_the_reasons_and_of_nothing_else(probability: float, expected: int) -> None:
    result = score(TextRisk(probability=probability, flag=True, reasons=("R1",), nps_class="detractor"))
    assert result.score == expected + 10
    if expected:
        assert points(result)["explicit_exit"] == expected
        assert next(c.full_points for c in result.contributions if c.signal == "explicit_exit") == 40


@pytest.mark.parametrize(
    ("age", "expected"), [(0, 40), (44, 40), (45, 20), (89, 20), (90, 10), (135, 5), (1000, 0), (-3, 40)]
)
def test_points_of_the_text_halve_every_45_days(age: int, expected: int) -> None:
    result = score(replace(SURE, reasons=("R1",), created_at=NOW - timedelta(days=age)))
    assert result.score == expected


def test_context_does_not_age_with_the_text() -> None:
    text = replace(SURE, reasons=("R1",), created_at=NOW - timedelta(days=50))
    assert points(score(text, Customer(reopened_cases=1))) == {"explicit_exit": 20, "reopened_case": 10}


def test_a_newer_complaint_keeps_an_old_text_fresh() -> None:
    text = replace(SURE, reasons=("R1",), created_at=NOW - timedelta(days=100))
    assert points(score(text, Customer(previous_complaints=complaints(40))))["explicit_exit"] == 40
    assert points(score(text, Customer(previous_complaints=complaints(130))))["explicit_exit"] == 10
    # A complaint of tomorrow is a slip of the data, no signal.
    assert points(score(text, Customer(previous_complaints=complaints(-1))))["explicit_exit"] == 10


def test_a_time_without_a_zone_is_utc_and_zones_are_compared() -> None:
    naive = replace(SURE, reasons=("R1",), created_at=datetime(2026, 4, 17, 23, 59))
    assert score(naive).score == 20
    shifted = NOW.astimezone(timezone(timedelta(hours=14)))
    assert score(naive, now=shifted) == score(naive)
    # 01:00 in Yerevan on the 18th is still the 17th in UTC.
    yerevan = datetime(2026, 4, 18, 1, tzinfo=timezone(timedelta(hours=4)))
    assert score(replace(naive, created_at=yerevan)).score == 20


def test_now_needs_a_time_zone() -> None:
    with pytest.raises(InvalidInputError, match="now: has no time zone"):
        score(now=datetime(2026, 6, 1))
    with pytest.raises(InvalidInputError, match="now: has no time zone"):
        signal_values(QUIET, None, datetime(2026, 6, 1), POLICY)


# --- the customer


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (Customer(), {}),
        (Customer(complaints_30d=0, complaints_90d=0, open_cases=0, reopened_cases=0, falling_use=False), {}),
        (Customer(complaints_30d=1), {"repeat_contact": 15}),
        (Customer(complaints_90d=1), {}),
        (Customer(complaints_90d=2), {"repeat_contact": 15}),
        (Customer(previous_complaints=complaints(30)), {"repeat_contact": 15}),
        (Customer(previous_complaints=complaints(31)), {}),
        (Customer(previous_complaints=complaints(31, 90)), {"repeat_contact": 15}),
        (Customer(previous_complaints=complaints(31, 91)), {}),
        (Customer(previous_complaints=complaints(-1)), {}),
        (Customer(previous_complaints=()), {}),
        (Customer(open_cases=1), {"open_case": 5}),
        (Customer(reopened_cases=2), {"reopened_case": 10}),
        (Customer(last_csat=2), {"low_survey": 10}),
        (Customer(last_csat=2.5), {}),
        (Customer(last_nps=6), {"low_survey": 10}),
        (Customer(last_nps=7, last_csat=5), {}),
        (Customer(last_nps=0, last_csat=1), {"low_survey": 10}),
        (Customer(falling_use=True), {"falling_use": 10}),
        (Customer(contract_end=TODAY), {"contract_end_near": 10}),
        (Customer(contract_end=TODAY + timedelta(days=59)), {"contract_end_near": 10}),
        (Customer(contract_end=TODAY + timedelta(days=60)), {}),
        (Customer(contract_end=TODAY - timedelta(days=1)), {}),
        (Customer(tier="vip", lifetime_value=1e9, tenure_months=400), {}),
    ],
)
def test_points_of_the_context(customer: Customer, expected: dict[str, int]) -> None:
    assert points(score(customer=customer)) == expected


def test_the_same_failure_again_counts_where_the_contacts_do_not() -> None:
    text = replace(QUIET, failure_types=("delay_wait", "poor_quality"))
    assert points(score(text, Customer(previous_complaints=complaints(60, kind="delay_wait")))) == {
        "repeat_failure": 15
    }
    assert points(score(text, Customer(previous_complaints=complaints(60, kind="staff_conduct")))) == {}
    assert points(score(text, Customer(previous_complaints=complaints(91, kind="delay_wait")))) == {}
    assert points(score(text, Customer(previous_complaints=complaints(10, kind="delay_wait")))) == {
        "repeat_contact": 15
    }


def test_an_old_text_is_no_contact_of_the_last_days() -> None:
    old = replace(QUIET, created_at=NOW - timedelta(days=40))
    assert points(score(old, Customer(complaints_30d=1))) == {}
    assert points(score(old, Customer(complaints_30d=2))) == {"repeat_contact": 15}


@pytest.mark.parametrize(
    ("change", "expected"), [({}, 15), ({"intensity": 1}, 0), ({"nps_class": "passive"}, 0), ({"flag": False}, 15)]
)
def test_a_disappointed_customer_of_many_years_is_a_broken_relationship(change: dict[str, Any], expected: int) -> None:
    text = replace(replace(QUIET, nps_class="detractor", intensity=2), **change)
    assert points(score(text, Customer(tenure_months=60))).get("broken_relationship", 0) == expected
    assert "broken_relationship" not in points(score(text, Customer(tenure_months=59)))


# --- the answer


def test_the_third_contact_of_a_leaving_customer_in_full() -> None:
    text = TextRisk(
        probability=0.97, flag=True, reasons=("R1",), conditional=True, nps_class="detractor", severity="S3"
    )
    customer = Customer(tier="vip", complaints_30d=2, contract_end=date(2026, 6, 13))
    result = score(text, customer)
    assert [(c.signal, c.points) for c in result.contributions] == [
        ("conditional_exit", 30),
        ("repeat_contact", 15),
        ("detractor", 10),
        ("contract_end_near", 10),
        ("severity_s3", 5),
    ]
    assert (result.score, result.band, result.flag) == (70, "high", True)
    assert (result.value_factor, result.priority) == (1.6, 112.0)
    words = {c.signal: c.text for c in result.contributions}
    assert words["repeat_contact"] == {
        "en": "3 contacts in 30 days",
        "tr": "30 günde 3 başvuru",
        "zh": "30天内第3次联系",
        "hy": "30 օրում 3 դիմում",
    }
    assert words["contract_end_near"]["en"] == "Contract ends in 12 days"
    assert RiskResult.model_validate_json(result.to_json()) == result


@pytest.mark.parametrize(("value", "band"), [(0, "low"), (24, "low"), (25, "watch"), (49, "watch"), (50, "high")])
def test_bands(value: int, band: str) -> None:
    assert POLICY.band(value) == band
    assert (POLICY.band(74), POLICY.band(75), POLICY.band(100)) == ("high", "critical", "critical")


def test_the_flag_is_raised_by_the_text_or_by_a_high_score() -> None:
    assert score(replace(QUIET, flag=True, probability=0.5)).flag
    assert score(replace(QUIET, flag=True, probability=0.5)).score == 0
    context = Customer(complaints_30d=1, reopened_cases=1, last_csat=1, falling_use=True)
    watch, high = score(customer=context), score(replace(QUIET, nps_class="detractor"), context)
    assert (watch.score, watch.flag, watch.text_flag) == (45, False, False)
    assert (high.score, high.flag, high.text_flag) == (55, True, False)


def test_value_moves_priority_and_never_risk() -> None:
    text = replace(SURE, reasons=("R1",), nps_class="detractor")
    results = {tier: score(text, Customer(tier=tier)) for tier in ("standard", "valued", "vip")}
    assert {tier: result.score for tier, result in results.items()} == {"standard": 50, "valued": 50, "vip": 50}
    assert {tier: result.priority for tier, result in results.items()} == {"standard": 50, "valued": 65, "vip": 80}


def test_a_lifetime_value_gives_the_tier_only_where_the_policy_says_so() -> None:
    rich = Customer(lifetime_value=5000)
    assert POLICY.value_factor(rich) == 1.0
    policy = POLICY.model_copy(update={"tier_from_lifetime_value": {"valued": 1000.0, "vip": 5000.0}})
    assert policy.value_factor(rich) == 1.6
    assert policy.value_factor(Customer(lifetime_value=4999)) == 1.3
    assert policy.value_factor(Customer(lifetime_value=10)) == 1.0
    assert policy.value_factor(Customer(lifetime_value=5000, tier="standard")) == 1.0


def test_the_score_stays_within_its_limits() -> None:
    worst = TextRisk(
        probability=1, flag=True, reasons=("R1", "R2", "R3", "R4"), nps_class="detractor", intensity=4, severity="S4"
    )
    assert (score(worst).score, score(worst).band) == (100, "critical")
    assert sum(points(score(worst)).values()) == 135
    assert score(replace(QUIET, repaired_satisfied=True)).score == 0


texts = st.builds(
    TextRisk,
    probability=st.floats(0, 1),
    flag=st.booleans(),
    reasons=st.lists(st.sampled_from(["R1", "R2", "R3", "R4"]), unique=True).map(tuple),
    conditional=st.booleans(),
    nps_class=st.sampled_from([None, "detractor", "passive", "promoter"]),
    intensity=st.integers(0, 4),
    severity=st.sampled_from([None, "S1", "S2", "S3", "S4"]),
    repaired_satisfied=st.booleans(),
    created_at=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
)
customers = st.builds(
    Customer,
    tier=st.sampled_from([None, "standard", "valued", "vip"]),
    complaints_30d=st.one_of(st.none(), st.integers(0, 9)),
    open_cases=st.one_of(st.none(), st.integers(0, 3)),
    last_csat=st.one_of(st.none(), st.integers(1, 5)),
    contract_end=st.one_of(st.none(), st.dates()),
)


@given(texts, st.one_of(st.none(), customers))
def test_every_answer_is_the_sum_of_what_it_lists(text: TextRisk, customer: Customer | None) -> None:
    result = score(text, customer)
    listed = [contribution.points for contribution in result.contributions]
    assert result.score == min(100, max(0, sum(listed)))
    assert [abs(p) for p in listed] == sorted((abs(p) for p in listed), reverse=True)
    assert all(abs(c.points) <= abs(c.full_points) for c in result.contributions)
    assert all(set(c.text) == {"tr", "zh", "hy", "en"} for c in result.contributions)
    assert result.flag == (text.flag or result.score >= 50)
    assert result.priority == round(result.score * result.value_factor, 1)


def test_signal_values_are_one_row_for_fitting() -> None:
    text = TextRisk(probability=0.45, flag=True, reasons=("R1",), nps_class="detractor")
    values = signal_values(text, Customer(open_cases=1), NOW, POLICY)
    assert tuple(values) == SIGNALS
    assert {name: value for name, value in values.items() if value} == {
        "explicit_exit": 0.5,
        "detractor": 1.0,
        "open_case": 1.0,
    }


# --- conditional exit


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "If this isn't fixed by Monday I'm leaving."),
        ("en", "If this isn’t sorted, I’ll switch to another provider"),
        ("en", "I will cancel my plan unless somebody calls me back."),
        ("en", "FIX IT OR I'M LEAVING!!!"),
        ("tr", "Bu sorun çözülmezse hattımı başka operatöre taşıyacağım."),
        ("tr", "Sorun COZULMEZSE uyeligimi IPTAL ediyorum"),
        ("tr", "Paramı iade edin, aksi halde hesabımı kapatacağım."),
        ("tr", "İnternet düzeltilmediği takdirde sözleşmemi feshedeceğim."),
        ("zh", "再不解决，我就换一家了。"),
        ("zh", "请尽快处理，否则我马上注销账号！"),
        ("zh", "如果这周还不给退款，我就携号转网。"),
        ("zh", "再不解決……我就退訂"),
        ("hy", "Եթե խնդիրը չլուծեք, ես կհրաժարվեմ ձեր ծառայությունից։"),
        ("hy", "Լուծե՛ք հարցը, հակառակ դեպքում կանցնեմ ուրիշ օպերատորի։"),
        ("hy", "Եթե նորից այսպես լինի, փակելու եմ հաշիվս:"),
    ],
)
def test_a_conditional_exit_is_seen(language: LanguageCode, text: str) -> None:
    assert is_conditional_exit(text, language, POLICY)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "I have cancelled my membership and I'm never coming back."),
        ("en", "If you don't refund me I will write to the regulator. I'm leaving."),
        ("en", "If I'm honest, your staff were not helpful, leaving today."),
        ("en", "Never again! If it isn't refunded I'll switch my bank too."),
        ("tr", "Üyeliğimi iptal ettim, bir daha asla gelmem."),
        ("tr", "Çözülmezse hakem heyetine başvuracağım."),
        ("tr", "Bir daha asla. Param gelmezse kartımı da kapatacağım."),
        ("zh", "发誓再不住这里了，拉黑。"),
        ("zh", "已经卸载了。再不退钱就换银行！"),
        ("zh", "再不处理我就打12315。"),
        ("hy", "Փակում եմ հաշիվս, էլ երբեք չեմ գա։"),
        ("hy", "Եթե գումարս չվերադարձնեք, կդիմեմ դատարան։"),
        ("en", ""),
        ("zh", "。！？"),
    ],
)
def test_a_decided_exit_or_another_threat_is_no_conditional_exit(language: LanguageCode, text: str) -> None:
    assert not is_conditional_exit(text, language, POLICY)


def test_a_policy_without_cues_sees_no_conditional_exit() -> None:
    bare = POLICY.conditional_exit["en"].model_copy(update={"conditions": ()})
    policy = POLICY.model_copy(update={"conditional_exit": {**POLICY.conditional_exit, "en": bare}})
    assert not is_conditional_exit("If this isn't fixed I'm leaving.", "en", policy)


# --- the policy file

SOURCE = resources.files("complaintnlp.judgement").joinpath("risk_policy.toml").read_text(encoding="utf-8")


def read(tmp_path: Path, text: str) -> RiskPolicy:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return read_risk_policy(path)


def test_a_company_sets_its_own_points(tmp_path: Path) -> None:
    policy = read(tmp_path, SOURCE.replace("points = 40", "points = 55").replace("watch = 25", "watch = 20"))
    result = score_risk(replace(SURE, reasons=("R1",)), None, NOW, policy)
    assert (result.score, result.band, policy.band(20)) == (55, "high", "watch")


def test_points_are_those_of_the_domain_study() -> None:
    given_points = {name: entry["points"] for name, entry in tomllib.loads(SOURCE)["signals"].items()}
    assert given_points == {
        "explicit_exit": 40,
        "conditional_exit": 30,
        "escalation_threat": 30,
        "unresolved_repeat": 20,
        "broken_relationship": 15,
        "detractor": 10,
        "intensity_3": 5,
        "intensity_4": 10,
        "severity_s3": 5,
        "severity_s4": 10,
        "repaired_satisfied": -25,
        "repeat_contact": 15,
        "repeat_failure": 15,
        "open_case": 5,
        "reopened_case": 10,
        "low_survey": 10,
        "falling_use": 10,
        "contract_end_near": 10,
    }


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("version = 1", "version = 2", ("version", "1")),
        ("half_life_days = 45", "half_life_days = 0", ("text.half_life_days", "1")),
        ("full_points_from = 0.9", "full_points_from = 1.5", ("text.full_points_from", "1")),
        ("watch = 25", "watch = 60", ("bands", "must rise", "watch 60 < high 50")),
        ("vip = 1.6", "gold = 1.6", ("value_factors", "'standard', 'valued' or 'vip'")),
        ("vip = 1.6\n", "\n", ("value_factors lacks vip",)),
        ("points = 40", "points = -40", ("signals.explicit_exit.points is -40", "0 to 100")),
        ("points = -25", "points = 25", ("signals.repaired_satisfied.points is 25", "-100 to 0")),
        ("points = 40", "points = 101", ("signals.explicit_exit.points", "100")),
        ("points = 40", "score = 40", ("signals.explicit_exit", "unknown field")),
        ("[signals.open_case]", "[signals.open_cases]", ("signals lacks open_case",)),
        ('"Detractor", tr = "Eleştirmen", ', '"Detractor", ', ("signals.detractor.name lacks tr",)),
        ("Contract ends in {days}", "Contract ends in {count}", ("name.en holds {count}", "allowed here: {days}")),
        ('en = "Detractor"', 'en = "{x}"', ("signals.detractor.name.en holds {x}", "none")),
        ('en = "Detractor"', 'en = "{"', ("signals.detractor.name.en", "braces")),
        ("[conditional_exit.hy]", "[conditional_exit.de]", ("conditional_exit", "'hy'")),
        ('"unless"', '"*"', ("conditional_exit.en.conditions holds a cue without letters",)),
        ("[bands]", "[bands", ("cannot be read",)),
    ],
)
def test_a_wrong_entry_is_named_with_file_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, told: tuple[str, ...]
) -> None:
    assert old in SOURCE
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, SOURCE.replace(old, new, 1))
    assert str(caught.value).startswith("mine.toml")
    assert all(part in str(caught.value) for part in told), str(caught.value)


def test_an_additional_signal_is_refused_with_the_allowed_names(tmp_path: Path) -> None:
    extra = '\n[signals.moon]\npoints = 1\nname = { en = "a", tr = "b", zh = "c", hy = "d" }\n'
    with pytest.raises(ConfigurationError, match=r"signals\.moon is unknown; allowed: explicit_exit, "):
        read(tmp_path, SOURCE + extra)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read"):
        read_risk_policy(tmp_path / "none.toml")


def test_points_that_are_not_fitted_give_no_churn_probability() -> None:
    assert POLICY.churn_probability(80) is None
