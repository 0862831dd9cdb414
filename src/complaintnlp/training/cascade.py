"""Two models in a row: a fast one answers where it is sure, a good one everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.analyzer import Analyzer
from complaintnlp.judgement.decide import Decisions, confidence
from complaintnlp.model.scores import Scores

SHARES: Final = tuple(round(0.1 * step, 1) for step in range(11))
"""Shares of the development texts that the fast model answers, for each of which a cut is tried."""

TOLERANCE: Final = 0.005
"""What the chosen cut may cost in the mean of type micro-F1 against the good model alone."""


class CascadeAnalyzer(Analyzer):
    """An analyzer of two models.

    Args:
        fast: answers where its `confidence` is above ``cut``; playbook and risk policy are the packaged ones.
        good: answers elsewhere, by its own thresholds.
        cut: in 0-1; at 1 the good model always answers.
    """

    def __init__(self, fast: Analyzer, good: Analyzer, cut: float) -> None:
        super().__init__(fast._runtime, fast._policy)
        self._good = good
        self._cut = cut

    def _judge(self, text: str, language: str) -> tuple[Scores, Decisions]:
        scores, decisions = super()._judge(text, language)
        if confidence(scores)[0] > self._cut:
            return scores, decisions
        return self._good._judge(text, language)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model makes of ``n`` texts."""

    scores: Scores
    decisions: Decisions

    def where(self, sure: NDArray[np.bool_], other: Answers) -> Answers:
        """These answers where ``sure``, ``(n,)``, those of another model elsewhere."""
        return Answers(_where(sure, self.scores, other.scores), _where(sure, self.decisions, other.decisions))


def _where(chosen: NDArray[np.bool_], one: Any, other: Any) -> Any:
    """Row by row one of two records of the same kind (`Scores` or `Decisions`)."""
    values: dict[str, NDArray[Any]] = {}
    for name in one.__dataclass_fields__:
        first, second = getattr(one, name), getattr(other, name)
        values[name] = np.where(chosen.reshape(-1, *[1] * (first.ndim - 1)), first, second)
    return type(one)(**values)


def cuts(development: NDArray[np.float64]) -> tuple[float, ...]:
    """A cut for each of `SHARES`, from the fast model's confidence in the development texts, ``(n,)``."""
    inner = np.quantile(development, [1.0 - share for share in SHARES[1:-1]])
    return (1.0, *(round(float(cut), 4) for cut in inner), 0.0)


def chosen_cut(tried: Sequence[float], quality: Sequence[float]) -> float:
    """The cut that lets the fast model answer most without costing more than `TOLERANCE`.

    Where every cut between the two models costs more, the one that lets it answer least.

    Args:
        tried: cuts in the order of `SHARES`: the first leaves all to the good model, the last to the fast one.
        quality: mean type micro-F1 on the development split at each.
    """
    inner = range(1, len(tried) - 1)
    good_enough = [row for row in inner if quality[row] >= quality[0] - TOLERANCE]
    return tried[max(good_enough, default=1)]


def estimated_rate(fast_path: float, good_model: float, deferred: float) -> float:
    """Texts per second of a cascade.

    Args:
        fast_path: texts per second of the whole path with the fast model.
        good_model: texts per second of the good model alone.
        deferred: share of the texts that the good model answers.
    """
    return 1.0 / (1.0 / fast_path + deferred / good_model)
