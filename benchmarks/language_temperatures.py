"""Would a temperature of each language's own, or a bias beside the temperature, calibrate the heads better?

Development texts of hand labels, without the real Armenian comments; every text is judged by a calibration of the other
folds. Prints log-loss and expected calibration error of each head and language: with one temperature a head, with the
language's own drawn towards it by its number of texts, and with temperature and bias (Platt 1999). The bias is tried on
the heads of independent sigmoids only.

    python benchmarks/language_temperatures.py models/complaintnlp-small --annotations ../shared/annotations
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import HEADS, SOFTMAX_HEADS, sigmoid, softmax
from complaintnlp.training.calibrate import FOLDS, best_temperature, folds, head_targets, window_logits
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import gold_of
from complaintnlp.training.intervals import bounds, resampled_sums
from complaintnlp.training.metrics import expected_calibration_error
from complaintnlp.training.tables import table_head, table_row

Values = NDArray[np.float64]
Fit = Callable[[str, Values, NDArray[Any], NDArray[np.str_], NDArray[np.bool_]], Values]

_PRIOR_TEXTS: Final = 100.0


def common(head: str, outputs: Values, target: NDArray[Any], _: NDArray[np.str_], seen: NDArray[np.bool_]) -> Values:
    """Outputs by one temperature, fitted on the texts seen."""
    return outputs / best_temperature(head, outputs[seen], target[seen])


def own(head: str, outputs: Values, target: NDArray[Any], codes: NDArray[np.str_], seen: NDArray[np.bool_]) -> Values:
    """Outputs by each language's temperature, drawn towards the common one."""
    shared = np.log(best_temperature(head, outputs[seen], target[seen]))
    scaled = np.empty_like(outputs)
    for code in np.unique(codes):
        rows, fitted = codes == code, (codes == code) & seen
        share = fitted.sum() / (fitted.sum() + _PRIOR_TEXTS)
        best = np.log(best_temperature(head, outputs[fitted], target[fitted]))
        scaled[rows] = outputs[rows] / np.exp(shared + share * (best - shared))
    return scaled


def with_bias(
    head: str, outputs: Values, target: NDArray[Any], codes: NDArray[np.str_], seen: NDArray[np.bool_]
) -> Values:
    """Outputs by one temperature and one bias; a softmax head keeps to its temperature."""
    if head in SOFTMAX_HEADS:
        return common(head, outputs, target, codes, seen)

    def loss(values: Values) -> float:
        return float(losses(head, outputs[seen] / np.exp(values[0]) + values[1], target[seen]).mean())

    log_temperature, bias = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return np.asarray(outputs / np.exp(log_temperature) + bias)


FITS: Final[dict[str, Fit]] = {"common": common, "own": own, "with bias": with_bias}


def losses(head: str, outputs: Values, target: NDArray[Any]) -> Values:
    """Log-loss of each text, ``(n,)``."""
    if head in SOFTMAX_HEADS:
        chosen = softmax(outputs)[np.arange(len(outputs)), target.astype(int)]
        return np.asarray(-np.log(chosen.clip(1e-9)))
    p = sigmoid(outputs).clip(1e-9, 1 - 1e-9)
    return np.asarray(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean(axis=1))


def calibration_error(head: str, outputs: Values, target: NDArray[Any]) -> float:
    """As `complaintnlp evaluate` measures it."""
    if head in SOFTMAX_HEADS:
        p = softmax(outputs)
        return expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == target)
    return expected_calibration_error(sigmoid(outputs), target > 0.5)


def cross_fitted(
    fit: Fit, head: str, outputs: Values, target: NDArray[Any], codes: NDArray[np.str_], fold: NDArray[np.int64]
) -> Values:
    """Outputs of every text by a fit on the other folds."""
    fitted = np.empty_like(outputs)
    for held_out in range(FOLDS):
        inside = fold == held_out
        fitted[inside] = fit(head, outputs, target, codes, ~inside)[inside]
    return fitted


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--annotations", type=Path, default=Path("../shared/annotations"))
    arguments = parser.parse_args()

    texts = load_hand_labels(arguments.annotations, "dev", evaluation_only=False)
    runtime = Runtime(read_model_folder(arguments.model))
    logits = np.stack([windows[0] for windows in window_logits(runtime, texts["text"])]).astype(np.float64)
    targets, codes, fold = head_targets(gold_of(texts)), np.asarray(texts["language"]), folds(texts["id"])

    titles = [f"{figure}, {name}" for figure in ("log-loss", "ECE") for name in FITS]
    gains = [f"log-loss {name} - common (95%)" for name in list(FITS)[1:]]
    print("\n".join(table_head("head", "language", "texts", *titles, *gains)))
    for head, part in HEADS.items():
        target = targets[head]
        known = target >= 0 if head in SOFTMAX_HEADS else np.ones(len(target), dtype=bool)
        y, languages = target[known], codes[known]
        fitted = {
            name: cross_fitted(fit, head, logits[known][:, part], y, languages, fold[known])
            for name, fit in FITS.items()
        }
        for code in ("all", *np.unique(languages)):
            rows = np.flatnonzero((languages == code) | (code == "all"))
            loss = {name: losses(head, values[rows], y[rows]) for name, values in fitted.items()}
            errors = [calibration_error(head, values[rows], y[rows]) for values in fitted.values()]
            cells = [*(f"{each.mean():.4f}" for each in loss.values()), *(f"{each:.4f}" for each in errors)]
            for name in list(FITS)[1:]:
                gain = loss[name] - loss["common"]
                interval = bounds(resampled_sums(gain) / len(gain))
                cells.append(f"{gain.mean():+.4f} ({interval['low']:+.4f} to {interval['high']:+.4f})")
            print(table_row([head, str(code), str(len(rows)), *cells]))


if __name__ == "__main__":
    main()
