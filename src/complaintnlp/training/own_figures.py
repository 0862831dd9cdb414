"""Figures and calibration on texts of which only some labels are known."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import f1_score

from complaintnlp.judgement.decide import Decisions, Policy
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.scores import BIASED_HEADS, HEADS, OWN_PART, OWN_TYPES, SOFTMAX_HEADS, Calibration, Scores
from complaintnlp.training.calibrate import best_calibration, best_threshold
from complaintnlp.training.evaluate import FIGURES
from complaintnlp.training.metrics import Gold, evaluate_group, select
from complaintnlp.training.tables import number, table_head, table_row

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


@dataclass(frozen=True, slots=True)
class OwnTypeFigures:
    """What an own failure type is worth: texts that name it, and its F1 on the held-out ones.

    ``before`` is NaN for a new type, and both are where no held-out text names it.
    """

    own_type: OwnType
    train: int
    held_out: int
    before: float
    after: float


def own_type_figures(
    answers: Sequence[Decisions], train: Dataset, held_out: Dataset, own_types: Sequence[OwnType]
) -> tuple[OwnTypeFigures, ...]:
    """Figures of each own failure type.

    Args:
        answers: on the held-out texts, of the model before and of the one after.
        train: in the columns of `own_data.own_dataset`.
        held_out: the same.
        own_types: of the model after; that before has the first of them, or none.
    """
    figures = []
    for column, own in enumerate(own_types):
        taught, gold = (np.asarray(texts[OWN_TYPES], dtype=np.float64)[:, column] for texts in (train, held_out))
        before, after = (_f1(decisions.own_types[:, column : column + 1], gold) for decisions in answers)
        figures.append(OwnTypeFigures(own, int((taught == 1).sum()), int((gold == 1).sum()), before, after))
    return tuple(figures)


def _f1(said: NDArray[np.bool_], gold: NDArray[np.float64]) -> float:
    """F1 over the texts whose label is known; NaN where nothing is said or none has the label."""
    known = ~np.isnan(gold)
    if not said.shape[1] or not (gold == 1).any():
        return float("nan")
    return float(f1_score(gold[known] == 1, said[known, 0], zero_division=0.0))


def own_types_markdown(figures: Sequence[OwnTypeFigures]) -> str:
    """One line a type."""
    lines = [*table_head("type", "handled like", "train", "held out", "F1 before → after")]
    for each in figures:
        change = f"{number(each.before)} → {number(each.after)}"
        lines.append(table_row([each.own_type.id, each.own_type.like, str(each.train), str(each.held_out), change]))
    return "\n".join(lines)


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
        logits: ``(n, outputs)`` of the first window of each text.
        texts: with labels.
        old: that of the model that was trained further.
    """
    temperatures, biases = dict(old.temperatures), dict(old.biases)
    own = {OWN_TYPES: OWN_PART} if OWN_TYPES in texts.column_names else {}
    for head, part in {**HEADS, **own}.items():
        if not enough_labels(texts, head):
            continue
        rows = known_texts(texts, head)
        values = np.asarray(texts[head], dtype=np.float64).reshape(len(texts), -1)[rows]
        told = ~np.isnan(values).all(axis=0)
        target = values.argmax(axis=1) if head in SOFTMAX_HEADS else values[:, told]
        temperature, bias = best_calibration(head, logits[rows, part][:, told].astype(np.float64), target)
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
    if OWN_TYPES in texts.column_names:
        policy = replace(policy, own_types=_own_type_thresholds(scores, texts, old.own_types))
    return policy


def _own_type_thresholds(scores: Scores, texts: Dataset, old: tuple[OwnType, ...]) -> tuple[OwnType, ...]:
    """Like the 13, they share one best threshold: that of a single type is mostly noise."""
    rows = known_texts(texts, OWN_TYPES)
    values = np.asarray(texts[OWN_TYPES], dtype=np.float64)[rows]
    told = np.flatnonzero(~np.isnan(values).all(axis=0))
    if len(rows) < MIN_TEXTS or values[:, told].sum() < MIN_POSITIVES:
        return old
    best = best_threshold(scores.own_types[rows][:, told], values[:, told] > 0.5)
    return tuple(
        replace(own, threshold=_blended(own.threshold, best, len(rows))) if column in told else own
        for column, own in enumerate(old)
    )


def _blended(old: float, own: float, count: int) -> float:
    share = count / (count + _PRIOR_TEXTS)
    return round(share * own + (1 - share) * old, 4)
