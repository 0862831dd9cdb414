"""Severity S1-S4: how much the customer lost. Emotion never raises it.

The rule of the domain notes (part b): the base of the primary type; one level up for a repeated or long-open problem
or a further failure of safety; one up for a total loss or a missed event; S4 at once for harm or real danger; one down
for what was small or repaired. S4 means harm or danger, and a problem that is both weeks long and reported three times
is neither: steps alone lead to S4 only where safety is named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from complaintnlp.judgement.cues import Cue, find_cues
from complaintnlp.records import RiskReason, Severity
from complaintnlp.taxonomy import FAILURE_TYPES, SEVERITY_IDS
from complaintnlp.text.normalize import NormalizedText

_REPEATED: Final = "R3"
_SAFETY: Final = "safety_security"
_WORST: Final = len(SEVERITY_IDS) - 1


@dataclass(frozen=True, slots=True)
class SeverityAssessment:
    """A severity with the words that moved it.

    Attributes:
        severity: None where no failure is named.
        cues: those that counted, with ranges in the original text.
    """

    severity: Severity | None
    cues: tuple[Cue, ...] = ()


def assess_severity(
    primary: str | None,
    failure_types: Collection[str],
    reasons: Collection[RiskReason],
    text: NormalizedText,
    language: str,
    *,
    at_risk: bool = False,
) -> SeverityAssessment:
    """Severity of a text by its failures, risk reasons and cue phrases.

    A cue is a failure's cue: without a named failure none counts, and a group that names failure types counts only
    beside one of them. A repair does not count where the text tells of a repeated or unsolved problem.

    Args:
        primary: id of the primary failure type; None where no failure is named.
        failure_types: ids of all named types.
        reasons: risk reasons of the answer.
        text: as the model reads it.
        language: of the text, one of the supported languages.
        at_risk: whether the text says that the customer may leave: what drives them away counts as a small loss even
            where it is not named, and one more where it is repeated.
    """
    if primary is None:
        return SeverityAssessment(_severity(int(_REPEATED in reasons)) if at_risk else None)
    cues = tuple(cue for cue in find_cues(text, language) if not cue.types or set(cue.types) & set(failure_types))
    critical = tuple(cue for cue in cues if cue.kind == "critical")
    if critical:
        return SeverityAssessment(_severity(_WORST), critical)
    kinds = {cue.kind for cue in cues}
    repeated = "repeated" in kinds or _REPEATED in reasons
    if repeated:
        cues = tuple(cue for cue in cues if cue.kind != "repaired")
        kinds.discard("repaired")
    level = _level(primary, failure_types, repeated=repeated)
    level += "loss" in kinds
    level -= "small" in kinds or "repaired" in kinds
    if _SAFETY not in failure_types:
        level = min(level, _WORST - 1)
    return SeverityAssessment(_severity(level), cues)


def severity_of(
    primary: str | None, failure_types: Collection[str], reasons: Collection[RiskReason]
) -> Severity | None:
    """Severity without the text's cues; None where no failure is named."""
    if primary is None:
        return None
    return _severity(_level(primary, failure_types, repeated=_REPEATED in reasons))


def _level(primary: str, failure_types: Collection[str], *, repeated: bool) -> int:
    # Safety as the primary type has its own base already.
    further_safety = _SAFETY in failure_types and primary != _SAFETY
    return SEVERITY_IDS.index(FAILURE_TYPES[primary].base_severity) + (further_safety or repeated)


def _severity(level: int) -> Severity:
    severity: Severity = SEVERITY_IDS[min(max(level, 0), _WORST)]  # type: ignore[assignment]
    return severity
