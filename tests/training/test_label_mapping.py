import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.label_mapping import (
    HEADS,
    LabelMapping,
    load_mapping,
    native_values,
)

# Sources of the corpora whose own labels teach something; a renamed source must show up here.
LABELLED_SOURCES = {
    *("twitter-us-airline", "grubhub-1star", "food-delivery-appstore", "trustpilot-travel", "trustpilot-pet-insurance"),
    *("booking-hotel", "skytrax-ba", "skytrax-lounge", "skytrax-seat", "uk-telecom-tweets", "cfpb"),
    *("cesamard-amazon-in", "complaint-tweets", "financial-complaint-tweets", "app-reviews", "ride-hailing"),
    *("uber-googleplay", "banking77", "oats-amazon_ff", "oats-hotels", "miro-feature-feedback", "churn-intent"),
    *("semeval2018-affect", "massive", "hotel-aspects", "semeval2016-restaurants", "turkcell-reason"),
    *("turkcell-complaints", "appliance-complaints", "municipality-complaints", "turkcell-service-price"),
    *("bank-app-reviews", "music-app-reviews", "trendyol-electronics", "tripadvisor-hotels", "shampoo-reviews"),
    *("google-maps", "store-reviews", "ecommerce-reviews", "jd-appliances", "jd-phones", "waimai-10k"),
    *("chnsenticorp-hotel", "online-shopping", "dianping", "mafengwo", "bank-forum", "fewclue-eprstmt", "jd-shoes"),
    *("zhijiang2019", "appstore-wechat", "citizen-messages", "emobank-texts", "emobank-sentences"),
    *("dimabsa-restaurant", "dimabsa-laptop", "social-comments", "shop-reviews-written", "clinic-intents-written"),
    "ud-armenian",
}
BASE = 'source = "shop"\nlabel = "stars"\nvalue = 5\nat_risk = 0.1\nweight = 0.5\nwhy = "a test"'


def mapping(tmp_path: Path, *rules: str) -> LabelMapping:
    path = tmp_path / "mapping.toml"
    path.write_text("".join(f"[[rule]]\n{rule}\n" for rule in rules), encoding="utf-8")
    return load_mapping(path)


def rule(label: str, value: str, heads: str, weight: float = 0.5) -> str:
    return f'source = "shop"\nlabel = "{label}"\n{value}\n{heads}\nweight = {weight}\nwhy = "a test"'


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        (1, ("1",)),
        ("1.0", ("1",)),
        (6.25, ("6.25",)),
        ("Late Flight", ("Late Flight",)),
        (["a", "b"], ("a", "b")),
        ([["food quality", "negative"]], ("food quality=negative",)),
        ({"personel": "neg"}, ("personel=neg",)),
        ([], ()),
    ],
)
def test_native_values_become_comparable_texts(value: object, texts: tuple[str, ...]) -> None:
    assert native_values(value) == texts


@pytest.mark.parametrize(
    ("condition", "native", "matches"),
    [
        ("value = 5", 5.0, True),
        ("value = 5", "5", True),
        ('value = "5.0"', 5, True),
        ("value = 5", 4, False),
        ('value = ["a", "b"]', "b", True),
        ('value = "*=neg"', {"oda": "pos", "personel": "neg"}, True),
        ('value = "*=neg"', {"oda": "pos"}, False),
        ('value = "food=[1-3].*"', [["food", "2.5#5.0"]], True),
        ('value = "reverted?"', "reverted?", True),
        ("min = 1\nmax = 2", 2.0, True),
        ("min = 1\nmax = 2", 2.5, False),
        ("min = 3", "3", True),
        ("max = 2", "two", False),
        ('value = "5"', None, False),
    ],
)
def test_a_rule_matches_values_patterns_and_ranges(tmp_path: Path, condition: str, native: Any, matches: bool) -> None:
    rules = mapping(tmp_path, rule("x", condition, "at_risk = 0.1"))
    assert (rules.apply("shop", {"x": native}) is not None) is matches


def test_only_the_rules_of_the_source_and_label_match(tmp_path: Path) -> None:
    rules = mapping(tmp_path, BASE)
    assert rules.apply("shop", {"stars": 5}) is not None
    assert rules.apply("other", {"stars": 5}) is None
    assert rules.apply("shop", {"score": 5}) is None
    assert rules.apply("shop", {}) is None


def test_when_asks_for_every_other_label(tmp_path: Path) -> None:
    when = 'value = "Pricing"\nwhen = { stars = { max = 2 }, kind = ["app", "web*"] }'
    rules = mapping(tmp_path, rule("issue", when, "failure_types = { price_billing = 0.7 }"))
    assert rules.apply("shop", {"issue": "Pricing", "stars": 1, "kind": "website"}) is not None
    assert rules.apply("shop", {"issue": "Pricing", "stars": 5, "kind": "app"}) is None
    assert rules.apply("shop", {"issue": "Pricing", "stars": 1}) is None


def test_types_not_named_stay_unknown_unless_other_types_is_given(tmp_path: Path) -> None:
    named = rule("a", "value = 1", "failure_types = { delay_wait = 0.9 }")
    rest = rule("b", "value = 1", 'other_types = 0.02\nunknown_types = ["staff_conduct"]')
    rules = mapping(tmp_path, named, rest)

    only = rules.apply("shop", {"a": 1})
    assert only is not None
    assert only.failure_types == {"delay_wait": 0.9}

    both = rules.apply("shop", {"a": 1, "b": 1})
    assert both is not None
    assert set(both.failure_types) == set(FAILURE_TYPE_IDS) - {"staff_conduct"}
    assert both.failure_types["delay_wait"] == 0.9
    assert both.failure_types["price_billing"] == 0.02


def test_a_named_type_wins_over_unknown_and_unknown_over_other_types(tmp_path: Path) -> None:
    rules = mapping(
        tmp_path,
        rule("a", 'value = "*=neg"', 'other_types = 0.02\nunknown_types = ["staff_conduct", "poor_quality"]'),
        rule("a", 'value = "*=pos"', "other_types = 0.04"),
        rule("a", 'value = "staff=neg"', "failure_types = { staff_conduct = 0.8 }"),
    )
    targets = rules.apply("shop", {"a": {"staff": "neg", "food": "pos"}})
    assert targets is not None
    assert targets.failure_types["staff_conduct"] == 0.8
    assert "poor_quality" not in targets.failure_types
    assert targets.failure_types["delay_wait"] == 0.04


def test_types_merge_by_maximum_other_heads_by_weighted_mean_and_weight_by_maximum(tmp_path: Path) -> None:
    low = "nps = { detractor = 1.0 }\nintensity = [0, 0, 1, 0, 0]\nat_risk = 0.8\nrisk_reasons = { R1 = 0.5 }"
    high = "nps = { promoter = 1.0 }\nintensity = [1, 0, 0, 0, 0]\nat_risk = 0.0\nrisk_reasons = { R1 = 0.2, R3 = 0.1 }"
    rules = mapping(
        tmp_path,
        rule("a", "value = 1", f"failure_types = {{ delay_wait = 0.3 }}\n{low}", 0.6),
        rule("b", "value = 1", f"failure_types = {{ delay_wait = 0.7 }}\n{high}", 0.2),
    )
    targets = rules.apply("shop", {"a": 1, "b": 1})
    assert targets is not None
    assert targets.failure_types == {"delay_wait": 0.7}
    assert targets.nps == pytest.approx((0.75, 0.0, 0.25))
    assert targets.intensity == pytest.approx((0.25, 0, 0.75, 0, 0))
    assert targets.at_risk == pytest.approx(0.6)
    assert targets.risk_reasons == {"R1": 0.5, "R3": 0.1}
    assert targets.weight == 0.6


def test_a_head_that_no_rule_teaches_is_unknown(tmp_path: Path) -> None:
    targets = mapping(tmp_path, BASE).apply("shop", {"stars": 5})
    assert targets is not None
    assert (targets.failure_types, targets.primary, targets.intensity, targets.nps) == ({}, None, None, None)
    assert targets.at_risk == 0.1


def test_a_rule_with_several_fitting_values_counts_once(tmp_path: Path) -> None:
    rules = mapping(
        tmp_path,
        rule("a", 'value = "*=pos"', "nps = { promoter = 1.0 }"),
        rule("a", 'value = "*=neg"', "nps = { detractor = 1.0 }"),
    )
    targets = rules.apply("shop", {"a": {"room": "pos", "food": "pos", "staff": "pos", "pool": "neg"}})
    assert targets is not None
    assert targets.nps == pytest.approx((0.5, 0.0, 0.5))


def test_primary_needs_agreement(tmp_path: Path) -> None:
    rules = mapping(
        tmp_path,
        rule("a", "value = 1", 'failure_types = { delay_wait = 0.9 }\nprimary = "delay_wait"'),
        rule("b", "value = 1", 'failure_types = { delay_wait = 0.8 }\nprimary = "delay_wait"'),
        rule("c", "value = 1", 'failure_types = { poor_quality = 0.9 }\nprimary = "poor_quality"'),
    )
    agreed = rules.apply("shop", {"a": 1, "b": 1})
    torn = rules.apply("shop", {"a": 1, "c": 1})
    assert agreed is not None
    assert agreed.primary == "delay_wait"
    assert torn is not None
    assert torn.primary is None


def test_distributions_are_normalised(tmp_path: Path) -> None:
    heads = "nps = { detractor = 0.33, passive = 0.33, promoter = 0.33 }\nintensity = [0.2, 0.2, 0.2, 0.2, 0.21]"
    targets = mapping(tmp_path, rule("a", "value = 1", heads)).apply("shop", {"a": 1})
    assert targets is not None
    assert targets.nps == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert targets.intensity is not None
    assert sum(targets.intensity) == pytest.approx(1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_risk = 0.1", "atrisk = 0.1", "key 'atrisk' is not one of"),
        ('source = "shop"\n', "", "source None is not a text"),
        ('source = "shop"', "source = []", r"source \[\] is not a text"),
        ('source = "shop"', 'source = ["shop", 3]', r"source \['shop', 3\] is not a text"),
        ('label = "stars"\n', "", "not a text that is not empty"),
        ("value = 5\n", "", "value {} is not a value"),
        ("value = 5", "value = 5\nmin = 1", "min <= max"),
        ("value = 5", "value = []", "value {'value': \\[\\]} is not a value"),
        ("value = 5", 'value = ""', "is not a value"),
        ("value = 5", "min = 4\nmax = 2", "min <= max"),
        ("value = 5", 'min = "low"', "min <= max"),
        ("value = 5", "value = 5\nwhen = 3", "when 3 is not a table"),
        ("value = 5", "value = 5\nwhen = { part = { least = 3 } }", "when 'least' is not one of"),
        ("value = 5", "value = 5\nwhen = { part = [] }", "when \\[\\] is not a value"),
        ("at_risk = 0.1", "failure_types = { late = 0.9 }", "failure_types 'late' is not one of .*delay_wait"),
        ("at_risk = 0.1", "failure_types = { delay_wait = 1.2 }", "failure_types.delay_wait 1.2 is not a number"),
        ("at_risk = 0.1", "failure_types = 0.3", "failure_types 0.3 is not a table"),
        ("at_risk = 0.1", "other_types = -0.1", "other_types -0.1 is not a number from 0 to 1"),
        ("at_risk = 0.1", 'at_risk = 0.1\nunknown_types = ["late"]', "unknown_types 'late' is not one of"),
        ("at_risk = 0.1", 'at_risk = 0.1\nprimary = "delay_wait"', "primary 'delay_wait' is not one of the rule's"),
        ("at_risk = 0.1", "nps = { detractor = 0.5, happy = 0.5 }", "nps 'happy' is not one of"),
        ("at_risk = 0.1", "nps = { detractor = 0.5 }", "adds up to 0.50, not to 1"),
        ("at_risk = 0.1", "intensity = [0.5, 0.5]", "is not a list of 5 probabilities"),
        ("at_risk = 0.1", "intensity = [0.5, 0, 0, 0, 0]", "adds up to 0.50, not to 1"),
        ("at_risk = 0.1", "intensity = [true, 0, 0, 0, 0]", "intensity True is not a number"),
        ("at_risk = 0.1", "at_risk = 2", "at_risk 2 is not a number from 0 to 1"),
        ("at_risk = 0.1", "risk_reasons = { R9 = 0.5 }", "risk_reasons 'R9' is not one of"),
        ("at_risk = 0.1\n", "", "teaching anything; give at least one of"),
        ("weight = 0.5\n", "", "weight None is not a number"),
        ("weight = 0.5", "weight = 0", "weight 0.0 is not a number above 0"),
        ("weight = 0.5", "weight = 1.5", "weight 1.5 is not a number"),
        ('why = "a test"', 'why = " "', "why .* is not a text that is not empty"),
    ],
)
def test_a_wrong_entry_is_named_with_file_and_rule(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in BASE
    with pytest.raises(ConfigurationError, match=message) as error:
        mapping(tmp_path, BASE, BASE.replace(old, new))
    assert str(error.value).startswith("mapping.toml, rule 2: ")


@pytest.mark.parametrize("text", ["[[rule]\n", "[rule]\na = 1\n", "", "version = 1\n[[rule]]\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"mapping\.toml"):
        load_mapping(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_mapping(tmp_path / "none.toml")


@pytest.fixture(scope="module")
def committed() -> LabelMapping:
    return load_mapping()


def test_the_committed_rules_cover_the_labelled_sources(committed: LabelMapping) -> None:
    assert {source for rule in committed.rules for source in rule.sources} == LABELLED_SOURCES


def test_every_committed_rule_says_why_and_teaches_something(committed: LabelMapping) -> None:
    for each in committed.rules:
        assert len(each.why) >= 10, each
        assert "n=" in each.why, each
        assert each.heads, each
        assert set(each.heads) <= set(HEADS)


def test_no_committed_rule_stands_twice(committed: LabelMapping) -> None:
    seen: dict[tuple[object, ...], set[str]] = {}
    for each in committed.rules:
        key = (each.sources, each.label, each.condition, each.when)
        assert not seen.setdefault(key, set()) & set(each.heads), each
        seen[key] |= set(each.heads)


def test_committed_outcomes_of_a_case_teach_nothing(committed: LabelMapping) -> None:
    assert committed.apply("bank-complaints", {"resolved": "Çözüldü", "outcome_stars": 5.0}) is None


@pytest.mark.parametrize(
    ("source", "labels", "type_id"),
    [
        ("twitter-us-airline", {"sentiment": "negative", "negative_reason": "Late Flight"}, "delay_wait"),
        ("banking77", {"intent": "Refund_not_showing_up"}, "refund_return"),
        ("hotel-aspects", {"silver_aspects": {"temizlik": "neg", "konum": "pos"}}, "facility_hygiene"),
        ("zhijiang2019", {"aspects": [["价格", "negative"], ["整体", "positive"]]}, "price_billing"),
        ("dimabsa-restaurant", {"aspects": [["食物#品质", "2.5#5.0"]]}, "poor_quality"),
        (
            "clinic-intents-written",
            {"is_complaint": "1", "intent": "complaint_40_provider_misconduct"},
            "staff_conduct",
        ),
    ],
)
def test_committed_rules_read_typical_labels(
    committed: LabelMapping, source: str, labels: dict[str, Any], type_id: str
) -> None:
    targets = committed.apply(source, labels)
    assert targets is not None
    assert max(targets.failure_types, key=targets.failure_types.__getitem__) == type_id
    assert targets.failure_types[type_id] >= 0.5


def test_committed_praise_and_voice_commands_name_no_failure(committed: LabelMapping) -> None:
    praise = committed.apply("online-shopping", {"sentiment": "positive", "category": "衣服"})
    command = committed.apply("massive", {"intent": "play_music", "massive_id": 4})
    assert praise is not None
    assert max(praise.failure_types.values()) <= 0.05
    assert praise.nps is not None
    assert praise.nps[2] > 0.6
    assert command is not None
    assert command.failure_types == dict.fromkeys(FAILURE_TYPE_IDS, 0.0)
    assert (command.nps, command.at_risk) == ((0.0, 1.0, 0.0), 0.0)


CORPORA = Path(__file__).parents[3] / "shared" / "corpora"


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not beside the repository")
def test_committed_sources_stand_in_the_corpora(committed: LabelMapping) -> None:
    sources: set[str] = set()
    read: set[str] = set()
    for path in sorted(CORPORA.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in itertools.islice(lines, 0, None, 20):
                row = json.loads(line)
                sources.add(row["source"])
                if committed.apply(row["source"], row["labels"]) is not None:
                    read.add(row["source"])
    assert sources >= LABELLED_SOURCES - {"appstore-wechat"}
    assert read >= LABELLED_SOURCES - {"appstore-wechat"}
