"""Severity S1-S4: how much the customer lost. Emotion never raises it.

First version: the base of the primary type, one level up where a further failure is a matter of safety, or where the
customer tells of a repeated or long-open problem.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from complaintnlp.records import RiskReason, Severity
from complaintnlp.taxonomy import FAILURE_TYPES, SEVERITY_IDS

_REPEATED: Final = "R3"
_SAFETY: Final = "safety_security"


def severity_of(
    primary: str | None, failure_types: Collection[str], reasons: Collection[RiskReason]
) -> Severity | None:
    """Severity of a text; None where no failure is named."""
    if primary is None:
        return None
    level = SEVERITY_IDS.index(FAILURE_TYPES[primary].base_severity)
    # Safety as the primary type has its own base already.
    level += (_SAFETY in failure_types and primary != _SAFETY) or _REPEATED in reasons
    severity: Severity = SEVERITY_IDS[min(level, len(SEVERITY_IDS) - 1)]  # type: ignore[assignment]
    return severity
