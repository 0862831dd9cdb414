"""The model's output layout, and logits turned into calibrated probabilities.

One pass gives one vector of logits; each head owns a slice of it. Everything here works on batches of
shape ``(n, ...)`` in float64 numpy, so that evaluation and serving share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.taxonomy import FAILURE_TYPE_IDS, MAX_INTENSITY, NPS_CLASS_IDS, RISK_REASON_IDS

Array = NDArray[np.float64]

_SIZES: Final = {
    "failure_types": len(FAILURE_TYPE_IDS),
    "primary": len(FAILURE_TYPE_IDS),
    "intensity": MAX_INTENSITY,
    "nps": len(NPS_CLASS_IDS),
    "at_risk": 1,
    "risk_reasons": len(RISK_REASON_IDS),
}


def _slices() -> Mapping[str, slice]:
    slices, start = {}, 0
    for head, size in _SIZES.items():
        slices[head] = slice(start, start + size)
        start += size
    return MappingProxyType(slices)


HEADS: Final = _slices()
"""Slice of the logits that each head owns: independent sigmoids for failure types, at risk and reasons,
a softmax for the primary type and the NPS class, and for intensity the cumulative P(level > k), k = 0..3."""

SOFTMAX_HEADS: Final = frozenset({"primary", "nps"})
"""Heads whose outputs exclude one another; all others are independent sigmoids."""

BIASED_HEADS: Final = ("failure_types", "at_risk", "risk_reasons")
"""Heads that a bias calibrates. A softmax would not notice one; of intensity it lowers the agreement with hand labels
in Turkish and English on held-out folds of the development split."""

LOGIT_COUNT: Final = sum(_SIZES.values())

OWN_TYPES: Final = "own_types"
OWN_PART: Final = slice(LOGIT_COUNT, None)
"""The logits behind those of the heads: an independent sigmoid for each failure type of the model's own, if any."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a head's logits go through before they become probabilities: ``logit / temperature + bias``.

    The temperature (Guo et al. 2017) changes how far a head commits itself, the bias how often it says yes; both
    together are Platt's scaling (Platt 1999).

    Attributes:
        temperatures: one positive number per head, and for `OWN_TYPES`; 1 where one is not named.
        biases: one number per head of `BIASED_HEADS`; 0 where a head is not named.
    """

    temperatures: Mapping[str, float] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)

    def apply(self, logits: NDArray[np.floating]) -> dict[str, Array]:
        """Calibrated logits ``(n, size)`` of each head and the own types, from all logits ``(n, LOGIT_COUNT + k)``."""
        return {
            head: np.asarray(logits[:, part], dtype=np.float64) / self.temperatures.get(head, 1.0)
            + self.biases.get(head, 0.0)
            for head, part in (*HEADS.items(), (OWN_TYPES, OWN_PART))
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """Calibrated probabilities of ``n`` texts.

    Attributes:
        failure_types: ``(n, 13)``, each independent.
        primary: ``(n, 13)``, rows sum to 1.
        intensity_above: ``(n, 4)``, P(level > 0) to P(level > 3), never rising along a row.
        nps: ``(n, 3)`` detractor, passive, promoter; rows sum to 1.
        at_risk: ``(n,)``.
        risk_reasons: ``(n, 4)`` for R1-R4, each independent.
        own_types: ``(n, k)``, of the model's own failure types, each independent.
    """

    failure_types: Array
    primary: Array
    intensity_above: Array
    nps: Array
    at_risk: Array
    risk_reasons: Array
    own_types: Array

    def __len__(self) -> int:
        return len(self.at_risk)

    @property
    def expected_intensity(self) -> Array:
        """Expected intensity level, ``(n,)`` in 0.0-4.0."""
        return np.asarray(self.intensity_above.sum(axis=1))


def sigmoid(values: Array) -> Array:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


def softmax(values: Array) -> Array:
    """Softmax over the last axis without overflow."""
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def scores_from_logits(logits: NDArray[np.floating], calibration: Calibration) -> Scores:
    """Turn logits into calibrated probabilities.

    Args:
        logits: ``(n, LOGIT_COUNT + k)``, k for the failure types of the model's own.
        calibration: temperature and bias of each head.
    """
    head = calibration.apply(logits)
    return Scores(
        failure_types=sigmoid(head["failure_types"]),
        primary=softmax(head["primary"]),
        intensity_above=np.minimum.accumulate(sigmoid(head["intensity"]), axis=1),
        nps=softmax(head["nps"]),
        at_risk=sigmoid(head["at_risk"])[:, 0],
        risk_reasons=sigmoid(head["risk_reasons"]),
        own_types=sigmoid(head[OWN_TYPES]),
    )


def combine_windows(windows: Scores) -> Scores:
    """Combine the windows of one long text, in reading order, into one row.

    A failure, a risk or the peak of emotion told in any window counts for the whole text, so those take
    the maximum. The NPS class follows the last overall judgement, so it is the mean of the last window
    and the mean of all.
    """
    if len(windows) == 1:
        return windows
    return Scores(
        failure_types=windows.failure_types.max(axis=0, keepdims=True),
        primary=windows.primary.mean(axis=0, keepdims=True),
        intensity_above=windows.intensity_above.max(axis=0, keepdims=True),
        nps=(windows.nps[-1:] + windows.nps.mean(axis=0, keepdims=True)) / 2.0,
        at_risk=windows.at_risk.max(axis=0, keepdims=True),
        risk_reasons=windows.risk_reasons.max(axis=0, keepdims=True),
        own_types=windows.own_types.max(axis=0, keepdims=True),
    )
