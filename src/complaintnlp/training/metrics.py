"""Metrics of one group of texts, from probabilities, decisions and gold labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    roc_auc_score,
)

from complaintnlp.judgement.decide import Decisions
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, MAX_INTENSITY, NPS_CLASS_IDS

Rows = NDArray[np.intp]
T = TypeVar("T")

GROUPS: Final = ("en", "tr", "zh", "hy adapted", "hy real")
"""Groups that are always reported apart. Real Armenian comments are evaluation-only texts."""

BINS: Final = 10
"""Bins of equal width that calibration is measured in."""


@dataclass(frozen=True, slots=True)
class Gold:
    """Hand labels of ``n`` texts as arrays; ``primary`` is -1 where no failure is named."""

    failure_types: NDArray[np.bool_]
    primary: NDArray[np.int64]
    intensity: NDArray[np.int64]
    nps: NDArray[np.int64]
    at_risk: NDArray[np.bool_]
    risk_reasons: NDArray[np.bool_]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]]) -> Gold:
        """From the columns of a hand-labelled data set."""
        primary = np.asarray(columns["primary"])
        return cls(
            failure_types=np.asarray(columns["failure_types"]) > 0.5,
            primary=np.where(np.isnan(primary).any(axis=1), -1, primary.argmax(axis=1)),
            intensity=np.asarray(columns["intensity"]).sum(axis=1).astype(np.int64),
            nps=np.asarray(columns["nps"]).argmax(axis=1),
            at_risk=np.asarray(columns["at_risk"]) > 0.5,
            risk_reasons=np.asarray(columns["risk_reasons"]) > 0.5,
        )


def group_of(language: str, origin: str) -> str:
    """The line of the report that a text belongs to."""
    if language != "hy":
        return language
    return "hy real" if origin == "real-evaluation-only" else "hy adapted"


def select(record: Any, rows: Rows) -> Any:
    """The same record (`Scores`, `Gold` or `Decisions`) with only the given rows."""
    return type(record)(**{name: getattr(record, name)[rows] for name in record.__dataclass_fields__})


def bin_sums(
    probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """What calibration figures are made of, text by text, over 10 bins of equal width.

    Args:
        probabilities: ``(n,)`` or ``(n, labels)``.
        outcomes: of the same shape.
        counted: of the same shape, which of them count; all by default.

    Returns:
        ``(n, 10, 3)``: number of probabilities in the bin, their sum, and how many came true.
    """
    everywhere = np.ones_like(outcomes) if counted is None else counted
    p, y, c = (values.reshape(len(values), -1) for values in (probabilities, outcomes, everywhere))
    bins = np.where(c, np.minimum((p * BINS).astype(int), BINS - 1), -1)
    sums = np.zeros((len(p), BINS, 3))
    for b in range(BINS):
        inside = bins == b
        sums[:, b] = np.stack([inside.sum(1), (p * inside).sum(1), (y & inside).sum(1)], axis=1)
    return sums


def calibration_gap(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected calibration error of summed bins ``(..., 10, 3)``: the mean gap (Naeini et al. 2015)."""
    return np.asarray(np.abs(sums[..., 1] - sums[..., 2]).sum(-1) / np.maximum(sums[..., 0].sum(-1), 1.0))


def expected_calibration_error(probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_]) -> float:
    """Mean gap between probability and frequency over 10 bins of equal width (Naeini et al. 2015)."""
    return float(calibration_gap(bin_sums(probabilities, outcomes).sum(axis=0)))


def evaluate_group(scores: Scores, gold: Gold, decisions: Decisions) -> dict[str, float]:
    """All figures of one group. Those that its labels cannot show (one class only) are NaN."""
    named = gold.primary >= 0
    detractor = NPS_CLASS_IDS.index("detractor")
    both = len(np.unique(gold.at_risk)) == 2
    return {
        "texts": float(len(gold.primary)),
        "type_micro_f1": _f1(gold.failure_types, decisions.failure_types, "micro"),
        "type_macro_f1": _macro_f1(gold.failure_types, decisions.failure_types),
        "primary_accuracy": float((decisions.primary == gold.primary)[named].mean()) if named.any() else np.nan,
        "intensity_qwk": _weighted_kappa(gold.intensity, decisions.intensity),
        "intensity_mae": float(np.abs(gold.intensity - decisions.intensity).mean()),
        "nps_macro_f1": _f1(gold.nps, decisions.nps, "macro"),
        "detractor_f1": _f1(gold.nps == detractor, decisions.nps == detractor, "binary"),
        "at_risk_auroc": float(roc_auc_score(gold.at_risk, scores.at_risk)) if both else np.nan,
        "at_risk_auprc": float(average_precision_score(gold.at_risk, scores.at_risk)) if both else np.nan,
        "at_risk_f1": _f1(gold.at_risk, decisions.at_risk, "binary"),
        "type_ece": expected_calibration_error(scores.failure_types.ravel(), gold.failure_types.ravel()),
        "nps_ece": expected_calibration_error(scores.nps.max(axis=1), scores.nps.argmax(axis=1) == gold.nps),
        "at_risk_ece": expected_calibration_error(scores.at_risk, gold.at_risk),
        "reviewed": float(decisions.needs_review.mean()),
    }


def selection_score(figures: Mapping[str, Mapping[str, float]]) -> float:
    """One number to compare checkpoints: the mean over groups of the five figures that users see."""
    names = ("type_micro_f1", "type_macro_f1", "intensity_qwk", "nps_macro_f1", "at_risk_auroc")
    return float(np.mean([np.nanmean([group[name] for name in names]) for group in figures.values()]))


def json_ready(value: Any) -> Any:
    """The same nested lists and mappings with None instead of NaN, which JSON does not know."""
    if isinstance(value, Mapping):
        return {key: json_ready(each) for key, each in value.items()}
    if isinstance(value, list):
        return [json_ready(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def by_group(groups: Sequence[str], evaluate: Callable[[Rows], T]) -> dict[str, T]:
    """Call ``evaluate`` with the rows of each group that occurs: in the order of `GROUPS`, any others after them."""
    labels = np.asarray(groups)
    names = [name for name in GROUPS if (labels == name).any()] + sorted(set(groups) - set(GROUPS))
    return {name: evaluate(np.flatnonzero(labels == name)) for name in names}


def confusion_tables(gold: Gold, decisions: Decisions) -> dict[str, dict[str, Any]]:
    """Confusion matrices (rows gold, columns answered) for primary type, intensity and NPS class."""
    none = len(FAILURE_TYPE_IDS)
    tables = {
        "primary": (gold.primary % (none + 1), decisions.primary % (none + 1), (*FAILURE_TYPE_IDS, "none")),
        "intensity": (gold.intensity, decisions.intensity, tuple(str(level) for level in range(MAX_INTENSITY + 1))),
        "nps": (gold.nps, decisions.nps, NPS_CLASS_IDS),
    }
    return {
        name: {"labels": list(labels), "counts": confusion_matrix(true, said, labels=range(len(labels))).tolist()}
        for name, (true, said, labels) in tables.items()
    }


def _f1(gold: NDArray[Any], said: NDArray[Any], average: str) -> float:
    return float(f1_score(gold, said, average=average, zero_division=0.0))


def _weighted_kappa(gold: NDArray[np.int64], said: NDArray[np.intp]) -> float:
    if len(np.unique([*gold, *said])) < 2:
        return float("nan")
    return float(cohen_kappa_score(gold, said, weights="quadratic", labels=range(MAX_INTENSITY + 1)))


def _macro_f1(gold: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    """Mean F1 of the types that occur: a type without a single text has no F1."""
    present = gold.any(axis=0)
    each = f1_score(gold, said, average=None, zero_division=0.0)
    return float(np.mean(each[present])) if present.any() else float("nan")
