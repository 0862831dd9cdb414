"""The worked examples, each from its text through the released model to the decisive parts of the plan."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from complaintnlp import Analyzer
from complaintnlp.records import Analysis

EXAMPLES: dict[str, dict[str, Any]] = {
    example["id"]: example
    for example in tomllib.loads(
        (Path(__file__).parents[1] / "data" / "examples.toml").read_text(encoding="utf-8")
    )["example"]
}  # fmt: skip
CASES = [(name, language) for name, example in EXAMPLES.items() for language in example["texts"]]


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer.load()


def answer(analyzer: Analyzer, name: str, language: str) -> Analysis:
    example = EXAMPLES[name]
    known: dict[str, Any] = {key: example[key] for key in ("customer", "country") if key in example}
    return analyzer.analyze({"text": example["texts"][language], **known})


def test_every_example_stands_in_two_languages() -> None:
    assert len(EXAMPLES) >= 11
    assert all(len(example["texts"]) >= 2 for example in EXAMPLES.values())


@pytest.mark.parametrize(("name", "language"), CASES)
def test_the_plan_follows_from_the_text(analyzer: Analyzer, name: str, language: str) -> None:
    expected = EXAMPLES[name]["expect"]
    analysis = answer(analyzer, name, language)
    assert analysis.language.code == language
    assert analysis.primary_failure in (expected["primary"] or [None])
    assert analysis.severity in (expected["severity"] or [None])
    plan = analysis.recovery
    assert plan is not None
    actions = [step.action for step in plan.steps]
    assert set(expected["actions"]) <= set(actions)
    assert not set(expected.get("without", ())) & set(actions)
    assert plan.never_automatic >= expected.get("person", False)
    assert bool(plan.rights) == expected.get("rights", False)
    assert analysis.at_risk is not None
    assert analysis.at_risk.flag >= expected.get("at_risk", False)
    if "band_of" in expected:
        other = answer(analyzer, expected["band_of"], language).recovery
        assert other is not None
        assert plan.compensation_band == other.compensation_band
    assert analysis.reply
