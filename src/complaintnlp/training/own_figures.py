"""Figures and calibration on texts of which only some labels are known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from complaintnlp.judgement.decide import Decisions, Policy
from complaintnlp.model.scores import BIASED_HEADS, HEADS, SOFTMAX_HEADS, Calibration, Scores
from complaintnlp.training.calibrate import best_calibration, best_threshold
from complaintnlp.training.evaluate import FIGURES
from complaintnlp.training.metrics import Gold, evaluate_group, select

FIGURES_OF: Final = {
    "failure_types": ("type_micro_f1", "type_macro_f1"),
    "primary": ("primary_accuracy",),
    "intensity": ("intensity_qwk", "intensity_mae"),
    "nps": ("nps_macro_f1", "detractor_f1"),
    "at_risk": ("at_risk_auroc", "at_risk_f1"),
}
"""What is measured of each head."""

MIN_TEXTS: Final = 200
"""Labelled held-out texts below which a calibration or threshold would follow chance: the old one stays."""

MIN_POSITIVES: Final = 20
"""Labels that say yes, below which a threshold or bias would follow chance."""

_PRIOR_TEXTS: Final = 200.0
"""The user's own temperature, bias or threshold counts as much as the old one when it has this many texts."""

Figures = dict[str, dict[str, float]]


def known_texts(texts: Dataset, head: str) -> NDArray[np.intp]:
    """Rows whose label of a head is known."""
    values = np.asarray(texts[head], dtype=np.float64).reshape(len(texts), -1)
    return np.flatnonzero(~np.isnan(values).all(axis=1))


def told_types(texts: Dataset) -> NDArray[np.bool_]:
    """Failure types that the labels tell of, ``(13,)``."""
    return np.asarray(~np.isnan(np.asarray(texts["failure_types"], dtype=np.float64)).all(axis=0))


def partial_gold(texts: Dataset) -> Gold:
    """Labels as arrays. What is unknown is filled with the first value: choose rows by `known_texts` before use."""
    columns: dict[str, Any] = {name: np.nan_to_num(np.asarray(texts[name], dtype=np.float64)) for name in HEADS}
    return Gold.of({**columns, "primary": texts["primary"]})


def partial_figures(scores: Scores, decisions: Decisions, texts: Dataset, groups: Sequence[str]) -> Figures:
    """Figures per group, each over the texts and failure types whose label is known; NaN where there are none.

    Args:
        scores: of the texts.
        decisions: on the texts.
        texts: in the columns of `dataset.FEATURES`.
        groups: the report's line of each text.
    """
    gold = partial_gold(texts)
    decisions = replace(decisions, failure_types=decisions.failure_types & told_types(texts))
    known = {head: known_texts(texts, head) for head in FIGURES_OF}
    figures: Figures = {}
    for group in dict.fromkeys(groups):
        members = np.flatnonzero(np.asarray(groups) == group)
        figures[group] = {"texts": float(len(members))}
        for head, names in FIGURES_OF.items():
            rows = np.intersect1d(members, known[head])
            parts = (select(part, rows) for part in (scores, gold, decisions))
            with warnings.catch_warnings():
                # A few texts of one level leave the kappa undefined: it is NaN then, and shown as a dash.
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                found = evaluate_group(*parts) if len(rows) else dict.fromkeys(names, float("nan"))
            figures[group] |= {name: found[name] for name in names}
    return figures


def comparison_markdown(before: Figures, after: Figures) -> str:
    """Figures before and after as one table."""
    lines = [f"|  | {' | '.join(before)} |", "| --- " * (len(before) + 1) + "|"]
    lines.append(f"| texts | {' | '.join(format(group['texts'], '.0f') for group in before.values())} |")
    for name in (name for names in FIGURES_OF.values() for name in names):
        pairs = [(before[group][name], after[group][name]) for group in before]
        if not np.isnan(pairs).all():
            cells = ("-" if np.isnan(pair).any() else f"{pair[0]:.3f} → {pair[1]:.3f}" for pair in pairs)
            lines.append(f"| {FIGURES[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def enough_labels(texts: Dataset, head: str) -> bool:
    """Whether enough labels are known for a calibration of a head: see `MIN_TEXTS` and `MIN_POSITIVES`."""
    rows = known_texts(texts, head)
    if len(rows) < MIN_TEXTS or head in SOFTMAX_HEADS:
        return len(rows) >= MIN_TEXTS
    values = np.asarray(texts[head], dtype=np.float64)[rows]
    return bool(min((values > 0.5).sum(), (values <= 0.5).sum()) >= MIN_POSITIVES)


def own_calibration(logits: NDArray[np.float32], texts: Dataset, old: Calibration) -> Calibration:
    """A calibration between the old one and the one that fits the texts best; a head without `enough_labels` stays.

    Args:
        logits: ``(n, LOGIT_COUNT)`` of the first window of each text.
        texts: with labels.
        old: that of the model that was trained further.
    """
    temperatures, biases = dict(old.temperatures), dict(old.biases)
    for head in (head for head in HEADS if enough_labels(texts, head)):
        rows = known_texts(texts, head)
        values = np.asarray(texts[head], dtype=np.float64).reshape(len(texts), -1)[rows]
        told = ~np.isnan(values).all(axis=0)
        target = values.argmax(axis=1) if head in SOFTMAX_HEADS else values[:, told]
        temperature, bias = best_calibration(head, logits[rows, HEADS[head]][:, told].astype(np.float64), target)
        temperatures[head] = _blended(old.temperatures[head], temperature, len(rows))
        if head in BIASED_HEADS:
            biases[head] = _blended(old.biases.get(head, 0.0), bias, len(rows))
    return Calibration(temperatures, biases)


def own_thresholds(scores: Scores, texts: Dataset, old: Policy) -> Policy:
    """The old thresholds, those of failure types and risk drawn towards the best F1 on the texts; see `MIN_TEXTS`."""
    gold, policy = partial_gold(texts), old
    rows, told = known_texts(texts, "failure_types"), told_types(texts)
    if len(rows) >= MIN_TEXTS and gold.failure_types[rows].sum() >= MIN_POSITIVES:
        shifts = np.array([old.language_shift.get(code, 0.0) for code in texts["language"]])[rows, None]
        best = best_threshold((scores.failure_types[rows] - shifts)[:, told], gold.failure_types[rows][:, told])
        policy = replace(policy, failure_types=tuple(_blended(t, best, len(rows)) for t in old.failure_types))
    rows = known_texts(texts, "at_risk")
    if len(rows) >= MIN_TEXTS and gold.at_risk[rows].sum() >= MIN_POSITIVES:
        best = best_threshold(scores.at_risk[rows], gold.at_risk[rows])
        policy = replace(policy, at_risk=_blended(old.at_risk, best, len(rows)))
    return policy


def _blended(old: float, own: float, count: int) -> float:
    share = count / (count + _PRIOR_TEXTS)
    return round(share * own + (1 - share) * old, 4)
