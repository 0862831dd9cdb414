"""Compare finished runs, and ensembles of runs, on hand-labelled texts, with intervals.

On the development split calibration and thresholds are fitted on its other folds, so that no text helps to judge
itself; for the test split, and for the project's own written texts, they come from the development split. The bootstrap
draws are the same for every run, so that a difference of two runs has an interval of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from complaintnlp.judgement.decide import Decisions, decide
from complaintnlp.model.scores import Scores, scores_from_logits
from complaintnlp.taxonomy import MAX_INTENSITY
from complaintnlp.training import dataset as data
from complaintnlp.training.calibrate import FOLDS, fit_calibration, fit_thresholds, folds
from complaintnlp.training.evaluate import figures, gold_of, groups_of
from complaintnlp.training.metrics import Gold, Rows, select
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.project_labels import load_written_texts
from complaintnlp.training.release import load_run
from complaintnlp.training.stage import uses_bfloat16

FIGURES: Final = (
    *("type_micro_f1", "type_macro_f1", "primary_accuracy", "intensity_qwk", "nps_macro_f1", "detractor_f1"),
    *("at_risk_auroc", "at_risk_f1"),
)
"""Figures of `complaintnlp.training.metrics.evaluate_group` that the comparison shows."""

_RESAMPLES: Final = 1000
_PLUS: Final = "+"

Report = dict[str, dict[str, dict[str, Any]]]
"""Per run and group: the figures, and ``intervals`` of type micro-F1 and intensity QWK: ``low``, ``high`` and, against
the first run, ``gain_low``, ``gain_high``."""


def compare_runs(
    names: Sequence[str],
    annotations: Path,
    split: str = "dev",
    *,
    project: Path | None = None,
    note: Callable[[str], None] = print,
) -> Report:
    """Figures of runs on one split.

    Args:
        names: folders of finished runs; ``a+b`` is the ensemble of both, the mean of their logits.
        annotations: folder of hand labels.
        split: ``dev``, or ``test`` for releases.
        project: measure on the texts of ``split`` that were written for the project in this folder instead.
        note: told what is going on.

    Raises:
        ConfigurationError: a folder holds no finished run, or the project's no written text of the split.
    """
    development = data.load_hand_labels(annotations, "dev")
    if project is not None:
        texts = load_written_texts(project, split)
        groups = [f"{language} {source}" for language, source in zip(texts["language"], texts["source"], strict=True)]
    else:
        texts = development if split == "dev" else data.load_hand_labels(annotations, split)
        groups = groups_of(texts)
    gold = gold_of(texts)
    known: dict[tuple[str, str], NDArray[np.float32]] = {}

    def mean_logits(name: str, part: str, of: Dataset) -> NDArray[np.float32]:
        for run in name.split(_PLUS):
            if (run, part) not in known:
                note(f"scoring {len(of)} texts with {run}")
                known[run, part] = _logits(Path(run), of)
        return np.asarray(np.mean([known[run, part] for run in name.split(_PLUS)], axis=0))

    report: Report = {}
    first: dict[str, dict[str, NDArray[np.float64]]] = {}
    for name in names:
        fitted_on = mean_logits(name, "dev", development)
        if texts is development:
            scores, decisions = _cross_fitted(fitted_on, development)
        else:
            usable = np.flatnonzero(np.asarray(development["origin"]) != data.EVALUATION_ONLY)
            fit = (fitted_on[usable], development.select(usable))
            scores, decisions = _calibrated(*fit, mean_logits(name, "measured", texts), texts["language"])
        report[name] = figures(scores, gold, groups, decisions)
        draws = {}
        for group in report[name]:
            rows = np.flatnonzero(np.asarray(groups) == group)
            draws[group] = bootstrap(select(gold, rows), select(decisions, rows))
            report[name][group]["intervals"] = _intervals(draws[group], first.get(group))
        first = first or draws
    return report


def _logits(run: Path, texts: Dataset) -> NDArray[np.float32]:
    network, tokenizer, recipe = load_run(run)
    half = uses_bfloat16(recipe.precision)
    return predict_logits(network, tokenizer, texts["text"], recipe.max_tokens, half=half)


def _calibrated(
    fitted_on: NDArray[np.float32], texts: Dataset, logits: NDArray[np.float32], languages: Sequence[str]
) -> tuple[Scores, Decisions]:
    """Scores and decisions for ``logits``, calibrated on the logits and labels of other texts."""
    gold = gold_of(texts)
    calibration = fit_calibration(fitted_on, gold)
    policy = fit_thresholds(scores_from_logits(fitted_on, calibration), gold, list(texts["language"]))
    scores = scores_from_logits(logits, calibration)
    return scores, decide(scores, policy, list(languages))


def _cross_fitted(logits: NDArray[np.float32], texts: Dataset) -> tuple[Scores, Decisions]:
    """Scores and decisions of every text, each by a calibration that has not seen it (nor evaluation-only texts)."""
    languages = np.asarray(texts["language"])
    usable = np.asarray(texts["origin"]) != data.EVALUATION_ONLY
    fold = folds(texts["id"])
    parts = []
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero((fold != number) & usable)
        fit = (logits[outside], texts.select(outside))
        parts.append((inside, *_calibrated(*fit, logits[inside], languages[inside].tolist())))
    back = np.argsort(np.concatenate([rows for rows, _, _ in parts]))
    return _join([scores for _, scores, _ in parts], back), _join([said for _, _, said in parts], back)


def _join(parts: Sequence[Any], order: Rows) -> Any:
    names = type(parts[0]).__dataclass_fields__
    return type(parts[0])(**{name: np.concatenate([getattr(part, name) for part in parts])[order] for name in names})


def bootstrap(gold: Gold, decisions: Decisions) -> dict[str, NDArray[np.float64]]:
    """Type micro-F1 and intensity QWK of 1,000 resamples of the texts; the same draws for the same number of texts."""
    count = len(gold.primary)
    draws = np.random.default_rng(0).integers(0, count, (_RESAMPLES, count))
    said = decisions.failure_types
    parts = np.stack([(said & gold.failure_types).sum(1), said.sum(1) + gold.failure_types.sum(1)], axis=1)
    totals = parts[draws].sum(axis=1).astype(np.float64)
    levels = MAX_INTENSITY + 1
    cells = gold.intensity * levels + decisions.intensity
    tables = np.stack([np.bincount(cells[draw], minlength=levels**2) for draw in draws]).reshape(-1, levels, levels)
    return {
        "type_micro_f1": 2 * totals[:, 0] / np.maximum(totals[:, 1], 1.0),
        "intensity_qwk": _weighted_kappa(tables.astype(np.float64)),
    }


def _weighted_kappa(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quadratic-weighted kappa of confusion tables ``(n, levels, levels)``; 0 where it is not defined."""
    steps = np.arange(tables.shape[1])
    weights = (steps[:, None] - steps[None, :]) ** 2
    expected = tables.sum(2)[:, :, None] * tables.sum(1)[:, None, :] / tables.sum((1, 2))[:, None, None]
    chance = (weights * expected).sum((1, 2))
    return np.asarray(np.where(chance > 0, 1 - (weights * tables).sum((1, 2)) / np.maximum(chance, 1e-12), 0.0))


def _intervals(
    draws: dict[str, NDArray[np.float64]], base: dict[str, NDArray[np.float64]] | None
) -> dict[str, dict[str, float]]:
    found = {}
    for figure, values in draws.items():
        low, high = np.quantile(values, [0.025, 0.975])
        found[figure] = {"low": float(low), "high": float(high)}
        if base is not None:
            gain_low, gain_high = np.quantile(values - base[figure], [0.025, 0.975])
            found[figure] |= {"gain_low": float(gain_low), "gain_high": float(gain_high)}
    return found


def comparison_markdown(report: Report, split: str = "dev", *, crossed: bool = True) -> str:
    """The comparison as a table: a line for each run and group, 95% intervals in brackets.

    ``crossed``: on the development split, thresholds were fitted on its other folds.
    """
    fitted_on = "the other folds" if split == "dev" and crossed else "dev"
    lines = [
        f"{split} split, thresholds fitted on {fitted_on}; 95% bootstrap intervals in brackets, gain against the first",
        "",
        f"| run | group | {' | '.join(FIGURES)} | gain in type micro-F1 |",
        "|".join(["", *["---"] * (len(FIGURES) + 3), ""]),
    ]
    for name, groups in report.items():
        for group, values in groups.items():
            cells = [_cell(values, figure) for figure in FIGURES]
            bounds = values["intervals"]["type_micro_f1"]
            gain = f"{bounds['gain_low']:+.3f} to {bounds['gain_high']:+.3f}" if "gain_low" in bounds else "-"
            lines.append(f"| {name} | {group} | {' | '.join(cells)} | {gain} |")
    return "\n".join(lines)


def _cell(values: dict[str, Any], figure: str) -> str:
    text = "-" if np.isnan(values[figure]) else f"{values[figure]:.3f}"
    bounds = values["intervals"].get(figure)
    return f"{text} ({bounds['low']:.3f}-{bounds['high']:.3f})" if bounds else text
