from __future__ import annotations

import pytest

from complaintnlp.judgement.severity import severity_of
from complaintnlp.records import RiskReason, Severity
from complaintnlp.taxonomy import FAILURE_TYPES


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
