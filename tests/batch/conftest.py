"""A deterministic answer without a model, for every test of the batch room."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from complaintnlp.records import (
    Analysis,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageResult,
    ModelInfo,
    NpsResult,
    RiskResult,
)

MODEL = ModelInfo(name="fake", version="0")


def analyse(feedback: Feedback) -> Analysis:
    """An answer that depends on nothing but the feedback."""
    letters = sum(map(str.isalpha, feedback.text))
    language = feedback.language or _language(feedback.text)
    survey = None
    if feedback.nps_score is not None:
        survey = "detractor" if feedback.nps_score < 7 else "passive" if feedback.nps_score < 9 else "promoter"
    nps = _nps(survey, "survey") if survey else None
    if not letters or language == "de":
        return Analysis(
            id=feedback.id,
            status="unsupported" if letters else "empty",
            language=LanguageResult(code="de" if letters else None, confidence=0.9, supported=False),
            nps=nps,
            needs_review=False,
            model=MODEL,
        )
    types = (FailureScore(code="F01", score=0.9),) + ((FailureScore(code="F05", score=0.7),) if letters % 2 else ())
    return Analysis(
        id=feedback.id,
        status="scored",
        language=LanguageResult(code=language, confidence=1.0, supported=True),
        failure_types=types,
        primary_failure="F01",
        intensity=IntensityResult(level=letters % 5, score=float(letters % 5)),
        nps=nps or _nps("passive", "text"),
        at_risk=RiskResult(flag=letters % 3 == 0, probability=(letters % 97) / 97, reasons=()),
        severity="S3",
        needs_review=letters % 7 == 0,
        model=MODEL,
    )


def _nps(nps_class: str, source: str) -> NpsResult:
    return NpsResult.model_validate({"class": nps_class, "probabilities": None, "source": source})


def _language(text: str) -> str:
    if "ß" in text:
        return "de"
    if any("\u4e00" <= char <= "\u9fff" for char in text):
        return "zh"
    if any("\u0531" <= char <= "\u0587" for char in text):
        return "hy"
    return "tr" if set(text) & set("çğıöşüİ") else "en"


@pytest.fixture
def answer() -> Callable[[Feedback], Analysis]:
    return analyse
