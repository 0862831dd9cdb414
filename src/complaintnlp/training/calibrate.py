"""Calibrate a model folder on the development split: temperature per head, thresholds.

It measures the int8 model through the same runtime that serves it, so the numbers fit what users get.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score

from complaintnlp.judgement.decide import Policy, confidence
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import (
    HEADS,
    SOFTMAX_HEADS,
    Scores,
    combine_windows,
    scores_from_logits,
    sigmoid,
    softmax,
)
from complaintnlp.taxonomy import MAX_INTENSITY
from complaintnlp.training.export import write_settings
from complaintnlp.training.metrics import Gold

REVIEW_SHARE: Final = 0.2
"""Share of development texts that may be sent to a person: the least sure fifth."""

_GRID: Final = np.round(np.arange(0.10, 0.91, 0.02), 2)
_PRIOR_POSITIVES: Final = 30.0
"""A reason's own best threshold counts as much as the common one when it has this many positive texts."""

_PRIOR_TEXTS: Final = 100.0
"""A language's own best threshold counts as much as the common one when it has this many texts."""


def window_logits(runtime: Runtime, texts: Iterable[str]) -> list[NDArray[np.float32]]:
    """Logits of each text's windows."""
    return [runtime.logits(text) for text in texts]


def combined_scores(windows: list[NDArray[np.float32]], temperatures: dict[str, float]) -> Scores:
    """Calibrated scores, one row a text, its windows combined as in serving."""
    rows = [combine_windows(scores_from_logits(logits, temperatures)) for logits in windows]
    return Scores(
        **{name: np.concatenate([getattr(row, name) for row in rows]) for name in Scores.__dataclass_fields__}
    )


def calibrate(folder: Path, development: Dataset) -> Policy:
    """Fit temperatures and thresholds and write them into the folder.

    Args:
        folder: a model folder.
        development: hand-labelled texts that the model was not trained on.

    Returns:
        The thresholds.
    """
    model = read_model_folder(folder)
    windows = window_logits(Runtime(model), development["text"])
    gold = Gold.of({name: development[name] for name in HEADS})
    temperatures = fit_temperatures(np.stack([logits[0] for logits in windows]), gold)
    policy = fit_thresholds(combined_scores(windows, temperatures), gold, development["language"])
    write_settings(folder, {**model.settings, "temperatures": temperatures, "thresholds": policy.to_dict()})
    return policy


def fit_temperatures(logits: NDArray[np.float32], gold: Gold) -> dict[str, float]:
    """Temperature of each head that gives the development labels the highest likelihood."""
    targets: dict[str, NDArray[Any]] = {
        "failure_types": gold.failure_types.astype(float),
        "intensity": (gold.intensity[:, None] > np.arange(MAX_INTENSITY)).astype(float),
        "at_risk": gold.at_risk[:, None].astype(float),
        "risk_reasons": gold.risk_reasons.astype(float),
        "primary": gold.primary,
        "nps": gold.nps,
    }
    temperatures = {}
    for head, part in HEADS.items():
        target = targets[head]
        known = target >= 0 if head in SOFTMAX_HEADS else np.ones(len(logits), dtype=bool)
        outputs = logits[known][:, part].astype(np.float64)
        temperatures[head] = round(best_temperature(head, outputs, target[known]), 4) if known.any() else 1.0
    return temperatures


def fit_thresholds(scores: Scores, gold: Gold, languages: Sequence[str]) -> Policy:
    """Thresholds of best F1.

    Failure types share one threshold, since a type's own is mostly noise: on held-out folds of the development split it
    costs half a point of micro-F1. A language's threshold does better there, drawn towards the common one.
    """
    codes = np.asarray(languages)
    common = best_threshold(scores.failure_types, gold.failure_types)
    shift = {}
    for code in sorted(set(languages)):
        rows = codes == code
        own = best_threshold(scores.failure_types[rows], gold.failure_types[rows])
        count = float(rows.sum())
        shift[code] = round((own - common) * count / (count + _PRIOR_TEXTS), 4)
    return Policy(
        failure_types=(round(common, 4),) * gold.failure_types.shape[1],
        language_shift=shift,
        at_risk=best_threshold(scores.at_risk, gold.at_risk),
        risk_reasons=_label_thresholds(scores.risk_reasons, gold.risk_reasons),
        review_below=float(np.quantile(confidence(scores), REVIEW_SHARE).round(4)),
    )


def best_temperature(head: str, outputs: NDArray[np.float64], target: NDArray[Any]) -> float:
    """Temperature of highest likelihood.

    Args:
        head: tells how outputs become probabilities.
        outputs: ``(n, size)`` logits of the head.
        target: ``(n,)`` classes of a softmax head, else ``(n, size)`` of 0 and 1.
    """
    loss = _softmax_loss if head in SOFTMAX_HEADS else _sigmoid_loss
    found = minimize_scalar(lambda log_t: loss(outputs / np.exp(log_t), target), bounds=(-1.5, 1.5), method="bounded")
    return float(np.exp(found.x))


def _sigmoid_loss(outputs: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    p = sigmoid(outputs).clip(1e-9, 1 - 1e-9)
    return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())


def _softmax_loss(outputs: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    p = softmax(outputs)[np.arange(len(outputs)), target.astype(int)]
    return float(-np.log(p.clip(1e-9)).mean())


def _label_thresholds(probabilities: NDArray[np.float64], gold: NDArray[np.bool_]) -> tuple[float, ...]:
    common = best_threshold(probabilities, gold)
    thresholds = []
    for label in range(gold.shape[1]):
        positives = float(gold[:, label].sum())
        own = best_threshold(probabilities[:, label], gold[:, label])
        share = positives / (positives + _PRIOR_POSITIVES)
        thresholds.append(round(share * own + (1 - share) * common, 4))
    return tuple(thresholds)


def best_threshold(probabilities: NDArray[np.float64], gold: NDArray[np.bool_]) -> float:
    """Threshold of best F1 for probabilities and labels of the same shape."""
    p, y = probabilities.ravel(), gold.ravel()
    f1 = np.array([f1_score(y, p >= t, zero_division=0.0) for t in _GRID])
    # The middle of the thresholds that come close to the best: a single peak is often noise.
    return float(np.median(_GRID[f1 >= f1.max() - 0.003]))
