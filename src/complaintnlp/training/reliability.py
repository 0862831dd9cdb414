"""How far the model's own probabilities can be trusted: calibration per head, and what ``needs_review`` is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.judgement.decide import Decisions, confidence
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import MAX_INTENSITY
from complaintnlp.training.intervals import bounds, resampled_sums
from complaintnlp.training.metrics import Gold, Rows, bin_sums, by_group, calibration_gap
from complaintnlp.training.tables import cell_with_interval, number, table_head, table_row

ALL: Final = "all"
"""Every text but the real Armenian comments, which no calibration is fitted on."""
_APART: Final = "hy real"

HEAD_TITLES: Final = {
    "failure_types": "failure types",
    "primary": "primary type",
    "intensity": "intensity",
    "nps": "NPS class",
    "at_risk": "at risk",
    "risk_reasons": "risk reasons",
}
ANSWERED: Final = "failure_types_answered"
"""The probabilities of the failure types that are answered, without the many near 0 of those that are not."""
TITLES: Final = {**HEAD_TITLES, ANSWERED: "failure types, answered ones"}

TARGET: Final = 0.06
"""The expected calibration error that no head should exceed."""

_REVIEW_TITLES: Final = {
    "coverage": "answered without review",
    "wrong": "wrong, of all texts",
    "wrong_kept": "wrong, of those answered without review",
    "wrong_flagged": "wrong, of the flagged ones",
    "caught": "flagged, of the wrong ones",
    "aurc": "area under the curve",
    "aurc_best": "that of a perfect order",
}

COVERAGES: Final = np.round(np.arange(0.02, 1.001, 0.02), 2)


def calibration(scores: Scores, gold: Gold, decisions: Decisions, groups: Sequence[str]) -> dict[str, Any]:
    """Expected calibration error per group and head, with 95% bootstrap intervals over the texts, and its bins.

    A softmax head is judged by its most probable class, other heads by every probability that they give. A primary type
    is judged where one is named.

    Returns:
        Per group, and for `ALL`, per head: ``probabilities`` (how many), ``ece``, ``low``, ``high``, and ``bins``, each
        with ``count``, mean ``probability`` and ``frequency``.
    """
    sums = head_sums(scores, gold, decisions)

    def heads(rows: Rows) -> dict[str, Any]:
        return {name: _head(values[rows]) for name, values in sums.items()}

    return {ALL: heads(np.flatnonzero(np.asarray(groups) != _APART)), **by_group(groups, heads)}


def head_sums(scores: Scores, gold: Gold, decisions: Decisions) -> dict[str, NDArray[np.float64]]:
    """`bin_sums` of each head, ``(n, 10, 3)``, and of the failure types that are answered."""
    levels = np.arange(MAX_INTENSITY)
    return {
        "failure_types": bin_sums(scores.failure_types, gold.failure_types),
        "primary": bin_sums(
            scores.primary.max(axis=1), scores.primary.argmax(axis=1) == gold.primary, gold.primary >= 0
        ),
        "intensity": bin_sums(scores.intensity_above, gold.intensity[:, None] > levels),
        "nps": bin_sums(scores.nps.max(axis=1), scores.nps.argmax(axis=1) == gold.nps),
        "at_risk": bin_sums(scores.at_risk, gold.at_risk),
        "risk_reasons": bin_sums(scores.risk_reasons, gold.risk_reasons),
        ANSWERED: bin_sums(scores.failure_types, gold.failure_types, decisions.failure_types),
    }


def _head(sums: NDArray[np.float64]) -> dict[str, Any]:
    total = sums.sum(axis=0)
    count = int(total[:, 0].sum())
    if count == 0:
        return {"probabilities": 0, "ece": float("nan"), "low": float("nan"), "high": float("nan"), "bins": []}
    error = float(calibration_gap(total))
    draws = calibration_gap(resampled_sums(sums))
    # A resample's bins are noisier than the texts' own, which alone raises its error; that much is taken off again.
    middle = bounds(np.maximum(draws - draws.mean() + error, 0.0))
    bins = [
        {"count": int(number), "probability": float(p / number), "frequency": float(true / number)}
        for number, p, true in total
        if number
    ]
    return {"probabilities": count, "ece": error, **middle, "bins": bins}


def risk_coverage(
    scores: Scores, gold: Gold, decisions: Decisions, groups: Sequence[str], cut: float
) -> dict[str, dict[str, Any]]:
    """What is gained by leaving the least sure texts to a person (El-Yaniv and Wiener 2010).

    A text is wrong where its list of failure types or its NPS class is: what `confidence` speaks about.

    Args:
        scores: of ``n`` texts.
        gold: their labels.
        decisions: what is answered.
        groups: the group of each text.
        cut: confidence below which the model says ``needs_review``.

    Returns:
        Per group: number of ``texts``; ``coverage`` at the cut; share of wrong texts among all (``wrong``), those
        answered without review (``wrong_kept``) and the flagged ones (``wrong_flagged``), each with ``low`` and
        ``high``; share of the wrong texts that are flagged (``caught``); area under the curve (``aurc``) and that of a
        perfect order (``aurc_best``); and ``curve``, the share of wrong texts at each of `COVERAGES`.
    """
    sure = confidence(scores)
    wrong = (decisions.failure_types != gold.failure_types).any(axis=1) | (decisions.nps != gold.nps)
    return by_group(groups, lambda rows: _curve(sure[rows], wrong[rows], cut))


def _curve(sure: NDArray[np.float64], wrong: NDArray[np.bool_], cut: float) -> dict[str, Any]:
    kept = sure >= cut
    order = np.argsort(-sure, kind="stable")
    risks = _risks(wrong[order])
    places = np.ceil(COVERAGES * len(wrong)).astype(int) - 1
    return {
        "texts": len(wrong),
        "coverage": float(kept.mean()),
        "wrong": _share(wrong, np.ones_like(kept)),
        "wrong_kept": _share(wrong, kept),
        "wrong_flagged": _share(wrong, ~kept),
        "caught": _share(~kept, wrong),
        "aurc": float(risks.mean()),
        "aurc_best": float(_risks(np.sort(wrong)).mean()),
        "curve": [float(risk) for risk in risks[places]],
    }


def _risks(wrong: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of wrong texts among the first 1, 2, ... n."""
    return np.asarray(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))


def _share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> dict[str, float]:
    """Share of hits among some of the texts, with its 95% interval."""
    if not among.any():
        return dict.fromkeys(("share", "low", "high"), float("nan"))
    sums = resampled_sums(np.stack([hits & among, among], axis=1))
    drawn = sums[sums[:, 1] > 0]
    return {"share": float(hits[among].mean()), **bounds(drawn[:, 0] / drawn[:, 1])}


def calibration_markdown(report: dict[str, Any]) -> str:
    """The expected calibration error of each head and group as a table, 95% intervals in brackets."""
    groups = report["calibration"]
    lines = [*table_head("ECE", *groups)]
    for head, title in TITLES.items():
        figures = [values[head] for values in groups.values()]
        lines.append(table_row([title, *(cell_with_interval(each["ece"], each) for each in figures)]))
    return "\n".join(lines)


def beyond_target(report: dict[str, Any]) -> str:
    """A sentence that names the heads and groups whose error lies above `TARGET`, those whose interval does apart."""
    found: dict[bool, list[str]] = {True: [], False: []}
    for group, heads in report["calibration"].items():
        for head, title in TITLES.items():
            figures = heads[head]
            if figures["ece"] is not None and figures["ece"] > TARGET:
                found[figures["low"] > TARGET].append(f"{title} ({group})")
    sure, doubtful = ", ".join(found[True]) or "none", ", ".join(found[False]) or "none"
    return f"Above {TARGET} with their whole interval: {sure}. Above it, but not surely: {doubtful}."


def review_markdown(report: dict[str, Any]) -> str:
    """What ``needs_review`` is worth, as a table: a line for each figure, 95% intervals in brackets."""
    groups = report["risk_coverage"]
    lines = [*table_head("needs review", *groups)]
    for name, title in _REVIEW_TITLES.items():
        lines.append(table_row([title, *(_review_cell(values[name]) for values in groups.values())]))
    return "\n".join(lines)


def _review_cell(value: Any) -> str:
    return cell_with_interval(value["share"], value) if isinstance(value, dict) else number(value)
