from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from complaintnlp.batch import ScoreSummary
from complaintnlp.judgement.detractor import NpsEstimate
from complaintnlp.model.own_type import OwnType
from complaintnlp.records import (
    Analysis,
    FailureScore,
    IntensityResult,
    LanguageResult,
    ModelInfo,
    NpsResult,
    RiskResult,
)
from complaintnlp.recovery.plan import make_plan
from complaintnlp.render import render_card, render_rows, render_summary
from complaintnlp.taxonomy import FAILURE_TYPES

MODEL = ModelInfo(name="small", version="2")
NAMES = {"tr": "Turkish", "zh": "Chinese", "hy": "Armenian", "en": "English"}
PHONE = {"tr": "Müşteriyi telefonla arayın", "zh": "主动致电客户", "hy": "Զանգահարե՛ք հաճախորդին"}


def text_of(what: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=220, color_system=None)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def row_of(card: str, name: str) -> str:
    """The one line of a card that starts with ``name``."""
    lines = [line.strip("│ ") for line in card.splitlines()]
    found = [line.removeprefix(name).strip() for line in lines if line.startswith(f"{name} ")]
    assert len(found) == 1, card
    return found[0]


def nps(nps_class: str = "detractor", source: str = "text") -> NpsResult:
    shares = {"detractor": 0.81, "passive": 0.15, "promoter": 0.04}
    return NpsResult.model_validate({"class": nps_class, "probabilities": shares, "source": source})


def scored(language: str = "tr", **changes: Any) -> Analysis:
    fields: dict[str, Any] = {
        "id": "a",
        "status": "scored",
        "language": LanguageResult(code=language, confidence=0.987, supported=True),
        "failure_types": (
            FailureScore(code="support_unresolved", score=0.94),
            FailureScore(code="delay_wait", score=0.61),
        ),
        "primary_failure": "delay_wait",
        "intensity": IntensityResult(level=3, score=2.84),
        "nps": nps(),
        "at_risk": RiskResult(flag=True, probability=0.72, reasons=("R1", "R3")),
        "severity": "S3",
        "needs_review": False,
        "recovery": make_plan("delay_wait", "S3", "detractor"),
        "model": MODEL,
    }
    return Analysis(**fields | changes)


@pytest.mark.parametrize("language", NAMES)
def test_a_scored_card_shows_every_answer(language: str) -> None:
    card = text_of(render_card(scored(language)))
    assert "small 2" in card
    assert row_of(card, "language") == f"{NAMES[language]} (0.99)"
    assert row_of(card, "what failed") == "Unreachable or unresolved support 0.94"
    assert "Delay or long wait 0.61  primary" in card
    assert card.count("primary") == 1
    assert row_of(card, "intensity") == "3 of 4, strong (2.8)"
    assert row_of(card, "NPS class") == "detractor (0.81)"
    assert row_of(card, "at risk").startswith("yes (0.72) R1 leaving or threatening to leave, R3 repeated")
    assert row_of(card, "severity") == "S3 major"
    assert "needs review" not in card


@pytest.mark.parametrize("language", NAMES)
def test_the_plan_stands_in_english_and_in_the_customers_language(language: str) -> None:
    card = text_of(render_card(scored(language)))
    assert "Phone the customer" in card
    assert [code for code, words in PHONE.items() if words in card] == ([language] if language != "en" else [])
    assert "Operations: reply within 1 h, fix: same day, phone, then written, band CS or C2" in card
    steps = make_plan("delay_wait", "S3", "detractor").steps
    assert all(step.text["en"] in card for step in steps)
    assert "follow-up" in card


def test_a_card_without_failure_says_so() -> None:
    analysis = scored(
        failure_types=(),
        primary_failure=None,
        severity=None,
        nps=nps("promoter", "survey"),
        at_risk=RiskResult(flag=False, probability=0.03, reasons=()),
        recovery=make_plan(None, None, "promoter"),
    )
    card = text_of(render_card(analysis))
    assert row_of(card, "what failed") == "none named"
    assert row_of(card, "NPS class") == "promoter (survey)"
    assert row_of(card, "at risk") == "no (0.03)"
    assert "severity" not in card
    assert "Thank the customer" in card


def test_what_to_review_is_told_in_words() -> None:
    card = text_of(render_card(scored(needs_review=True, review_reasons=("low_confidence", "doubtful_language"))))
    assert row_of(card, "needs review") == "the model is not sure, the language is doubtful"


@pytest.mark.parametrize("code", ["ru", "az", "ja"])
def test_an_unsupported_card_shows_no_scores(code: str) -> None:
    analysis = Analysis(
        id=None,
        status="unsupported",
        language=LanguageResult(code=code, confidence=0.5, supported=False),
        needs_review=True,
        review_reasons=("unsupported_language",),
        model=MODEL,
    )
    card = text_of(render_card(analysis))
    assert row_of(card, "language") == f"{code} (0.50)"
    assert row_of(card, "status") == "unsupported: Turkish, Chinese, Armenian and English are read"
    assert row_of(card, "needs review") == "the language is not supported"
    for name in ("what failed", "intensity", "NPS", "at risk", "severity", "What to do"):
        assert name not in card
    surveyed = text_of(render_card(analysis.model_copy(update={"nps": nps("passive", "survey")})))
    assert row_of(surveyed, "NPS class") == "passive (survey)"


def test_an_empty_card_says_that_there_is_nothing_to_read() -> None:
    language = LanguageResult(code=None, confidence=0.0, supported=False)
    card = text_of(render_card(Analysis(id=None, status="empty", language=language, needs_review=False, model=MODEL)))
    assert row_of(card, "status") == "empty: there is nothing to read"
    assert len(card.splitlines()) == 3


# --- summary


def summary(**changes: Any) -> ScoreSummary:
    fields: dict[str, Any] = {
        "read": 12_000,
        "scored": 11_000,
        "unsupported": 700,
        "empty": 200,
        "rejected": 100,
        "languages": {"en": 1000, "tr": 9000, "hy": 1900},
        "failure_types": {"delay_wait": 20, "price_billing": 4000},
        "nps_classes": {"detractor": 7000, "passive": 4000},
        "nps": {"tr": NpsEstimate(9000, -61.2, -62.4, -60.1), "hy": NpsEstimate(2000, 3.4, -0.6, 7.2)},
        "at_risk": 1234,
        "needs_review": 77,
        "ignored_values": {},
        "encoding": "cp1254",
        "delimiter": ";",
        "text_column": "yorum",
        "rejects": None,
        "notes": (),
        "seconds": 60.0,
    }
    return ScoreSummary(**fields | changes)


def test_a_summary_counts_everything_biggest_first() -> None:
    shown = text_of(render_summary(summary(), Path("out/scored.csv")))
    assert row_of(shown, "rows") == "12,000 read in 60.0 s (200 a second)"
    assert row_of(shown, "answers") == "11,000 scored, 700 unsupported language, 200 empty, 100 rejected"
    assert row_of(shown, "read as") == "column 'yorum', cp1254"
    assert row_of(shown, "languages") == "tr 9,000, hy 1,900, en 1,000"
    assert row_of(shown, "failure types") == "price_billing 4,000, delay_wait 20"
    assert row_of(shown, "NPS classes") == "detractor 7,000, passive 4,000"
    assert row_of(shown, "estimated NPS, tr") == "-61 (-62 to -60, 9,000 texts)"
    assert row_of(shown, "estimated NPS, hy") == "+3 (-1 to +7, 2,000 texts)"
    assert "never with another language" in shown
    assert row_of(shown, "at risk") == "1,234"
    assert row_of(shown, "needs review") == "77"
    assert row_of(shown, "written to") == "out/scored.csv"
    for absent in ("ignored values", "note", "rejected rows"):
        assert f"│ {absent}" not in shown


def test_a_summary_tells_what_went_wrong() -> None:
    shown = text_of(
        render_summary(
            summary(ignored_values={"rating": 3}, notes=("a remark",), rejects=Path("o.csv.rejects.csv")), Path("o.csv")
        )
    )
    assert row_of(shown, "ignored values") == "rating 3"
    assert row_of(shown, "note") == "a remark"
    assert row_of(shown, "rejected rows") == "o.csv.rejects.csv"


def test_an_empty_file_has_a_summary_too() -> None:
    shown = text_of(render_summary(summary(read=0, seconds=0.0, languages={}, failure_types={}), Path("o.csv")))
    assert row_of(shown, "rows") == "0 read in 0.0 s (0 a second)"
    assert row_of(shown, "languages") == "none"


@pytest.mark.parametrize("name", ["[/b]", "run[final]", "[bold]", ":bomb:"])
def test_names_are_shown_as_they_are(name: str, tmp_path: Path) -> None:
    given = summary(
        text_column=name,
        encoding=name,
        ignored_values={name: 3},
        notes=(name,),
        rejects=tmp_path / "x" / f"{name}.csv.rejects.csv",
    )
    shown = text_of(render_summary(given, Path(f"{name}.csv")))
    assert row_of(shown, "read as") == f"column {name!r}, {name}"
    assert row_of(shown, "ignored values") == f"{name} 3"
    assert row_of(shown, "note") == name
    assert row_of(shown, "written to") == f"{name}.csv"
    assert row_of(shown, "rejected rows").endswith(f"{name}.csv.rejects.csv")
    assert name in text_of(render_card(scored(model=ModelInfo(name=name, version="2"))))


@pytest.mark.parametrize("name", ["[b]", "run[final]", "[bold]", ":bomb:"])
def test_a_table_of_rows_shows_names_and_values_as_they_are(name: str, tmp_path: Path) -> None:
    output = tmp_path / f"{name}.csv"
    output.write_text(f"{name},cnlp_status,cnlp_primary_failure\nvery [/b] slow,scored,{name}\n", encoding="utf-8")
    shown = text_of(render_rows(output, name, 5))
    assert f"{name}.csv" in shown.replace("\n", "")
    assert "very [/b] slow" in shown
    assert shown.splitlines()[-2].count(name) == 1


def test_square_brackets_of_a_playbook_are_shown_as_they_stand() -> None:
    plan = make_plan("delay_wait", "S3", "detractor")
    first = plan.steps[0].model_copy(update={"owner": "[tier one]", "text": {**plan.steps[0].text, "en": "Call [/b]"}})
    card = text_of(render_card(scored(recovery=plan.model_copy(update={"steps": (first,), "owner": "[/x]"}))))
    for words in ("[tier one]", "Call [/b]", "[/x]: reply within"):
        assert words in card


def test_an_own_type_is_shown_by_its_name_in_the_language_of_the_card() -> None:
    own = OwnType.of("parking", {"names": {"en": "Parking", "tr": "Otopark"}, "like": "facility_hygiene"})
    analysis = scored(failure_types=(FailureScore(code="parking", score=0.9),), primary_failure="parking")
    names = {**FAILURE_TYPES, "parking": own}
    assert "Otopark 0.90" in text_of(render_card(analysis, ui_language="tr", failure_types=names))
    assert "Parking 0.90" in text_of(render_card(analysis, ui_language="zh", failure_types=names))
