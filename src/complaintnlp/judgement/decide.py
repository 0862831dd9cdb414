"""Probabilities to decisions: thresholds per label, the primary type, the review flag.

Works on batches, so that evaluation measures exactly what serving answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.scores import Array, Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, RISK_REASON_IDS

MAX_FAILURE_TYPES: Final = 4
"""The annotation guide allows at most four types a text."""

_SAFETY: Final = "safety_security"


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds chosen on the development split; part of the model folder.

    Attributes:
        failure_types: threshold per failure type.
        language_shift: what is added to those thresholds in a language; 0 where a language is not named.
        at_risk: threshold of the at-risk probability.
        risk_reasons: threshold per reason R1-R4.
        review_below: a text whose `confidence` is lower carries ``needs_review``.
        own_types: the model's own failure types with their thresholds, which hold in every language; without them,
            the model answers with the 13 alone.
    """

    failure_types: tuple[float, ...] = (0.5,) * len(FAILURE_TYPE_IDS)
    language_shift: Mapping[str, float] = field(default_factory=dict)
    at_risk: float = 0.5
    risk_reasons: tuple[float, ...] = (0.5,) * len(RISK_REASON_IDS)
    review_below: float = 0.0
    own_types: tuple[OwnType, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str) -> Policy:
        """Read the ``thresholds`` of a model folder, without its own failure types; `folder_policy` has those too.

        Raises:
            ModelFolderError: a threshold is missing or no number from 0 to 1.
        """
        try:
            policy = cls(
                failure_types=tuple(float(data["failure_types"][name]) for name in FAILURE_TYPE_IDS),
                language_shift={str(code): float(shift) for code, shift in data["language_shift"].items()},
                at_risk=float(data["at_risk"]),
                risk_reasons=tuple(float(data["risk_reasons"][name]) for name in RISK_REASON_IDS),
                review_below=float(data["review_below"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFolderError(f"{where}: thresholds are incomplete or no numbers ({error!r})") from error
        values = (*policy.failure_types, policy.at_risk, *policy.risk_reasons, policy.review_below)
        shifts = policy.language_shift
        if not all(0.0 <= value <= 1.0 for value in values) or not all(-1.0 <= v <= 1.0 for v in shifts.values()):
            raise ModelFolderError(f"{where}: thresholds must be numbers from 0 to 1, shifts from -1 to 1")
        unknown = ", ".join(set(shifts) - set(LANGUAGES))
        if unknown:
            raise ModelFolderError(f"{where}: thresholds have a shift for {unknown}; allowed: {', '.join(LANGUAGES)}")
        return policy

    @property
    def type_ids(self) -> tuple[str, ...]:
        """The 13 failure types, then the model's own."""
        return (*FAILURE_TYPE_IDS, *(own.id for own in self.own_types))

    def handled_as(self, code: str) -> str:
        """The one of the 13 failure types that severity, plan and reply take a type for."""
        return next((own.like for own in self.own_types if own.id == code), code)

    def to_dict(self) -> dict[str, Any]:
        """The ``thresholds`` entry of a model folder; its own failure types hold theirs themselves."""
        return {
            "failure_types": dict(zip(FAILURE_TYPE_IDS, self.failure_types, strict=True)),
            "language_shift": dict(self.language_shift),
            "at_risk": self.at_risk,
            "risk_reasons": dict(zip(RISK_REASON_IDS, self.risk_reasons, strict=True)),
            "review_below": self.review_below,
        }


def folder_policy(folder: ModelFolder) -> Policy:
    """All thresholds of a model folder, those of its own failure types too.

    Raises:
        ModelFolderError: as `Policy.from_dict`.
    """
    return replace(Policy.from_dict(folder.thresholds, str(folder.path)), own_types=folder.own_types)


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions for ``n`` texts.

    Attributes:
        failure_types: ``(n, 13)``.
        primary: ``(n,)`` index of a type in the list, -1 where the list is empty; own types count on from 13.
        intensity: ``(n,)`` level 0-4.
        nps: ``(n,)`` index into detractor, passive, promoter.
        at_risk: ``(n,)``.
        risk_reasons: ``(n, 4)``; none where the text is not at risk.
        needs_review: ``(n,)``.
        own_types: ``(n, k)``, of the policy's own failure types.
    """

    failure_types: NDArray[np.bool_]
    primary: NDArray[np.intp]
    intensity: NDArray[np.intp]
    nps: NDArray[np.intp]
    at_risk: NDArray[np.bool_]
    risk_reasons: NDArray[np.bool_]
    needs_review: NDArray[np.bool_] = field(repr=False)
    own_types: NDArray[np.bool_]


def confidence(scores: Scores) -> NDArray[np.float64]:
    """How sure the answer is, ``(n,)`` in 0-1.

    The probability that every failure type and the NPS class are decided right, were they independent.
    It orders texts by how much a second reader would help; it is no calibrated probability.
    """
    types = np.maximum(scores.failure_types, 1.0 - scores.failure_types).prod(axis=1)
    return np.asarray(types * scores.nps.max(axis=1))


def decide(scores: Scores, policy: Policy, languages: Sequence[str] = ()) -> Decisions:
    """Apply the thresholds.

    The intensity is the level nearest to its expected value, which of all levels costs least where errors count by
    their square.

    The primary type is the one with the highest primary probability among the types in the list, so it is
    always in the list, and an empty list has none. The primary head knows no own types: one of them is primary where
    it is more probable than every other type in the list. Harm to people, accounts or data goes before all else.

    Args:
        scores: of ``n`` texts.
        policy: thresholds.
        languages: ``n`` codes; without them no language's shift applies.
    """
    shifts = [policy.language_shift.get(code, 0.0) for code in languages] or [0.0] * len(scores)
    known = np.clip(np.asarray(policy.failure_types) + np.asarray(shifts)[:, None], 0.0, 1.0)
    own = np.tile([own.threshold for own in policy.own_types], (len(scores), 1))
    thresholds = np.hstack([known, own])
    probabilities = np.hstack([scores.failure_types, scores.own_types[:, : len(policy.own_types)]])
    over = probabilities / np.maximum(thresholds, np.finfo(np.float64).tiny)
    ranked = np.argsort(-over, axis=1)[:, :MAX_FAILURE_TYPES]
    allowed = np.zeros(over.shape, dtype=bool)
    np.put_along_axis(allowed, ranked, values=True, axis=1)
    types = (probabilities >= thresholds) & allowed
    at_risk = scores.at_risk >= policy.at_risk
    reasons = (scores.risk_reasons >= np.asarray(policy.risk_reasons)) & at_risk[:, None]
    # A text at risk has at least one reason by definition: the most probable one where none passes.
    missing = at_risk & ~reasons.any(axis=1)
    reasons[missing, scores.risk_reasons[missing].argmax(axis=1)] = True
    return Decisions(
        failure_types=types[:, : len(FAILURE_TYPE_IDS)],
        primary=_primary(types, probabilities, scores, policy),
        intensity=np.floor(scores.expected_intensity + 0.5).astype(np.intp),
        nps=scores.nps.argmax(axis=1),
        at_risk=at_risk,
        risk_reasons=reasons,
        needs_review=confidence(scores) < policy.review_below,
        own_types=types[:, len(FAILURE_TYPE_IDS) :],
    )


def _primary(types: NDArray[np.bool_], probabilities: Array, scores: Scores, policy: Policy) -> NDArray[np.intp]:
    """Index of the primary type, ``(n,)``; of ``types`` and ``probabilities`` ``(n, 13 + k)`` the last are own ones."""
    count = len(FAILURE_TYPE_IDS)
    strongest = np.where(types, probabilities, -1.0).argmax(axis=1)
    primary = np.where(types[:, :count], scores.primary, -1.0).argmax(axis=1)
    primary = np.where(strongest < count, primary, strongest)
    harm = types & np.array([policy.handled_as(code) == _SAFETY for code in policy.type_ids])
    primary = np.where(harm.any(axis=1), harm.argmax(axis=1), primary)
    return np.where(types.any(axis=1), primary, -1)


def named_types(scores: Scores, decisions: Decisions, policy: Policy) -> tuple[dict[str, float], str | None]:
    """The named failure types of one text with their probabilities, the highest first, and the primary one."""
    named = np.flatnonzero(np.hstack([decisions.failure_types[0], decisions.own_types[0]]))
    probabilities = np.hstack([scores.failure_types[0], scores.own_types[0]])
    ids = policy.type_ids
    found = {ids[i]: float(probabilities[i]) for i in sorted(named, key=lambda i: -float(probabilities[i]))}
    return found, ids[decisions.primary[0]] if found else None
