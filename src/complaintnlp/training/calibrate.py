"""Calibrate a model folder on the development split: temperature and bias per head, thresholds.

It measures the int8 model through the same runtime that serves it, so the numbers fit what users get.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.metrics import f1_score

from complaintnlp.judgement.decide import MAX_FAILURE_TYPES, Policy, confidence
from complaintnlp.judgement.precision import PRECISIONS, SETTING, Point
from complaintnlp.model.folder import SCHEMA_VERSION, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import (
    BIASED_HEADS,
    HEADS,
    SOFTMAX_HEADS,
    Calibration,
    Scores,
    combine_windows,
    scores_from_logits,
)
from complaintnlp.taxonomy import MAX_INTENSITY
from complaintnlp.training.export import write_settings
from complaintnlp.training.metrics import Gold
from complaintnlp.training.tables import number, table_head, table_row

REVIEW_SHARE: Final = 0.2
"""Share of development texts that may be sent to a person: the least sure fifth."""

FOLDS: Final = 5
_LOG_TEMPERATURES: Final = (-1.5, 1.5)
_GRID: Final = np.round(np.arange(0.10, 0.91, 0.02), 2)
_PRECISION_GRID: Final = np.round(np.arange(0.02, 0.9951, 0.005), 3)
_MIN_ANSWERS: Final = 30
"""Answers below which a precision says nothing."""

_PRIOR_POSITIVES: Final = 30.0
"""A reason's own best threshold counts as much as the common one when it has this many positive texts."""

_PRIOR_TEXTS: Final = 100.0
"""A language's own best threshold counts as much as the common one when it has this many texts."""


def window_logits(runtime: Runtime, texts: Iterable[str]) -> list[NDArray[np.float32]]:
    """Logits of each text's windows."""
    return [runtime.logits(text) for text in texts]


def combined_scores(windows: list[NDArray[np.float32]], calibration: Calibration) -> Scores:
    """Calibrated scores, one row a text, its windows combined as in serving."""
    rows = [combine_windows(scores_from_logits(logits, calibration)) for logits in windows]
    return Scores(
        **{name: np.concatenate([getattr(row, name) for row in rows]) for name in Scores.__dataclass_fields__}
    )


def calibrate(folder: Path, development: Dataset) -> Policy:
    """Fit calibration, thresholds of best F1 and those of wanted precisions, and write them into the folder.

    Args:
        folder: a model folder.
        development: hand-labelled texts that the model was not trained on.

    Returns:
        The thresholds.
    """
    model = read_model_folder(folder)
    windows = window_logits(Runtime(model), development["text"])
    gold = Gold.of({name: development[name] for name in HEADS})
    calibration = fit_calibration(np.stack([logits[0] for logits in windows]), gold)
    scores = combined_scores(windows, calibration)
    policy = fit_thresholds(scores, gold, development["language"])
    table = precision_table(scores, gold, folds(development["id"]))
    write_settings(folder, {**calibrated(model.settings, calibration, policy), SETTING: table})
    return policy


def calibrated(settings: Mapping[str, Any], calibration: Calibration, policy: Policy) -> dict[str, Any]:
    """Settings of a model folder with another calibration: they are of today's version, whatever it was before.

    What the calibration does not name stays: the development split knows no own failure types.
    """
    return {
        **settings,
        "schema_version": SCHEMA_VERSION,
        "temperatures": {**settings["temperatures"], **calibration.temperatures},
        "biases": dict(calibration.biases),
        "thresholds": policy.to_dict(),
    }


def fit_calibration(logits: NDArray[np.float32], gold: Gold) -> Calibration:
    """Temperature and bias of each head that give the development labels the highest likelihood."""
    targets = head_targets(gold)
    temperatures, biases = dict.fromkeys(HEADS, 1.0), dict.fromkeys(BIASED_HEADS, 0.0)
    for head, part in HEADS.items():
        target = targets[head]
        known = target >= 0 if head in SOFTMAX_HEADS else np.ones(len(logits), dtype=bool)
        if known.any():
            temperature, bias = best_calibration(head, logits[known][:, part].astype(np.float64), target[known])
            temperatures[head] = round(temperature, 4)
            if head in BIASED_HEADS:
                biases[head] = round(bias, 4)
    return Calibration(temperatures, biases)


def head_targets(gold: Gold) -> dict[str, NDArray[Any]]:
    """What each head should say: the class of a softmax head (-1 where there is none), else 0 or 1 for each output."""
    return {
        "failure_types": gold.failure_types.astype(float),
        "intensity": (gold.intensity[:, None] > np.arange(MAX_INTENSITY)).astype(float),
        "at_risk": gold.at_risk[:, None].astype(float),
        "risk_reasons": gold.risk_reasons.astype(float),
        "primary": gold.primary,
        "nps": gold.nps,
    }


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


def folds(ids: Sequence[str]) -> NDArray[np.int64]:
    """Fold of each text, 0 to 4, by its id."""
    return np.array([int(text_id[-4:], 16) % FOLDS for text_id in ids], dtype=np.int64)


def precision_table(
    scores: Scores, gold: Gold, fold: NDArray[np.int64]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """The lowest thresholds that reach each of `PRECISIONS`, and what is found there.

    Returns:
        Per precision, for ``failure_types`` (all share one) and ``at_risk``, the fields of `Point`.
    """
    heads = {
        "failure_types": (_at_most_four(scores.failure_types), gold.failure_types),
        "at_risk": (scores.at_risk[:, None], gold.at_risk[:, None]),
    }
    return {
        str(wanted): {
            name: asdict(replace(_point(p, y, wanted), held_out=_held_out(p, y, fold, wanted)))
            for name, (p, y) in heads.items()
        }
        for wanted in PRECISIONS
    }


def _at_most_four(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """A text is given its most probable types at most, whatever the threshold."""
    ranks = (-probabilities).argsort(axis=1).argsort(axis=1)
    return np.where(ranks < MAX_FAILURE_TYPES, probabilities, 0.0)


def _point(probabilities: NDArray[np.float64], gold: NDArray[np.bool_], wanted: float) -> Point:
    """The lowest threshold from which on the precision stays at the wanted one."""
    curve = _precision_curve(probabilities, gold)
    if not len(curve):
        return Point(None, 0.0, 0.0)
    below = np.flatnonzero(curve[:, 1] < wanted)
    first = below[-1] + 1 if len(below) else 0
    reached = first < len(curve)
    threshold, precision, recall = (round(float(v), 4) for v in curve[first if reached else curve[:, 1].argmax()])
    return Point(threshold if reached else None, precision, recall)


def _held_out(
    probabilities: NDArray[np.float64], gold: NDArray[np.bool_], fold: NDArray[np.int64], wanted: float
) -> float | None:
    """Precision on every fold by the threshold of the others; None where one of them has none."""
    said = np.zeros_like(gold)
    for inside in (fold == held_out for held_out in range(FOLDS)):
        threshold = _point(probabilities[~inside], gold[~inside], wanted).threshold
        if threshold is None:
            return None
        said[inside] = probabilities[inside] >= threshold
    return round(float(gold[said].mean()), 4) if said.any() else None


def _precision_curve(probabilities: NDArray[np.float64], gold: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Threshold, precision and recall ``(thresholds, 3)`` where at least `_MIN_ANSWERS` are given."""
    rows = []
    for threshold in _PRECISION_GRID:
        said = probabilities >= threshold
        if said.sum() >= _MIN_ANSWERS:
            hits = float((said & gold).sum())
            rows.append((threshold, hits / float(said.sum()), hits / max(float(gold.sum()), 1.0)))
    return np.array(rows).reshape(-1, 3)


def precision_markdown(table: Mapping[str, Mapping[str, Mapping[str, float | None]]]) -> str:
    """The table of `precision_table` as markdown."""
    lines = [*table_head("precision wanted", "head", "threshold", "precision", "on held-out folds", "recall")]
    for wanted, heads in table.items():
        for name, point in heads.items():
            threshold = "not reached" if point["threshold"] is None else number(point["threshold"])
            figures = (number(point[field]) for field in ("precision", "held_out", "recall"))
            lines.append(table_row([wanted, name, threshold, *figures]))
    return "\n".join(lines)


def best_calibration(head: str, outputs: NDArray[np.float64], target: NDArray[Any]) -> tuple[float, float]:
    """Temperature and bias of highest likelihood (Platt 1999); the bias is 0 where a head has none.

    Args:
        head: tells how outputs become probabilities.
        outputs: ``(n, size)`` logits of the head.
        target: ``(n,)`` classes of a softmax head, else ``(n, size)`` of 0 and 1.
    """
    log_loss = _softmax_loss if head in SOFTMAX_HEADS else _sigmoid_loss

    def loss(values: NDArray[np.float64]) -> float:
        log_temperature, bias = values
        # A prior of standard deviation 1: without it a few texts that all say no would push the bias without end.
        return log_loss(outputs / np.exp(log_temperature) + bias, target) + float(bias**2) / (2 * target.size)

    limits = [_LOG_TEMPERATURES, (None, None) if head in BIASED_HEADS else (0.0, 0.0)]
    log_temperature, bias = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=limits).x
    return float(np.exp(log_temperature)), float(bias)


def _sigmoid_loss(outputs: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0.0, outputs) - target * outputs).mean())


def _softmax_loss(outputs: NDArray[np.float64], target: NDArray[np.int64]) -> float:
    return float((np.logaddexp.reduce(outputs, axis=1) - outputs[np.arange(len(outputs)), target]).mean())


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
