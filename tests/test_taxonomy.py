import re
import unicodedata
from dataclasses import FrozenInstanceError
from typing import Any, cast, get_args

import pytest

from complaintnlp import records, taxonomy
from complaintnlp.taxonomy import Label

GUIDE_ORDER = (
    "delay_wait",
    "cancel_unavailable",
    "wrong_missing",
    "damaged_defective",
    "poor_quality",
    "facility_hygiene",
    "safety_security",
    "staff_conduct",
    "support_unresolved",
    "price_billing",
    "refund_return",
    "booking_digital",
    "info_promise",
)
"""The order of the annotation guide; ties between two types go to the higher one, and models use it as well."""

ALL_LABELS = [
    label
    for group in (
        taxonomy.FAILURE_TYPES,
        taxonomy.INTENSITY_LEVELS,
        taxonomy.NPS_CLASSES,
        taxonomy.RISK_REASONS,
        taxonomy.SEVERITIES,
    )
    for label in group.values()
]

SCRIPTS = {
    "tr": re.compile(r"[A-Za-zÇĞİÖŞÜçğıöşüâî ,]+"),
    "zh": re.compile(r"[\u4e00-\u9fff、，]+"),
    "hy": re.compile(r"[\u0531-\u0556\u0561-\u0587\u055a-\u055f ,]+"),
    "en": re.compile(r"[A-Za-z ,]+"),
}

LOAN_WORDS = {"zh": ("App",)}


def test_failure_types_stand_in_the_order_of_the_guide() -> None:
    assert taxonomy.FAILURE_TYPE_IDS == GUIDE_ORDER
    assert len(taxonomy.FAILURE_TYPES) == 13


def test_ids_never_change() -> None:
    assert taxonomy.VERSION == "1"
    assert tuple(taxonomy.INTENSITY_LEVELS) == ("0", "1", "2", "3", "4")
    assert taxonomy.MAX_INTENSITY == 4
    assert taxonomy.NPS_CLASS_IDS == ("detractor", "passive", "promoter")
    assert taxonomy.RISK_REASON_IDS == ("R1", "R2", "R3", "R4")
    assert taxonomy.SEVERITY_IDS == ("S1", "S2", "S3", "S4")
    assert taxonomy.LANGUAGES == ("tr", "zh", "hy", "en")


def test_each_label_is_found_under_its_own_id() -> None:
    for group in (taxonomy.FAILURE_TYPES, taxonomy.INTENSITY_LEVELS, taxonomy.NPS_CLASSES, taxonomy.RISK_REASONS):
        assert all(key == label.id for key, label in group.items())


def test_records_allow_exactly_the_ids_of_the_taxonomy() -> None:
    assert get_args(records.NpsClass) == taxonomy.NPS_CLASS_IDS
    assert get_args(records.RiskReason) == taxonomy.RISK_REASON_IDS
    assert get_args(records.Severity) == taxonomy.SEVERITY_IDS
    assert get_args(records.LanguageCode) == taxonomy.LANGUAGES


def test_base_severities() -> None:
    by_severity: dict[str, set[str]] = {}
    for failure in taxonomy.FAILURE_TYPES.values():
        by_severity.setdefault(failure.base_severity, set()).add(failure.id)
    assert by_severity["S1"] == {"poor_quality", "booking_digital"}
    assert by_severity["S3"] == {"safety_security"}
    assert by_severity["S2"] == set(GUIDE_ORDER) - by_severity["S1"] - by_severity["S3"]
    assert set(by_severity) <= set(taxonomy.SEVERITY_IDS)


def test_kinds() -> None:
    process = {failure.id for failure in taxonomy.FAILURE_TYPES.values() if failure.kind == "process"}
    assert process == {"delay_wait", "staff_conduct", "support_unresolved", "info_promise"}
    assert {failure.kind for failure in taxonomy.FAILURE_TYPES.values()} == {"outcome", "process"}


@pytest.mark.parametrize("label", ALL_LABELS, ids=lambda label: label.id)
def test_names_stand_in_the_script_of_their_language(label: Label) -> None:
    assert set(label.names) == set(taxonomy.LANGUAGES)
    for language, name in label.names.items():
        assert name == name.strip()
        assert name == unicodedata.normalize("NFC", name)
        bare = name
        for word in LOAN_WORDS.get(language, ()):
            bare = bare.replace(word, "")
        assert SCRIPTS[language].fullmatch(bare), (language, name)


@pytest.mark.parametrize("label", ALL_LABELS, ids=lambda label: label.id)
def test_definitions_are_one_english_sentence(label: Label) -> None:
    assert label.definition.endswith(".")
    assert label.definition.isascii()


@pytest.mark.parametrize("language", taxonomy.LANGUAGES)
def test_names_of_a_group_differ(language: str) -> None:
    for group in (taxonomy.FAILURE_TYPES, taxonomy.INTENSITY_LEVELS, taxonomy.NPS_CLASSES, taxonomy.RISK_REASONS):
        names = [label.name(language) for label in group.values()]
        assert len(set(names)) == len(names)


def test_terms_of_the_nps_classes() -> None:
    terms = {name: [label.name(name) for label in taxonomy.NPS_CLASSES.values()] for name in taxonomy.LANGUAGES}
    assert terms == {
        "tr": ["Eleştirmen", "Pasif", "Destekleyici"],
        "zh": ["贬损者", "被动者", "推荐者"],
        "hy": ["Քննադատ", "Չեզոք", "Աջակից"],
        "en": ["Detractor", "Passive", "Promoter"],
    }


def test_an_unknown_language_falls_back_to_english() -> None:
    label = taxonomy.FAILURE_TYPES["refund_return"]
    assert label.name("de") == label.name() == label.name("en")


def test_the_taxonomy_cannot_be_changed() -> None:
    label = taxonomy.FAILURE_TYPES["delay_wait"]
    with pytest.raises(FrozenInstanceError):
        label.base_severity = "S4"  # type: ignore[misc]
    with pytest.raises(TypeError):
        cast("Any", label.names)["tr"] = "x"
    with pytest.raises(TypeError):
        cast("Any", taxonomy.FAILURE_TYPES)["new"] = label
