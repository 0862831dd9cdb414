"""The gate before a release: how far the int8 model's answers lie from those of the network that it came from.

Both read the same windows of the same unlabelled texts, by the same calibration and thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions, Policy, decide
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training import dataset as data
from complaintnlp.training.calibrate import combined_scores, window_logits
from complaintnlp.training.evaluate import weights_hash
from complaintnlp.training.intervals import bounds, resampled_sums
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.predict import logits_of_ids
from complaintnlp.training.project_labels import read_known_labels
from complaintnlp.training.release import load_run
from complaintnlp.training.tables import table_head, table_row

LIMITS: Final = {"change": 0.01, "flips": 0.003}
"""Largest mean absolute change of a probability, and largest share of label decisions that may flip."""

TOGETHER: Final = "together"
_DECIDED: Final = ("failure_types", "at_risk", "nps", "intensity")
_HEADS: Final = {
    "failure_types": "failure_types",
    "primary": "primary",
    "intensity": "intensity_above",
    "nps": "nps",
    "at_risk": "at_risk",
    "risk_reasons": "risk_reasons",
}
"""Heads and the field of `Scores` that holds their probabilities."""
_CHUNK: Final = 250

Answers = tuple[Scores, Decisions]


def run_gate(
    run: Path,
    model: Path | None,
    annotations: Path,
    corpora: Path,
    *,
    project: Path | None = None,
    texts: int,
    progress: Callable[[str, int, int], None] = lambda _language, _done, _total: None,
) -> dict[str, Any]:
    """Compare a run's network in float32 with the int8 folder that was exported from it, per language.

    Two workers of one thread each: one reads with the network, the other with the folder.

    Args:
        run: folder of the finished run.
        model: the int8 folder; the released model if None.
        annotations: hand labels, whose texts are left out.
        corpora: folder of corpora.
        project: folder of the project's own labels, whose texts are left out too.
        texts: of each language; fewer where the corpora hold fewer.
        progress: told the language, texts read and texts in all.

    Returns:
        ``model``, ``run``, ``limits``, ``languages`` (per language what `compare_answers` gives) and ``passed``.

    Raises:
        ConfigurationError: the folder was exported from another run, or the corpora hold nothing in a language.
    """
    folder = read_model_folder(model)
    network, tokenizer, recipe = load_run(run)
    _check_origin(folder, tokenizer, recipe.name, run)
    reader = _Reader(folder, network)
    held_out, known = data.HeldOut.of(annotations), _labelled_ids(annotations, project)
    languages = {}
    for language in LANGUAGES:
        progress(f"{language}: sampling", 0, texts)
        rows = data.sample_language(corpora, language, texts, held_out, exclude=known)
        read = [text for text in (data.model_text(row["text"], language) for row in rows) if text]
        if not read:
            raise ConfigurationError(f"{corpora} holds no unlabelled text in {language}; the gate needs all languages")
        languages[language] = compare_answers(*reader.read(read, language, partial(progress, language)))
    return {
        "model": {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)},
        "run": recipe.name,
        "limits": LIMITS,
        "languages": languages,
        "passed": all(figures["passed"] for figures in languages.values()),
    }


def compare_answers(float32: Answers, int8: Answers) -> dict[str, Any]:
    """How far two answers to the same texts lie apart.

    Returns:
        Number of ``texts``; ``change``, the mean absolute change of a probability, and ``flips``, the share of label
        decisions that differ, both per head and `TOGETHER`, each with ``value`` and its 95% interval (``low``,
        ``high``); ``texts_flipped``, the share of texts with any flip; ``passed``, whether both figures together keep
        `LIMITS`; and ``certain``, whether their intervals lie on the same side.
    """
    changes = {
        head: np.abs(_wide(getattr(float32[0], field)) - _wide(getattr(int8[0], field)))
        for head, field in _HEADS.items()
    }
    flips = {name: _wide(getattr(float32[1], name) != getattr(int8[1], name)) for name in _DECIDED}
    report: dict[str, Any] = {
        "texts": len(float32[0]),
        "change": _means(changes),
        "flips": _means(flips),
        "texts_flipped": _mean(_wide(np.hstack(list(flips.values())).max(axis=1))),
    }
    together = {name: report[name][TOGETHER] for name in LIMITS}
    report["passed"] = all(together[name]["value"] <= limit for name, limit in LIMITS.items())
    report["certain"] = (
        all(together[name]["high"] <= limit for name, limit in LIMITS.items())
        if report["passed"]
        else any(together[name]["low"] > limit for name, limit in LIMITS.items())
    )
    return report


class _Reader:
    """Reads texts with the network and with the int8 folder, side by side."""

    def __init__(self, folder: ModelFolder, network: ComplaintNetwork) -> None:
        self._runtime = Runtime(folder)
        self._network = network
        self._calibration = folder.calibration
        self._policy = Policy.from_dict(folder.thresholds, str(folder.path))

    def read(self, texts: list[str], language: str, progress: Callable[[int, int], None]) -> tuple[Answers, Answers]:
        """Answers of the network and of the folder."""
        float32: list[NDArray[np.float32]] = []
        int8: list[NDArray[np.float32]] = []
        with _one_torch_thread(), ThreadPoolExecutor(max_workers=2) as pool:
            for start in range(0, len(texts), _CHUNK):
                chunk = texts[start : start + _CHUNK]
                by_network = pool.submit(self._network_logits, chunk)
                int8 += pool.submit(window_logits, self._runtime, chunk).result()
                float32 += by_network.result()
                progress(len(int8), len(texts))
        return self._answers(float32, language), self._answers(int8, language)

    def _network_logits(self, texts: list[str]) -> list[NDArray[np.float32]]:
        windows = [self._runtime.windows(text) for text in texts]
        logits = logits_of_ids(self._network, [ids for each in windows for ids in each])
        return np.split(logits, np.cumsum([len(each) for each in windows])[:-1])

    def _answers(self, windows: list[NDArray[np.float32]], language: str) -> Answers:
        scores = combined_scores(windows, self._calibration)
        return scores, decide(scores, self._policy, [language] * len(scores))


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_origin(folder: ModelFolder, tokenizer: Tokenizer, name: str, run: Path) -> None:
    runs = folder.settings["training"].get("runs", ())
    recorded = runs[-1]["recipe"]["name"] if runs else name
    vocabulary = Tokenizer.from_file(str(folder.tokenizer_file)).get_vocab()
    if recorded != name or vocabulary != tokenizer.get_vocab():
        raise ConfigurationError(
            f"{folder.path} was exported from the run {recorded!r}, and {run} is the run {name!r} or has another "
            "vocabulary; name the run that the folder was exported from, or export it again"
        )


def _labelled_ids(annotations: Path, project: Path | None) -> frozenset[str]:
    rows = list(data.read_annotations(annotations))
    rows += read_known_labels(project) if project is not None else ()
    return frozenset(row["id"] for row in rows)


def _wide(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(len(values), -1)


def _means(parts: dict[str, NDArray[Any]]) -> dict[str, dict[str, float]]:
    together = np.concatenate(list(parts.values()), axis=1)
    return {name: _mean(values) for name, values in {**parts, TOGETHER: together}.items()}


def _mean(values: NDArray[Any]) -> dict[str, float]:
    """Mean of ``(n, k)`` values with its 95% bootstrap interval over the ``n`` texts."""
    count = len(values)
    interval = bounds(resampled_sums(values.mean(axis=1)) / count)
    if not values.any():
        interval["high"] = 3 / count  # nothing seen in n texts: the rule of three, which no resample can show
    return {"value": float(values.mean()), **interval}


def gate_markdown(report: dict[str, Any]) -> str:
    """The gate as tables: a line for each language, 95% intervals in brackets."""
    limits = report["limits"]
    lines = [
        f"{report['model']['name']} {report['model']['version']} (int8) against the float32 network of {report['run']}",
        "",
        f"Mean absolute change of a probability, at most {limits['change']} together",
        "",
        *_table(report, "change", 4),
        "",
        f"Share of label decisions that flip, at most {limits['flips']:.1%} together",
        "",
        *_table(report, "flips", 4),
        "",
        *table_head("", "texts", "texts with a flip", "gate"),
    ]
    for language, figures in report["languages"].items():
        verdict = "passed" if figures["passed"] else "failed"
        doubt = "" if figures["certain"] else ", but the interval crosses a limit"
        flipped = _cell(figures["texts_flipped"], 4)
        lines.append(table_row([language, f"{figures['texts']:,}", flipped, verdict + doubt]))
    return "\n".join(lines)


def _table(report: dict[str, Any], figure: str, digits: int) -> Iterator[str]:
    names = list(next(iter(report["languages"].values()))[figure])
    yield from table_head("", *names)
    for language, figures in report["languages"].items():
        yield table_row([language, *(_cell(figures[figure][name], digits) for name in names)])


def _cell(value: dict[str, float], digits: int) -> str:
    return f"{value['value']:.{digits}f} ({value['low']:.{digits}f}-{value['high']:.{digits}f})"
