"""Measure a model on public yardsticks: by regressions on frozen features, and by its own heads as they are.

The encoder is never fine-tuned. The measured texts are those that no stage of the model's training has seen; where
there are too few, seen ones fill the sample, and figures with and without them stand side by side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training.baselines import embed
from complaintnlp.training.calibrate import combined_scores, window_logits
from complaintnlp.training.dataset import model_text, read_corpora
from complaintnlp.training.encoder import PACKAGED_ENCODER, load_encoder
from complaintnlp.training.evaluate import weights_hash, write_report
from complaintnlp.training.seen_texts import SeenTexts, seen_texts
from complaintnlp.training.yardstick_figures import as_it_is, cross_validated, figures, fold_of, gold_array
from complaintnlp.training.yardstick_list import Answer, Yardstick, choose, load_yardsticks

FEWEST_TEXTS: Final = 50
_CHUNK: Final = 200

Progress = Callable[[str, int, int], None]
"""Told what is going on, how many texts are read, and how many there are in all."""


@dataclass(frozen=True, slots=True)
class YardstickOptions:
    """What to measure, and on what.

    Attributes:
        model: folder; the released model if None.
        annotations: folder of hand labels.
        corpora: folder of corpora with native labels.
        project: folder of the project's own labels.
        texts: at most so many of each yardstick.
        encoder: base encoder, as a recipe names it.
    """

    model: Path | None
    annotations: Path
    corpora: Path
    project: Path
    texts: int = 3000
    encoder: str = PACKAGED_ENCODER


@dataclass(frozen=True, slots=True)
class _Text:
    id: str
    text: str
    answer: Answer
    seen: bool


@dataclass(frozen=True, slots=True)
class _Sample:
    """Texts of one yardstick; ``available`` and ``available_seen`` count the whole source."""

    yardstick: Yardstick
    texts: list[_Text]
    available: int
    available_seen: int


def measure_yardsticks(
    options: YardstickOptions,
    names: Sequence[str],
    out: Path,
    *,
    progress: Progress = lambda _step, _done, _total: None,
) -> dict[str, Any]:
    """Measure yardsticks; each result is written as soon as it is there.

    Args:
        options: model, data and sample size.
        names: of `load_yardsticks`; all if empty.
        out: report (JSON). Results of the same model that it holds already stay, unless measured again.
        progress: see `Progress`.

    Returns:
        The whole report: ``model``, ``encoder`` and, per name in ``yardsticks``, what `_measure` gives.

    Raises:
        ConfigurationError: an unknown name, too few texts, or ``out`` holds another model's results and only some of
            the yardsticks are asked for.
    """
    known = load_yardsticks()
    chosen = choose(known, names)
    folder = read_model_folder(options.model)
    report = _report_to_go_on(out, folder, options.encoder, partly=len(chosen) < len(known))
    progress("looking up what the model has seen", 0, 0)
    seen = seen_texts(folder.settings["training"], options.annotations, options.corpora, options.project)
    samples = _samples(chosen, options, seen)
    reader = _Reader(folder, options.encoder)
    total, done = sum(len(sample.texts) for sample in samples), 0
    for sample in samples:
        for start in range(0, len(sample.texts), _CHUNK):
            progress(sample.yardstick.name, done + start, total)
            reader.read([each.text for each in sample.texts[start : start + _CHUNK]])
        done += len(sample.texts)
        progress(sample.yardstick.name, done, total)
        report["yardsticks"][sample.yardstick.name] = _measure(sample, reader)
        order = [each.name for each in known]
        report["yardsticks"] = dict(sorted(report["yardsticks"].items(), key=lambda item: order.index(item[0])))
        write_report(report, out)
    return report


def _report_to_go_on(out: Path, folder: ModelFolder, encoder: str, *, partly: bool) -> dict[str, Any]:
    """The report in ``out`` without entries that are no yardsticks any more; a fresh one if it is of other weights."""
    model = {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)}
    fresh: dict[str, Any] = {"model": model, "encoder": encoder, "yardsticks": {}}
    if not out.is_file():
        return fresh
    try:
        old = json.loads(out.read_text(encoding="utf-8"))
        same = (old["model"]["sha256"], old["encoder"]) == (model["sha256"], encoder)
        results = dict(old["yardsticks"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{out} is no report of yardsticks ({error!r}); name another file") from error
    if same:
        names = {yardstick.name for yardstick in load_yardsticks()}
        return {**fresh, "yardsticks": {name: result for name, result in results.items() if name in names}}
    if partly:
        raise ConfigurationError(
            f"{out} holds results of another model or base encoder; name another file, or measure all yardsticks"
        )
    return fresh


def _samples(chosen: Sequence[Yardstick], options: YardstickOptions, seen: SeenTexts) -> list[_Sample]:
    """The texts of each yardstick, chosen by a hash of the id, unseen ones first."""
    found: dict[str, list[_Text]] = {yardstick.name: [] for yardstick in chosen}
    for row in read_corpora(options.corpora):
        for yardstick in chosen:
            answer = yardstick.gold(row["labels"]) if row["source"] == yardstick.source else None
            text = "" if answer is None else model_text(row["text"], row["lang"])
            if answer is not None and text:
                found[yardstick.name].append(_Text(row["id"], text, answer, seen.holds(row["id"], row["text"])))
    return [_sample(yardstick, found[yardstick.name], options) for yardstick in chosen]


def _sample(yardstick: Yardstick, texts: list[_Text], options: YardstickOptions) -> _Sample:
    def order(each: _Text) -> tuple[bool, str]:
        return each.seen, hashlib.sha1(b"yardstick" + each.id.encode(), usedforsecurity=False).hexdigest()

    sample = sorted(texts, key=order)[: options.texts]
    if len(sample) < FEWEST_TEXTS or len({each.answer for each in sample}) < 2:
        raise ConfigurationError(
            f"yardstick {yardstick.name}: {options.corpora} gives {len(sample)} texts of {yardstick.source} with the "
            f"label {yardstick.label} for --texts {options.texts}; at least {FEWEST_TEXTS} of more than one value are "
            "needed: name a fuller folder, more texts, or only the yardsticks that it has"
        )
    return _Sample(yardstick, sample, len(texts), sum(each.seen for each in texts))


class _Reader:
    """Reads texts with the model and with the frozen base encoder, each text once."""

    def __init__(self, folder: ModelFolder, encoder: str) -> None:
        self._runtime = Runtime(folder)
        self._calibration = folder.calibration
        self._encoder, self._tokenizer = load_encoder(encoder)
        self._windows: dict[str, NDArray[np.float32]] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def read(self, texts: Sequence[str]) -> None:
        """Read those of the texts that are new."""
        new = [text for text in dict.fromkeys(texts) if text not in self._windows]
        if new:
            self._windows |= zip(new, window_logits(self._runtime, new), strict=True)
            self._vectors |= zip(new, embed(self._encoder, self._tokenizer, new), strict=True)

    def features(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Per frozen setting, features ``(n, width)``; logits are the mean over a long text's windows."""
        return {
            "base_encoder": np.stack([self._vectors[text] for text in texts]),
            "model_outputs": np.stack([self._windows[text].mean(axis=0) for text in texts]),
        }

    def scores(self, texts: Sequence[str]) -> Any:
        """Calibrated scores, as in serving."""
        return combined_scores([self._windows[text] for text in texts], self._calibration)


def _measure(sample: _Sample, reader: _Reader) -> dict[str, Any]:
    """Counts of texts, and per setting the figures over ``unseen`` texts and over ``all`` of the sample."""
    yardstick, texts = sample.yardstick, [each.text for each in sample.texts]
    gold = gold_array(yardstick, [each.answer for each in sample.texts])
    folds = np.array([fold_of(text) for text in texts])
    answers = {
        setting: cross_validated(yardstick, features, gold, folds)
        for setting, features in reader.features(texts).items()
    }
    answers["as_it_is"] = as_it_is(yardstick, reader.scores(texts))
    seen = np.array([each.seen for each in sample.texts])
    rows = {"unseen": np.flatnonzero(~seen), "all": np.arange(len(seen))}
    return {
        "texts": {"unseen": int((~seen).sum()), "all": len(seen)},
        "source": {"texts": sample.available, "seen": sample.available_seen},
        **{
            setting: {part: figures(yardstick, gold, answers[setting], chosen) for part, chosen in rows.items()}
            for setting in answers
        },
    }
