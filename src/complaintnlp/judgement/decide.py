"""Probabilities to decisions: thresholds per label, the primary type, the review flag.

Works on batches, so that evaluation measures exactly what serving answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, MAX_INTENSITY, RISK_REASON_IDS

MAX_FAILURE_TYPES: Final = 4
"""The annotation guide allows at most four types a text."""

_SAFETY: Final = FAILURE_TYPE_IDS.index("safety_security")


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds chosen on the development split; part of the model folder.

    Attributes:
        failure_types: threshold per failure type.
        intensity: for k = 0..3 the threshold on P(level > k); the level is the number of them passed in a row.
        at_risk: threshold of the at-risk probability.
        risk_reasons: threshold per reason R1-R4.
        review_below: a text whose `confidence` is lower carries ``needs_review``.
    """

    failure_types: tuple[float, ...] = (0.5,) * len(FAILURE_TYPE_IDS)
    intensity: tuple[float, ...] = (0.5,) * MAX_INTENSITY
    at_risk: float = 0.5
    risk_reasons: tuple[float, ...] = (0.5,) * len(RISK_REASON_IDS)
    review_below: float = 0.0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str) -> Policy:
        """Read the ``thresholds`` of a model folder.

        Raises:
            ModelFolderError: a threshold is missing or no number from 0 to 1.
        """
        try:
            policy = cls(
                failure_types=tuple(float(data["failure_types"][name]) for name in FAILURE_TYPE_IDS),
                intensity=tuple(float(value) for value in data["intensity"]),
                at_risk=float(data["at_risk"]),
                risk_reasons=tuple(float(data["risk_reasons"][name]) for name in RISK_REASON_IDS),
                review_below=float(data["review_below"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFolderError(f"{where}: thresholds are incomplete or no numbers ({error!r})") from error
        values = (*policy.failure_types, *policy.intensity, policy.at_risk, *policy.risk_reasons, policy.review_below)
        if len(policy.intensity) != MAX_INTENSITY or not all(0.0 <= value <= 1.0 for value in values):
            raise ModelFolderError(f"{where}: thresholds must be numbers from 0 to 1, {MAX_INTENSITY} for intensity")
        return policy

    def to_dict(self) -> dict[str, Any]:
        """The ``thresholds`` entry of a model folder."""
        return {
            "failure_types": dict(zip(FAILURE_TYPE_IDS, self.failure_types, strict=True)),
            "intensity": list(self.intensity),
            "at_risk": self.at_risk,
            "risk_reasons": dict(zip(RISK_REASON_IDS, self.risk_reasons, strict=True)),
            "review_below": self.review_below,
        }


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions for ``n`` texts.

    Attributes:
        failure_types: ``(n, 13)``.
        primary: ``(n,)`` index of a type in the list, -1 where the list is empty.
        intensity: ``(n,)`` level 0-4.
        nps: ``(n,)`` index into detractor, passive, promoter.
        at_risk: ``(n,)``.
        risk_reasons: ``(n, 4)``; none where the text is not at risk.
        needs_review: ``(n,)``.
    """

    failure_types: NDArray[np.bool_]
    primary: NDArray[np.intp]
    intensity: NDArray[np.intp]
    nps: NDArray[np.intp]
    at_risk: NDArray[np.bool_]
    risk_reasons: NDArray[np.bool_]
    needs_review: NDArray[np.bool_] = field(repr=False)


def confidence(scores: Scores) -> NDArray[np.float64]:
    """How sure the answer is, ``(n,)`` in 0-1.

    The probability that every failure type and the NPS class are decided right, were they independent.
    It orders texts by how much a second reader would help; it is no calibrated probability.
    """
    types = np.maximum(scores.failure_types, 1.0 - scores.failure_types).prod(axis=1)
    return np.asarray(types * scores.nps.max(axis=1))


def decide(scores: Scores, policy: Policy) -> Decisions:
    """Apply the thresholds.

    The primary type is the one with the highest primary probability among the types in the list, so it is
    always in the list, and an empty list has none. Harm to people, accounts or data goes before all else.
    """
    thresholds = np.asarray(policy.failure_types)
    over = scores.failure_types / np.maximum(thresholds, np.finfo(np.float64).tiny)
    ranked = np.argsort(-over, axis=1)[:, :MAX_FAILURE_TYPES]
    allowed = np.zeros(over.shape, dtype=bool)
    np.put_along_axis(allowed, ranked, values=True, axis=1)
    types = (scores.failure_types >= thresholds) & allowed
    primary = np.where(types[:, _SAFETY], _SAFETY, np.where(types, scores.primary, -1.0).argmax(axis=1))
    passed = scores.intensity_above >= np.asarray(policy.intensity)
    at_risk = scores.at_risk >= policy.at_risk
    reasons = (scores.risk_reasons >= np.asarray(policy.risk_reasons)) & at_risk[:, None]
    # A text at risk has at least one reason by definition: the most probable one where none passes.
    missing = at_risk & ~reasons.any(axis=1)
    reasons[missing, scores.risk_reasons[missing].argmax(axis=1)] = True
    return Decisions(
        failure_types=types,
        primary=np.where(types.any(axis=1), primary, -1),
        intensity=np.logical_and.accumulate(passed, axis=1).sum(axis=1),
        nps=scores.nps.argmax(axis=1),
        at_risk=at_risk,
        risk_reasons=reasons,
        needs_review=confidence(scores) < policy.review_below,
    )
