from pathlib import Path
from typing import Any

import pytest

from complaintnlp.training.label_mapping import LabelMapping, load_mapping
from complaintnlp.training.label_rates import coverage, measured_rates, unmapped_labels

BASE = 'source = "shop"\nlabel = "stars"\nvalue = 5\nat_risk = 0.1\nweight = 0.5\nwhy = "a test"'


def mapping(tmp_path: Path, *rules: str) -> LabelMapping:
    path = tmp_path / "mapping.toml"
    path.write_text("".join(f"[[rule]]\n{rule}\n" for rule in rules), encoding="utf-8")
    return load_mapping(path)


def rule(label: str, value: str, heads: str, weight: float = 0.5) -> str:
    return f'source = "shop"\nlabel = "{label}"\n{value}\n{heads}\nweight = {weight}\nwhy = "a test"'


def hand(types: str = "", intensity: int = 0, nps: str = "passive", risk: int = 0) -> dict[str, str]:
    return {
        "failure_types": types,
        "primary": types.split(";", maxsplit=1)[0],
        "intensity": str(intensity),
        "nps_class": nps,
        "at_risk": str(risk),
    }


def test_measured_rates_are_smoothed_towards_the_source(tmp_path: Path) -> None:
    rules = mapping(tmp_path, BASE, rule("stars", "value = 1", "at_risk = 0.1"))
    labelled = [("shop", {"stars": 5}, hand(nps="promoter"))] * 6
    labelled += [("shop", {"stars": 1}, hand("delay_wait;poor_quality", 3, "detractor", 1))] * 2
    five, one = measured_rates(rules, labelled)

    assert (five.n, one.n) == (6, 2)
    # One source alone: its mean 2/8 is the wider rate, and two texts of it are mixed into each rule.
    assert five.failure_types["delay_wait"] == pytest.approx(2 * 0.25 / 8)
    assert one.failure_types["delay_wait"] == pytest.approx((2 + 2 * 0.25) / 4)
    assert one.primary["poor_quality"] == 0
    assert one.at_risk == pytest.approx(0.625)
    assert one.nps == pytest.approx((0.625, 0, 0.375))
    assert sum(one.intensity) == pytest.approx(1)
    assert "shop stars [1] n=2 nps=0.62/0.00/0.38" in str(one)


def test_measured_rates_of_a_source_without_hand_labels_are_those_of_all(tmp_path: Path) -> None:
    rules = mapping(tmp_path, BASE.replace("shop", "bank"))
    (rates,) = measured_rates(rules, [("shop", {"stars": 5}, hand(nps="promoter"))])
    assert rates.n == 0
    assert rates.nps == pytest.approx((0, 0, 1))


def test_coverage_tells_what_each_native_label_teaches(tmp_path: Path) -> None:
    rules = mapping(tmp_path, BASE, rule("topic", 'value = "late*"', "failure_types = { delay_wait = 0.9 }"))
    rows: list[tuple[str, dict[str, Any]]] = [
        ("shop", {"stars": 5, "topic": "late parcel"}),
        ("shop", {"stars": 4, "brand": "x"}),
    ]
    table = {entry.label: entry for entry in coverage(rules, rows)}
    assert (table["stars"].rows, table["stars"].mapped, table["stars"].heads) == (2, 1, ("at_risk",))
    assert (table["topic"].rows, table["topic"].mapped, table["topic"].heads) == (1, 1, ("failure_types",))
    assert [entry.label for entry in unmapped_labels(rules, rows)] == ["brand"]
