"""Answers to a yardstick, by a regression on frozen features or by the model's own heads, and how good they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import NPS_CLASS_IDS
from complaintnlp.training.dataset import near_duplicate_key
from complaintnlp.training.metrics import Rows
from complaintnlp.training.yardstick_list import OUTPUTS, Yardstick

FOLDS: Final = 5
_STRENGTH: Final = 0.1
"""Inverse regularisation of the logistic regressions, as for the baseline of the frozen encoder; nothing is tuned."""

_RIDGE_PENALTIES: Final = np.logspace(0, 5, 11)
_DETRACTOR: Final = NPS_CLASS_IDS.index("detractor")
_PROMOTER: Final = NPS_CLASS_IDS.index("promoter")

Gold = NDArray[Any]
"""``(n,)``: numbers of classes, booleans or numbers, by the task."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to ``n`` texts.

    Attributes:
        said: ``(n,)`` numbers of classes, or whether positive; for regression the numbers themselves.
        score: ``(n,)``, higher where more likely positive; for binary alone.
        same_units: whether numbers are meant in the units of the label, or only to rise with it.
    """

    said: NDArray[Any]
    score: NDArray[np.float64] | None = None
    same_units: bool = True


def gold_array(yardstick: Yardstick, answers: Sequence[str | bool | float]) -> Gold:
    """What should be answered, as an array; classes are numbered in the yardstick's order."""
    if yardstick.task == "classification":
        return np.array([list(yardstick.classes).index(str(name)) for name in answers])
    return np.array(answers)


def fold_of(text: str) -> int:
    """The part of a cross-validation that a text belongs to; texts that start alike stay together."""
    key = b"fold" + near_duplicate_key(text).encode()
    return int(hashlib.sha1(key, usedforsecurity=False).hexdigest()[:8], 16) % FOLDS


def cross_validated(
    yardstick: Yardstick, features: NDArray[np.float32], gold: Gold, folds: NDArray[np.int64]
) -> Answers:
    """Answers to each text by a logistic or ridge regression that was fitted on the other folds.

    Args:
        yardstick: tells the task.
        features: ``(n, width)``, of a frozen model.
        gold: ``(n,)``.
        folds: ``(n,)``.
    """
    regression = yardstick.task == "regression"
    said = np.empty(len(gold), dtype=np.float64 if regression else gold.dtype)
    score = np.empty(len(gold)) if yardstick.task == "binary" else None
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        model = RidgeCV(_RIDGE_PENALTIES) if regression else LogisticRegression(C=_STRENGTH, max_iter=2000)
        fitted = make_pipeline(StandardScaler(), model).fit(features[outside], gold[outside])
        said[inside] = fitted.predict(features[inside])
        if score is not None:
            score[inside] = fitted.predict_proba(features[inside])[:, 1]
    return Answers(said, score)


def as_it_is(yardstick: Yardstick, scores: Scores) -> Answers:
    """Answers of the model's own heads, which nothing is fitted for."""
    if yardstick.task == "binary":
        return Answers(scores.nps.argmax(axis=1) == _DETRACTOR, scores.nps[:, _DETRACTOR])
    if yardstick.task == "regression":
        if yardstick.head == "nps":
            return Answers(scores.nps[:, _PROMOTER] - scores.nps[:, _DETRACTOR], same_units=False)
        return Answers(scores.expected_intensity, same_units=False)
    outputs, names = _probabilities(yardstick.head, scores), OUTPUTS[yardstick.head]
    columns = [outputs[:, [names.index(name) for name in part]].sum(axis=1) for part in yardstick.classes.values()]
    return Answers(np.stack(columns, axis=1).argmax(axis=1))


def _probabilities(head: str, scores: Scores) -> NDArray[np.float64]:
    if head != "intensity":
        return scores.nps if head == "nps" else scores.primary
    count = len(scores)
    above = np.concatenate([np.ones((count, 1)), scores.intensity_above, np.zeros((count, 1))], axis=1)
    return np.asarray(above[:, :-1] - above[:, 1:])


def figures(yardstick: Yardstick, gold: Gold, answers: Answers, rows: Rows) -> dict[str, float]:
    """Figures of `complaintnlp.training.yardstick_list.METRICS` over some of the texts; NaN where they say nothing."""
    true, said = gold[rows], answers.said[rows]
    varied = len(np.unique(true)) > 1
    if yardstick.task == "regression":
        tells = varied and len(np.unique(said)) > 1
        return {
            "pearson": float(np.corrcoef(true, said)[0, 1]) if tells else np.nan,
            "r2": float(r2_score(true, said)) if varied and answers.same_units else np.nan,
        }
    if not varied:
        return dict.fromkeys(("accuracy", "macro_f1", "auroc", "f1"), np.nan)
    found = {
        "accuracy": float(accuracy_score(true, said)),
        "macro_f1": float(f1_score(true, said, average="macro", zero_division=0.0)),
    }
    if answers.score is not None:
        found["auroc"] = float(roc_auc_score(true, answers.score[rows]))
        found["f1"] = float(f1_score(true, said, zero_division=0.0))
    return found
