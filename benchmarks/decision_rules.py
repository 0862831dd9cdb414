"""Which rule turns probabilities into failure types and into an intensity?

Development texts of hand labels, without the real Armenian comments; every text is judged by a rule fitted on the other
folds, from probabilities as they are released (their calibration saw all folds). Prints the micro-F1 of failure types
with one threshold for all, with the released rule (one threshold and a shift for each language), and with a threshold
of each type's own, drawn towards the common one or not; and the quadratic-weighted kappa of intensity by rounding its
expected value (released), by counting the levels that are more likely passed than not, and by cuts fitted between the
levels.

    python benchmarks/decision_rules.py models/complaintnlp-small --annotations ../shared/annotations
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score

from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.taxonomy import INTENSITY_LEVELS, MAX_INTENSITY
from complaintnlp.training.calibrate import FOLDS, best_threshold, combined_scores, window_logits
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import gold_of, groups_of
from complaintnlp.training.tables import table_head, table_row

Values = NDArray[np.float64]
Marks = NDArray[np.bool_]
Fit = Callable[[Values, Marks, NDArray[np.str_]], Callable[[Values, NDArray[np.str_]], Marks]]

_PRIOR_TEXTS: Final = 100.0
_SHUFFLES: Final = 4
"""Figures of types are means over so many draws of the folds: one draw moves them by half a point."""

_LANGUAGE_PRIOR: Final = 100.0
_CUTS: Final = np.arange(-0.3, 0.31, 0.05)


def thresholds(prior: float | None, *, languages: bool) -> Fit:
    """Each type's own threshold, worth as much as the common one at ``prior`` texts of it; None: the common one."""

    def fit(p: Values, y: Marks, codes: NDArray[np.str_]) -> Callable[[Values, NDArray[np.str_]], Marks]:
        common = best_threshold(p, y)
        cuts = np.full(y.shape[1], common)
        if prior is not None:
            counts = y.sum(axis=0)
            own = np.array([best_threshold(p[:, k], y[:, k]) for k in range(y.shape[1])])
            cuts = np.where(counts + prior > 0, (counts * own + prior * common) / np.maximum(counts + prior, 1), common)
        shift = dict.fromkeys(np.unique(codes), 0.0)
        for code in shift if languages else ():
            rows = codes == code
            share = rows.sum() / (rows.sum() + _LANGUAGE_PRIOR)
            shift[code] = share * (best_threshold(p[rows] - cuts + common, y[rows]) - common)
        return lambda other, names: other >= cuts + np.array([shift[name] for name in names])[:, None]

    return fit


RULES: Final[dict[str, Fit]] = {
    "one for all": thresholds(None, languages=False),
    "a shift for each language (released)": thresholds(None, languages=True),
    "own of each type, drawn, and the shift": thresholds(_PRIOR_TEXTS, languages=True),
    "own of each type, and the shift": thresholds(0.0, languages=True),
}


def shuffled_folds(ids: Sequence[str], shuffle: int) -> NDArray[np.int64]:
    """Fold of each text, 0 to 4, by a hash of its id and the shuffle's number."""
    digests = (hashlib.sha1(f"{shuffle}{text_id}".encode(), usedforsecurity=False).hexdigest() for text_id in ids)
    return np.array([int(digest[:6], 16) % FOLDS for digest in digests])


def kappa(said: NDArray[Any], gold: NDArray[Any]) -> float:
    """Quadratic-weighted kappa."""
    return float(cohen_kappa_score(said, gold, weights="quadratic", labels=range(len(INTENSITY_LEVELS))))


def fitted_cuts(expected: Values, gold: NDArray[np.int64]) -> Values:
    """Cuts between the levels, chosen one after the other, twice over, for the best kappa."""
    cuts = np.arange(0.5, MAX_INTENSITY, dtype=np.float64)
    for _ in range(2):
        for k in range(MAX_INTENSITY):
            trials = [cuts + (k + 0.5 + move - cuts) * (np.arange(MAX_INTENSITY) == k) for move in _CUTS]
            cuts = max(trials, key=lambda trial: kappa((expected[:, None] >= trial).sum(axis=1), gold))
    return cuts


def main() -> None:
    """Print the two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--annotations", type=Path, default=Path("../shared/annotations"))
    arguments = parser.parse_args()

    texts = load_hand_labels(arguments.annotations, "dev", evaluation_only=False)
    model = read_model_folder(arguments.model)
    scores = combined_scores(window_logits(Runtime(model), texts["text"]), model.calibration)
    gold, codes = gold_of(texts), np.asarray(texts["language"])
    names = np.asarray(groups_of(texts))
    groups = ["all", *sorted(set(names))]
    rows = {name: np.flatnonzero((names == name) | (name == "all")) for name in groups}

    p, y = scores.failure_types.astype(np.float64), gold.failure_types
    print("\n".join(table_head("failure types, micro-F1 on held-out folds", *groups)))
    for title, fit in RULES.items():
        figures = []
        for shuffle in range(_SHUFFLES):
            fold, said = shuffled_folds(texts["id"], shuffle), np.zeros_like(y)
            for inside in (fold == number for number in range(FOLDS)):
                said[inside] = fit(p[~inside], y[~inside], codes[~inside])(p[inside], codes[inside])
            figures.append([f1_score(y[each], said[each], average="micro") for each in rows.values()])
        print(table_row([title, *(f"{figure:.4f}" for figure in np.mean(figures, axis=0))]))

    passed, expected, level = scores.intensity_above, scores.expected_intensity.astype(np.float64), gold.intensity
    fold, cut = shuffled_folds(texts["id"], 0), np.zeros_like(level)
    for inside in (fold == number for number in range(FOLDS)):
        cut[inside] = (expected[inside, None] >= fitted_cuts(expected[~inside], level[~inside])).sum(axis=1)
    answers = {
        "expected value, rounded (released)": np.floor(expected + 0.5).astype(int),
        "levels more likely passed than not": (passed >= 0.5).sum(axis=1),
        "fitted cuts of the expected value": cut,
    }
    print("\n" + "\n".join(table_head("intensity, weighted kappa", *groups)))
    for title, answer in answers.items():
        print(table_row([title, *(f"{kappa(answer[each], level[each]):.4f}" for each in rows.values())]))


if __name__ == "__main__":
    main()
