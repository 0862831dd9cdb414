"""From a judged text to a plan: ordered steps, due times, compensation, rights to check and routing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.records import (
    Channel,
    LanguageCode,
    NpsClass,
    RecoveryPlan,
    RecoveryStep,
    RiskBand,
    RiskReason,
    Severity,
    Tier,
)
from complaintnlp.recovery.modifiers import SAFETY, Draft, Situation, draft_plan
from complaintnlp.recovery.playbook import Band, Playbook, load_playbook
from complaintnlp.recovery.timing import due
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, MAX_INTENSITY, NPS_CLASS_IDS, SEVERITY_IDS

COUNTRY_LANGUAGES: Final[dict[str, tuple[LanguageCode, ...]]] = {
    "EU": ("en",),
    "TR": ("en", "tr"),
    "CN": ("en", "zh"),
    "AM": ("en", "hy"),
}
"""Countries whose rights are known, with the languages in which they are told."""

_STRICTEST_FIRST: Final[tuple[Band, ...]] = ("CS", "C4", "C3", "C2", "C1")
_HIGH_BANDS: Final = frozenset({"C3", "C4"})
_SEVERE: Final = ("S3", "S4")
_BAND: Final = re.compile(r"\bC[0-4S]\b")
_ALTERNATIVE: Final = re.compile(r" or | to ")


def make_plan(  # noqa: PLR0913 - one argument for each thing that changes a plan
    primary: str | None,
    severity: Severity | None,
    nps_class: NpsClass,
    *,
    failure_types: Iterable[str] = (),
    intensity: int = 0,
    reasons: Iterable[RiskReason] = (),
    at_risk: bool = False,
    risk_band: RiskBand | None = None,
    tier: Tier | None = None,
    channel: Channel | None = None,
    repeated: bool = False,
    repaired: bool = False,
    public_threat: bool = False,
    created_at: datetime | None = None,
    now: datetime | None = None,
    country: str | None = None,
    playbook: Playbook | None = None,
) -> RecoveryPlan:
    """The row of the playbook for the primary type and severity, with every modifier that applies.

    Each call answers with objects of its own: changing one plan's texts changes no other.

    Args:
        primary: primary failure type, None where none is named.
        severity: given exactly if ``primary`` is. A repeated failure has been raised already, where severity is judged.
        nps_class: decides what to do where no failure is named.
        failure_types: all types that the text names, with or without the primary one.
        intensity: strength of the emotion, 0-4.
        reasons: R1-R4; R3 counts as a failed recovery (double deviation).
        at_risk: whether the customer may leave; also taken from a risk band of high or critical.
        risk_band: band of the risk score.
        tier: worth of the customer; it buys attention and speed, no money.
        channel: where the words came in; decides the first reply and whether it is read by everyone.
        repeated: an earlier recovery has failed.
        repaired: the failure is repaired already.
        public_threat: the customer threatens to go public.
        created_at: when it was written; due times count from here.
        now: due times count from here where ``created_at`` is not known.
        country: ``EU`` or an ISO 3166-1 alpha-2 code; rights are known for the EU, TR, CN and AM.
        playbook: a company's own, see `load_playbook`; the packaged one by default.

    Raises:
        InvalidInputError: an argument is none of the allowed values, or a severity comes without a primary type or
            the other way round.
    """
    playbook = playbook or load_playbook()
    types = _types(primary, severity, failure_types)
    _check("nps_class", nps_class, NPS_CLASS_IDS)
    if not 0 <= intensity <= MAX_INTENSITY:
        raise InvalidInputError(f"intensity: {intensity} is not allowed; allowed: 0 to {MAX_INTENSITY}")
    situation = Situation(
        types=types,
        severity=severity,
        nps_class=nps_class,
        intensity=intensity,
        reasons=tuple(reasons),
        at_risk=at_risk,
        risk_band=risk_band,
        tier=tier,
        channel=channel,
        repeated=repeated,
        repaired=repaired,
        public_threat=public_threat,
    )
    draft = draft_plan(situation, playbook)
    bands = _bands_in(draft.band)
    start = created_at or now
    first_reply = due(start, playbook.times.duration(draft.first_reply))
    fix = None if draft.fix in playbook.times.untimed else due(start, playbook.times.duration(draft.fix))
    person = _person_reasons(situation, draft, bands)
    return RecoveryPlan(
        owner=draft.owner,
        channel=draft.channel,
        first_reply_within=draft.first_reply,
        fix_within=draft.fix,
        compensation_band=draft.band,
        steps=_steps(draft, bands, first_reply, fix, playbook),
        first_reply_due=first_reply,
        fix_due=fix,
        new_survey_within=playbook.times.new_survey if draft.new_survey else None,
        compensation=_compensation(situation, draft, bands, playbook),
        never_automatic=bool(person),
        never_automatic_reasons=person,
        rights=rights_to_check(country, types),
        public_reply=draft.public,
        queue=playbook.owners[draft.owner].queue,
        tags=_tags(situation, draft),
        modifiers=tuple(draft.applied),
    )


def rights_to_check(country: str | None, failure_types: Collection[str]) -> tuple[RecoveryPlan.Right, ...]:
    """Laws of a country that may apply to these failure types. Information to be checked, no legal advice.

    Args:
        country: ``EU`` or an ISO 3166-1 alpha-2 code in either case; empty answer where it is None or not covered.
        failure_types: what failed.

    Raises:
        InvalidInputError: the country is no code of two letters.
    """
    if country is None:
        return ()
    code = country.upper()
    if not re.fullmatch("[A-Z]{2}", code):
        raise InvalidInputError(f"country: {country!r} is not allowed; give EU or two letters (ISO 3166-1), such as TR")
    data = _rights()
    code = "EU" if code in data["eu_members"] else code
    return tuple(
        RecoveryPlan.Right(
            id=name,
            country=code,
            law=right["law"],
            text={language: right["text"][language] for language in COUNTRY_LANGUAGES[code]},
            note={language: data["note"][language] for language in COUNTRY_LANGUAGES[code]},
        )
        for name, right in data["right"].items()
        if code in right["countries"] and not set(failure_types).isdisjoint(right["failure_types"])
    )


@cache
def _rights() -> dict[str, Any]:
    file = "rights.toml"
    data = tomllib.loads(resources.files(__package__).joinpath(file).read_text(encoding="utf-8"))
    for name, right in data["right"].items():
        for key, allowed in (("countries", tuple(COUNTRY_LANGUAGES)), ("failure_types", FAILURE_TYPE_IDS)):
            for value in right[key]:
                if value not in allowed:
                    raise ConfigurationError(
                        f"{file}, right.{name}.{key}: unknown value {value!r}; allowed: {', '.join(allowed)}"
                    )
        needed = {language for country in right["countries"] for language in COUNTRY_LANGUAGES[country]}
        missing = sorted(needed - set(right["text"]))
        if missing:
            raise ConfigurationError(f"{file}: right.{name}.text lacks {', '.join(missing)}")
    if set(LANGUAGES) - set(data["note"]):
        raise ConfigurationError(f"{file}: note lacks {', '.join(sorted(set(LANGUAGES) - set(data['note'])))}")
    return data


def _types(primary: str | None, severity: Severity | None, failure_types: Iterable[str]) -> tuple[str, ...]:
    if (primary is None) != (severity is None):
        raise InvalidInputError("primary and severity: give both, or neither where no failure is named")
    named = tuple(dict.fromkeys((primary, *failure_types) if primary else failure_types))
    for name in named:
        _check("failure_types", name, FAILURE_TYPE_IDS)
    if named and primary is None:
        raise InvalidInputError("failure_types: given without a primary type; name the primary one and its severity")
    if severity is not None:
        _check("severity", severity, SEVERITY_IDS)
    return named


def _check(what: str, value: str, allowed: Collection[str]) -> None:
    if value not in allowed:
        raise InvalidInputError(f"{what}: unknown {value!r}; allowed: {', '.join(allowed)}")


def _bands_in(words: str) -> tuple[Band, ...]:
    found = set(_BAND.findall(words))
    return tuple(band for band in _STRICTEST_FIRST if band in found)


def _steps(
    draft: Draft, bands: tuple[Band, ...], first_reply: datetime | None, fix: datetime | None, playbook: Playbook
) -> tuple[RecoveryStep, ...]:
    rules, spent = playbook.steps, {playbook.steps.band.get(name) for name in draft.actions}
    high = next((band for band in bands if band in _HIGH_BANDS and not spent & _HIGH_BANDS), None)
    steps = []
    for name in draft.actions:
        action = playbook.actions[name]
        band = rules.band.get(name) or (high if name in rules.in_kind else None)
        steps.append(
            RecoveryStep(
                element=action.element,
                action=name,
                owner=action.owner,
                text=dict(action.text),
                channel=rules.channel.get(name, draft.channel),
                approval=playbook.bands[band].approver if band else None,
                due=_step_due(name, action.element, first_reply, fix, playbook),
            )
        )
    return tuple(steps)


def _step_due(
    name: str, element: str, first_reply: datetime | None, fix: datetime | None, playbook: Playbook
) -> datetime | None:
    times = playbook.times
    if name in times.after_fix:
        later = times.duration(times.after_fix[name]) or timedelta()
        return due(fix or first_reply, later)
    return fix if element in ("solution", "compensation") and name not in times.with_first_reply else first_reply


def _compensation(
    situation: Situation, draft: Draft, bands: tuple[Band, ...], playbook: Playbook
) -> RecoveryPlan.Compensation:
    no_offer = _no_offer(situation, draft, bands)
    statutory = "CS" in bands or "rights_check" in draft.actions or "pay_statutory" in draft.actions
    kinds = {
        "statutory": statutory,
        "expenses": "CS" in bands or "pay_expenses" in draft.actions,
        "goodwill": bool(set(bands) - {"CS"}) and not no_offer,
    }
    deciding: list[Band] = [band for band in bands if band == "CS"]
    if kinds["goodwill"]:
        deciding += [band for band in bands if band != "CS"][:1]
    approvers = [playbook.bands[band].approver for band in deciding]
    questions = playbook.ask_first if kinds["goodwill"] else {}
    return RecoveryPlan.Compensation.model_validate(
        {
            "order": tuple(kind for kind, given in kinds.items() if given),
            "limit_percent": 0 if no_offer else _limit(draft.band, playbook),
            "cap_percent": playbook.compensation.cap_percent,
            "approvers": tuple(dict.fromkeys(name for name in (*draft.approvers, *approvers) if name)),
            "in_kind": dict(playbook.in_kind[situation.types[0]]) if situation.types else None,
            "no_offer": {code: dict(playbook.no_offer[code]) for code in no_offer},
            "ask_first": {
                code: dict(text)
                for code, text in questions.items()
                if code != "price_opinion" or "price_billing" in situation.types
            },
        }
    )


def _no_offer(situation: Situation, draft: Draft, bands: tuple[Band, ...]) -> tuple[str, ...]:
    """Why nothing beyond legal rights may be offered; empty where it may."""
    if draft.no_offer:
        return tuple(draft.no_offer)
    if not situation.types:
        return ("no_failure_told",)
    if bands:
        return ()
    return ("attention_not_money",) if situation.types == ("staff_conduct",) else ("correction_enough",)


def _limit(words: str, playbook: Playbook) -> int | None:
    """Most that goodwill may give, in percent of the price: the best alternative, its parts added, under the cap."""
    totals = [
        sum(playbook.bands[band].max_percent or 0 for band in _bands_in(alternative) if band != "CS")
        for alternative in _ALTERNATIVE.split(words)
    ]
    return min(max(totals), playbook.compensation.cap_percent) or None


def _person_reasons(situation: Situation, draft: Draft, bands: tuple[Band, ...]) -> tuple[str, ...]:
    """Why a person must send the reply: much was lost, the law or much money is concerned, or a modifier says so."""
    reasons = [
        ("severity", situation.severity in _SEVERE),
        ("statutory", "CS" in bands),
        ("high_band", bool(_HIGH_BANDS.intersection(bands))),
    ]
    safety = ["safety"] if SAFETY in situation.types else []
    return tuple(dict.fromkeys((*(name for name, given in reasons if given), *safety, *draft.persons)))


def _tags(situation: Situation, draft: Draft) -> tuple[str, ...]:
    """Labels for a help desk, one word per fact."""
    risk = situation.risk_band or ("flagged" if situation.at_risk else None)
    pairs = [
        *(("failure", name) for name in situation.types),
        ("severity", (situation.severity or "").lower()),
        ("nps", situation.nps_class),
        ("intensity", str(situation.intensity) if situation.intensity >= 3 else ""),
        ("risk", risk or ""),
        *(("risk_reason", reason.lower()) for reason in situation.reasons),
        ("tier", situation.tier or ""),
        ("channel", "public" if draft.public else situation.channel or ""),
        ("case", "repeated" if "double_deviation" in situation.flags() else ""),
        ("case", "repaired" if situation.repaired else ""),
    ]
    return tuple(f"{kind}__{value}" for kind, value in pairs if value)
