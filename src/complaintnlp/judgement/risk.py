"""The at-risk score 0-100: points of the text and of the customer context, each with its reason.

A score is a sum that anybody can check: every signal that counts is listed with what it adds. The points, and all
other rules, stand in the policy (`complaintnlp.judgement.risk_policy`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from complaintnlp.errors import InvalidInputError
from complaintnlp.judgement.risk_policy import SIGNALS, ContextRule, RiskPolicy, TextRule
from complaintnlp.records import Customer, LanguageCode, NpsClass, RiskContribution, RiskReason, RiskResult, Severity

_DISAPPOINTED: Final = 2
"""Intensity from which a text shows disappointment: a plain negative word (annotation guide)."""

_SENTENCE_END: Final = re.compile("[!?。։:]|\\.(?!\\d)")
_PAUSE: Final = re.compile("\\.{2,}|…")
# Stress, exclamation and question marks stand inside an Armenian word and break no cue.
_WORD_MARKS: Final = re.compile("[\u0300-\u036f\u055a-\u055c\u055e\u055f]")
_GAP: Final = "[^,、]{0,40}?"
"""What "…" of a cue may stand for. It crosses no comma: "if I'm honest, I do not ..." sets no condition."""


@dataclass(frozen=True, slots=True)
class TextRisk:
    """What was read in one text, as far as it says something about leaving.

    Attributes:
        probability: calibrated probability that the text shows a customer at risk.
        flag: whether it passes the model's threshold.
        reasons: R1-R4.
        conditional: whether the exit (R1) hangs on a condition, see `is_conditional_exit`.
        nps_class: of the text, or of the survey answer that came with it.
        intensity: level 0-4.
        severity: S1-S4, None where no failure is named.
        repaired_satisfied: the failure was repaired and the customer says that they are satisfied.
        failure_types: ids, to see whether the same failure happened before.
        created_at: when it was written; without a time zone it is UTC, None counts as now.
    """

    probability: float
    flag: bool
    reasons: tuple[RiskReason, ...] = ()
    conditional: bool = False
    nps_class: NpsClass | None = None
    intensity: int = 0
    severity: Severity | None = None
    repaired_satisfied: bool = False
    failure_types: tuple[str, ...] = ()
    created_at: datetime | None = None


def score_risk(text: TextRisk, customer: Customer | None, now: datetime, policy: RiskPolicy) -> RiskResult:
    """The at-risk answer. Pure: the same arguments give the same answer at any time.

    Args:
        text: what was read.
        customer: context, where there is any.
        now: the moment for which the score holds; it needs a time zone.
        policy: points and rules.

    Raises:
        InvalidInputError: ``now`` has no time zone.
    """
    contributions = []
    for name, reading in _read(text, customer, now, policy).items():
        signal = policy.signals[name]
        points = _rounded(signal.points * reading.strength)
        if points:
            words = {language: template.format(**reading.details) for language, template in signal.name.items()}
            contributions.append(RiskContribution(signal=name, points=points, full_points=signal.points, text=words))
    score = min(100, max(0, sum(contribution.points for contribution in contributions)))
    band = policy.band(score)
    factor = policy.value_factor(customer)
    return RiskResult(
        flag=text.flag or band in ("high", "critical"),
        probability=text.probability,
        reasons=text.reasons,
        text_flag=text.flag,
        score=score,
        band=band,
        contributions=tuple(sorted(contributions, key=lambda contribution: -abs(contribution.points))),
        value_factor=factor,
        priority=round(score * factor, 1),
    )


def signal_values(text: TextRisk, customer: Customer | None, now: datetime, policy: RiskPolicy) -> dict[str, float]:
    """How strongly each signal of the policy counts, 0-1, before its points: one row of the data of ``fit-risk``.

    Raises:
        InvalidInputError: ``now`` has no time zone.
    """
    found = _read(text, customer, now, policy)
    return {name: found[name].strength if name in found else 0.0 for name in SIGNALS}


@dataclass(frozen=True, slots=True)
class _Reading:
    """Strength 0-1 of a signal, and the numbers that its name shows."""

    strength: float
    details: dict[str, int]


def _read(text: TextRisk, customer: Customer | None, now: datetime, policy: RiskPolicy) -> dict[str, _Reading]:
    """The signals that count, in the order of the policy."""
    if now.tzinfo is None:
        raise InvalidInputError("now: has no time zone; pass an aware datetime such as datetime.now(UTC)")
    today = now.astimezone(UTC).date()
    written = today if text.created_at is None else _utc_date(text.created_at)
    known = customer or Customer()
    kept = _share_left(written, known, today, policy.text)
    found = {name: _Reading(share * kept, {}) for name, share in _text_shares(text, known, policy).items()}
    found |= _context(text, known, (today - written).days, today, policy.context)
    return {name: found[name] for name in SIGNALS if name in found}


def _text_shares(text: TextRisk, customer: Customer, policy: RiskPolicy) -> dict[str, float]:
    """Share of the points that each signal of the text earns, before its age counts."""
    sure = min(1.0, text.probability / policy.text.full_points_from)
    exit_signal = "conditional_exit" if text.conditional else "explicit_exit"
    names = {
        "R1": exit_signal,
        "R2": "escalation_threat",
        "R3": "unresolved_repeat",
        "R4": "broken_relationship",
    }
    shares = {names[reason]: sure for reason in text.reasons}
    detractor = text.nps_class == "detractor"
    # The firm knows what a customer of many years need not write: that the relationship was long.
    loyal = (customer.tenure_months or 0) >= policy.context.loyal_after_months
    if loyal and detractor and text.intensity >= _DISAPPOINTED:
        shares["broken_relationship"] = 1.0
    present = {
        "detractor": detractor,
        "intensity_3": text.intensity == 3,
        "intensity_4": text.intensity == 4,
        "severity_s3": text.severity == "S3",
        "severity_s4": text.severity == "S4",
        "repaired_satisfied": text.repaired_satisfied,
    }
    return shares | {name: 1.0 for name, holds in present.items() if holds}


def _share_left(written: date, customer: Customer, today: date, rule: TextRule) -> float:
    """1, then a half, a quarter ... each time that the half-life has passed since the newest signal."""
    signals = [min(written, today), *(complaint.date for complaint in customer.previous_complaints or ())]
    newest = max(day for day in signals if day <= today)
    return float(0.5 ** ((today - newest).days // rule.half_life_days))


def _context(text: TextRisk, customer: Customer, age: int, today: date, rule: ContextRule) -> dict[str, _Reading]:
    found: dict[str, dict[str, int]] = {}
    for days, given, least in (
        (30, customer.complaints_30d, rule.contacts_30d),
        (90, customer.complaints_90d, rule.contacts_90d),
    ):
        before = max(given or 0, customer.complaints_within(days, today) or 0)
        count = before + (age <= days)
        if before and count >= least:
            found["repeat_contact"] = {"count": count, "days": days}
            break
    else:
        if any(
            complaint.type in text.failure_types and 0 <= (today - complaint.date).days <= rule.same_failure_days
            for complaint in customer.previous_complaints or ()
        ):
            found["repeat_failure"] = {}
    present = {
        "open_case": (customer.open_cases or 0) > 0,
        "reopened_case": (customer.reopened_cases or 0) > 0,
        "low_survey": (customer.last_csat is not None and customer.last_csat <= rule.csat_at_most)
        or (customer.last_nps is not None and customer.last_nps <= rule.nps_at_most),
        "falling_use": customer.falling_use is True,
    }
    found |= {name: {} for name, holds in present.items() if holds}
    if (
        customer.contract_end is not None
        and 0 <= (left := (customer.contract_end - today).days) < rule.contract_end_days
    ):
        found["contract_end_near"] = {"days": left}
    return {name: _Reading(1.0, details) for name, details in found.items()}


def _utc_date(moment: datetime) -> date:
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _rounded(points: float) -> int:
    """Nearest whole number, halves away from zero, so that 7.5 and 22.5 round alike."""
    return int(math.copysign(math.floor(abs(points) + 0.5), points))


def is_conditional_exit(text: str, language: LanguageCode, policy: RiskPolicy) -> bool:
    """Whether the exit in a text hangs on a condition ("if this isn't fixed I'm leaving").

    It is meant for texts in which the model read an exit (R1); it does not find exits by itself.

    Args:
        text: the customer's words; Armenian in Latin letters must be transliterated first.
        language: its language.
        policy: holds the cues.
    """
    cues = policy.conditional_exit[language]
    spaced = language != "zh"
    condition, leaving, decided = (_pattern(kind, spaced) for kind in (cues.conditions, cues.exits, cues.decided))
    conditional = False
    for sentence in _SENTENCE_END.split(_fold(_PAUSE.sub(" ", text))):
        if condition.search(sentence):
            conditional = conditional or leaving.search(sentence) is not None
        elif decided.search(sentence):
            return False
    return conditional


@lru_cache(maxsize=64)
def _pattern(cues: tuple[str, ...], spaced: bool) -> re.Pattern[str]:
    start, end = (r"(?<!\w)", r"(?!\w)") if spaced else ("", "")
    alternatives = []
    for cue in cues:
        parts = [re.escape(_fold(part)).replace(r"\*", r"\w*") for part in cue.split("…")]
        alternatives.append((end + _GAP + start).join(parts))
    # No cue at all must match nothing, not everything.
    return re.compile(f"{start}(?:{'|'.join(alternatives)}){end}" if alternatives else "(?!)")


def _fold(text: str) -> str:
    """One spelling for letters that customers write in several ways: case, accents, Turkish dots, full width."""
    plain = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i").replace("’", "'")
    return " ".join(_WORD_MARKS.sub("", plain).split())
