"""Is a bias beside the temperature worth it, and would a calibration of each language's own do better?

Development texts of hand labels, without the real Armenian comments; every text is judged by a calibration of the other
folds. Prints log-loss and expected calibration error of each head and language: with the temperature and bias of
`complaintnlp calibrate` (Platt 1999), with a temperature alone, and with the language's own temperature and bias, drawn
towards the common ones by its number of texts.

    python benchmarks/language_temperatures.py models/complaintnlp-small --annotations ../shared/annotations
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import HEADS, SOFTMAX_HEADS, sigmoid, softmax
from complaintnlp.training.calibrate import FOLDS, best_calibration, folds, head_targets, window_logits
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import gold_of
from complaintnlp.training.intervals import bounds, resampled_sums
from complaintnlp.training.metrics import expected_calibration_error
from complaintnlp.training.tables import table_head, table_row

Values = NDArray[np.float64]
Fit = Callable[[str, Values, NDArray[Any], NDArray[np.str_], NDArray[np.bool_]], Values]

_PRIOR_TEXTS: Final = 100.0


def common(head: str, outputs: Values, target: NDArray[Any], _: NDArray[np.str_], seen: NDArray[np.bool_]) -> Values:
    """Outputs by one temperature and bias, fitted on the texts seen."""
    temperature, bias = best_calibration(head, outputs[seen], target[seen])
    return outputs / temperature + bias


def temperature_alone(
    head: str, outputs: Values, target: NDArray[Any], _: NDArray[np.str_], seen: NDArray[np.bool_]
) -> Values:
    """Outputs by one temperature, fitted on the texts seen."""

    def loss(log_temperature: float) -> float:
        return float(losses(head, outputs[seen] / np.exp(log_temperature), target[seen]).mean())

    return np.asarray(outputs / np.exp(minimize_scalar(loss, bounds=(-1.5, 1.5), method="bounded").x))


def own(head: str, outputs: Values, target: NDArray[Any], codes: NDArray[np.str_], seen: NDArray[np.bool_]) -> Values:
    """Outputs by each language's temperature and bias, drawn towards the common ones."""
    temperature, bias = best_calibration(head, outputs[seen], target[seen])
    scaled = np.empty_like(outputs)
    for code in np.unique(codes):
        rows, fitted = codes == code, (codes == code) & seen
        share = fitted.sum() / (fitted.sum() + _PRIOR_TEXTS)
        own_temperature, own_bias = best_calibration(head, outputs[fitted], target[fitted])
        drawn = temperature * (own_temperature / temperature) ** share
        scaled[rows] = outputs[rows] / drawn + bias + share * (own_bias - bias)
    return scaled


FITS: Final[dict[str, Fit]] = {"common": common, "temperature alone": temperature_alone, "own": own}


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
