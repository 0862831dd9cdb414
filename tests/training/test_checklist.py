"""Checklists: what a file may hold, how templates become cases, and what counts as passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, NPS_CLASS_IDS
from complaintnlp.training.checklist import CAPABILITIES, MAX_CASES, Checklist, load_checklists, run_checklists

COMMITTED = Path(__file__).resolve().parents[2] / "data" / "checklist"
FILL = '[fill]\nitem = ["phone", "kettle"]\nplace = ["hotel", "gym", "bar"]\n'
PLAIN = '[[template]]\ncapability = "plain"\ntext = "The {item} is late."\nhas = ["delay_wait"]\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the content as the English checklist; gives its folder."""

    def written(content: str) -> Path:
        (tmp_path / "en.toml").write_text(content, encoding="utf-8")
        return tmp_path

    return written


def decisions(
    types: Sequence[Sequence[str]], level: int = 2, nps: str = "detractor", *, risk: bool = False
) -> Decisions:
    count = len(types)
    return Decisions(
        failure_types=np.array([[name in named for name in FAILURE_TYPE_IDS] for named in types]),
        primary=np.full(count, -1, dtype=np.intp),
        intensity=np.full(count, level, dtype=np.intp),
        nps=np.full(count, NPS_CLASS_IDS.index(nps), dtype=np.intp),
        at_risk=np.full(count, risk),
        risk_reasons=np.zeros((count, 4), dtype=bool),
        needs_review=np.zeros(count, dtype=bool),
        own_types=np.zeros((count, 0), dtype=bool),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_committed_checklist_loads_and_is_long_enough(language: str) -> None:
    checklist = load_checklists(COMMITTED)[language]
    assert len(checklist.template) >= 40
    assert set(Counter(template.capability for template in checklist.template)) == set(CAPABILITIES)
    cases = [case for template in checklist.template for case in checklist.cases(template)]
    assert not any("{" in case or "}" in case for case in cases)


def test_a_template_stands_for_all_combinations_of_its_words(write: Write) -> None:
    text = PLAIN.replace("The {item} is late.", "{item}, {place}, {item}")
    checklist = load_checklists(write(FILL + text))["en"]
    assert checklist.cases(checklist.template[0]) == [
        f"{item}, {place}, {item}" for item in ("phone", "kettle") for place in ("hotel", "gym", "bar")
    ]


def test_of_many_combinations_a_fixed_sample_is_tried() -> None:
    words = [str(number) for number in range(12)]
    template = {"capability": "plain", "text": "{a} {b}", "has": ["delay_wait"]}
    checklist = Checklist.model_validate({"fill": {"a": words, "b": words}, "template": [template]})
    cases = checklist.cases(checklist.template[0])
    assert len(set(cases)) == len(cases) == MAX_CASES
    assert cases == checklist.cases(checklist.template[0])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("text = \n", r"is no valid TOML: .*line 1"),
        ("", "template: required, but missing"),
        (PLAIN, r"'The \{item\} is late.': \[fill\] has no words for item"),
        (FILL + PLAIN + PLAIN, r"'The \{item\} is late.' occurs twice"),
        (FILL + PLAIN + "mood = 1\n", r"template\.0\.mood: unknown field; allowed: capability, text, has"),
        (FILL + PLAIN.replace("plain", "plane"), r"template\.0\.capability: .*'plain', 'negation'"),
        (FILL + PLAIN.replace("delay_wait", "late"), r"'late' is no failure type; allowed: delay_wait"),
        (FILL + PLAIN.replace('has = ["delay_wait"]', ""), "expects nothing; give has, lacks"),
        (FILL + PLAIN.replace('["delay_wait"]', "[]"), r"template\.0\.has: .*at least 1"),
        (FILL + PLAIN + "intensity = [3, 1]\n", r"intensity \[3, 1\] must be \[lowest, highest\]"),
        (FILL + PLAIN + "intensity = [0, 5]\n", r"template\.0\.intensity\.1: .*less than or equal to 4"),
        (FILL + PLAIN + 'nps = ["hater"]\n', r"template\.0\.nps\.0: .*'detractor', 'passive' or 'promoter'"),
        (FILL + PLAIN + "at_risk = 2\n", r"template\.0\.at_risk: .*0 or 1"),
        (FILL.replace('["phone", "kettle"]', "[]") + PLAIN, r"fill\.item: .*at least 1"),
    ],
)
def test_an_error_names_the_file_the_entry_and_what_is_allowed(write: Write, content: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"checklist .*en\.toml.* {problem}"):
        load_checklists(write(content))


def test_a_folder_without_checklists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no checklist \(tr\.toml, .*--checklist"):
        load_checklists(tmp_path)


@pytest.mark.parametrize(
    ("expectation", "types", "passes"),
    [
        ('has = ["delay_wait"]', ["delay_wait", "poor_quality"], True),
        ('has = ["delay_wait", "staff_conduct"]', ["delay_wait"], False),
        ('lacks = ["delay_wait"]', ["poor_quality"], True),
        ('lacks = ["delay_wait"]', ["poor_quality", "delay_wait"], False),
        ('only = ["delay_wait"]', ["delay_wait"], True),
        ('only = ["delay_wait"]', ["delay_wait", "poor_quality"], False),
        ("only = []", [], True),
        ("only = []", ["delay_wait"], False),
    ],
)
def test_types_are_compared(write: Write, expectation: str, types: list[str], passes: bool) -> None:
    checklists = load_checklists(write('[[template]]\ncapability = "plain"\ntext = "Late."\n' + expectation))
    report = run_checklists(checklists, lambda texts, languages: decisions([types] * len(texts)))
    assert report["languages"]["en"]["plain"]["types"] == float(passes)


def test_rates_and_failed_templates(write: Write) -> None:
    second = (
        '[[template]]\ncapability = "praise"\ntext = "Lovely {place}."\nonly = []\n'
        'intensity = [0, 1]\nnps = ["promoter"]\nat_risk = 0\n'
    )
    asked: list[tuple[list[str], list[str]]] = []

    def decide(texts: Sequence[str], languages: Sequence[str]) -> Decisions:
        asked.append((list(texts), list(languages)))
        return decisions([["delay_wait"] if "phone" in text else [] for text in texts], level=1, nps="promoter")

    report = run_checklists(load_checklists(write(FILL + PLAIN + second)), decide)
    assert asked[0] == (["The phone is late.", "The kettle is late."], ["en", "en"])
    rates = report["languages"]["en"]
    assert list(rates) == ["all", "plain", "praise"]
    assert (rates["plain"]["templates"], rates["plain"]["cases"], rates["plain"]["passed"]) == (1, 2, 0.5)
    assert np.isnan(rates["plain"]["nps"])
    assert rates["praise"] == {
        "templates": 1,
        "cases": 3,
        "passed": 1.0,
        "types": 1.0,
        "intensity": 1.0,
        "nps": 1.0,
        "at_risk": 1.0,
    }
    assert rates["all"]["passed"] == pytest.approx(4 / 5)
    assert report["failed"] == [
        {
            "language": "en",
            "capability": "plain",
            "template": "The {item} is late.",
            "expected": {"has": ["delay_wait"]},
            "cases": 2,
            "passed": 1,
            "example": {
                "text": "The kettle is late.",
                "types": [],
                "intensity": 1,
                "nps": "promoter",
                "at_risk": 0,
            },
        }
    ]


@pytest.mark.parametrize(
    ("wrong", "kind"), [({"level": 3}, "intensity"), ({"nps": "passive"}, "nps"), ({"risk": True}, "at_risk")]
)
def test_one_unmet_expectation_fails_the_case(write: Write, wrong: dict[str, object], kind: str) -> None:
    content = PLAIN.replace("{item}", "phone") + 'intensity = [0, 2]\nnps = ["detractor"]\nat_risk = 0\n'
    report = run_checklists(
        load_checklists(write(content)),
        lambda texts, languages: decisions([["delay_wait"]] * len(texts), **wrong),  # type: ignore[arg-type]
    )
    rates = report["languages"]["en"]["plain"]
    assert rates["passed"] == 0.0
    assert [name for name in ("types", "intensity", "nps", "at_risk") if rates[name] < 1] == [kind]
