"""Quality against speed of several model folders, and of cascades of two of them.

Quality is that of `complaintnlp.training.evaluate`, speed that of `complaintnlp.training.throughput`. A model stands on
the frontier if no other one is both faster and better.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset

from complaintnlp.analyzer import Analyzer
from complaintnlp.errors import InvalidInputError
from complaintnlp.judgement.decide import Policy, confidence
from complaintnlp.model.folder import CONFIG_FILE, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training import dataset as data
from complaintnlp.training import throughput
from complaintnlp.training.cascade import Answers, CascadeAnalyzer, chosen_cut, cuts, estimated_rate
from complaintnlp.training.evaluate import answers, figures, gold_of, groups_of, weights_hash

QUALITY: Final = ("type_micro_f1", "detractor_f1", "intensity_qwk", "at_risk_auroc")
"""Figures of `complaintnlp.training.metrics.evaluate_group` that the report holds."""

IN_MEAN: Final = ("en", "tr", "zh", "hy adapted")
"""Groups whose type micro-F1 is averaged: one a language."""

Report = dict[str, Any]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class FrontierOptions:
    """What is measured.

    Attributes:
        split: of the hand labels, ``dev`` or ``test``.
        cascades: pairs ``FAST:GOOD`` of names of the models.
        corpora: folder that the timed texts come from.
        samples: CSV file that they come from where there are no corpora.
        texts: number of timed texts.
        rounds: every model is timed so often, in turn with the others; the best round counts.
        workers: texts read at once, one thread each.
    """

    split: str
    cascades: tuple[str, ...]
    corpora: Path
    samples: Path
    texts: int = 2000
    rounds: int = 3
    workers: int = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A loaded model under the name of its folder."""

    runtime: Runtime
    analyzer: Analyzer

    @classmethod
    def load(cls, path: Path) -> _Candidate:
        folder = read_model_folder(path)
        runtime = Runtime(folder)
        return cls(runtime, Analyzer(runtime, Policy.from_dict(folder.thresholds, str(folder.path))))


@dataclass(frozen=True, slots=True)
class _Timed:
    """Texts to time, as customers wrote them and as the model reads them."""

    texts: Sequence[str]
    read: Sequence[str]


class _Steps:
    """Tells how far the measuring is."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, -1

    def begin(self, text: str) -> None:
        """A step begins, so the one before is done."""
        self._done += 1
        self._progress(text, self._done, self._total)


def measure_frontier(
    models: Sequence[Path],
    annotations: Path,
    options: FrontierOptions,
    *,
    progress: Progress = lambda _step, _done, _total: None,
) -> Report:
    """Measure quality and speed.

    Args:
        models: folders; each goes by its folder's name.
        annotations: the hand labels.
        options: what is measured.
        progress: told the step, how many are done, and how many there are.

    Returns:
        ``split``, ``fingerprint`` of its texts, ``machine``, ``workers``, ``timed`` texts; the texts per second that no
        model can exceed, as ``ceiling_texts_per_second``; ``models`` and ``cascades``, see `_model_report` and
        `_cascade_report`.

    Raises:
        InvalidInputError: two folders have the same name, or a cascade is none of two models.
        ModelFolderError: a folder is none of a model.
        ConfigurationError: there are no hand labels, or no texts to time.
    """
    named = named_folders(models)
    pairs = [cascade_pair(text, list(named)) for text in options.cascades]
    candidates = {name: _Candidate.load(path) for name, path in named.items()}
    steps = _Steps(progress, 2 + (2 + options.rounds) * len(named) + len(pairs))
    steps.begin("texts to time")
    texts = {split: data.load_hand_labels(annotations, split) for split in dict.fromkeys(("dev", options.split))}
    first = next(iter(candidates.values()))
    chosen = throughput.load_timed_texts(first.runtime, options.corpora, options.samples, count=options.texts)
    timed = _Timed(chosen.texts, throughput.model_texts(chosen.texts))
    answered: dict[str, dict[str, Answers]] = {}
    for name, candidate in candidates.items():
        steps.begin(f"{name}: quality")
        needed = texts if name in {part for pair in pairs for part in pair} else (options.split,)
        answered[name] = {split: Answers(*answers(candidate.runtime, texts[split])) for split in needed}
    speeds = _speeds(candidates, timed, options, steps)
    steps.begin("all but the model")
    ceiling = _ceiling(first.analyzer, timed, options)
    labelled = texts[options.split]
    report: Report = {
        "split": options.split,
        "fingerprint": data.fingerprint(labelled),
        "machine": throughput.machine(),
        "workers": options.workers,
        "timed": {"texts": len(chosen.texts), "origin": chosen.origin, "mean_tokens": float(np.mean(chosen.tokens))},
        "ceiling_texts_per_second": ceiling,
        "models": {
            name: _model_report(candidate, speeds[name], quality(answered[name][options.split], labelled))
            for name, candidate in candidates.items()
        },
        "cascades": [],
    }
    on_it = frontier({name: (m["texts_per_second"], m["mean_type_micro_f1"]) for name, m in report["models"].items()})
    for name, model in report["models"].items():
        model["on_frontier"] = name in on_it
    for fast, good in pairs:
        steps.begin(f"{fast}:{good}")
        cascade = _Cascade(fast, good, candidates[fast], candidates[good])
        report["cascades"].append(
            _cascade_report(cascade, answered, texts, timed, options, (speeds[fast], speeds[good]))
        )
    steps.begin("done")
    return report


def named_folders(models: Sequence[Path]) -> dict[str, Path]:
    """Folders by their names.

    Raises:
        InvalidInputError: two have the same name.
    """
    named: dict[str, Path] = {}
    for path in models:
        name = path.resolve().name
        if name in named:
            raise InvalidInputError(
                f"{named[name]} and {path} go by the same name {name!r}; models are told apart by their folder's name, "
                "so rename or copy one"
            )
        named[name] = path
    return named


def cascade_pair(text: str, names: Sequence[str]) -> tuple[str, str]:
    """Names of the fast and the good model of ``FAST:GOOD``, each given as a name or a folder.

    Raises:
        InvalidInputError: it is no pair of two of the models.
    """
    parts = [Path(part).resolve().name for part in text.split(":") if part]
    if len(parts) != 2 or parts[0] == parts[1] or not set(parts) <= set(names):
        raise InvalidInputError(
            f"--cascade {text!r} must be FAST:GOOD, two of the models that are measured: {', '.join(names)}"
        )
    return parts[0], parts[1]


def _speeds(
    candidates: Mapping[str, _Candidate], timed: _Timed, options: FrontierOptions, steps: _Steps
) -> dict[str, dict[str, Any]]:
    """Per model ``texts_per_second`` of the whole path, the same of its ``rounds``, ``model_texts_per_second``.

    And ``p50_ms`` and ``p99_ms`` of single texts. The models take turns: what else the machine does then slows none of
    them more than the others.
    """
    path: dict[str, list[float]] = {name: [] for name in candidates}
    alone: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(options.rounds):
        for name, candidate in candidates.items():
            steps.begin(f"{name}: speed, round {turn + 1}")
            throughput.warm_up(candidate.analyzer, timed.texts)
            path[name].append(throughput.path_rate(candidate.analyzer, timed.texts, options.workers))
            alone[name].append(throughput.model_rate(candidate.runtime.scores, timed.read, options.workers))
    speeds: dict[str, dict[str, Any]] = {}
    for name, candidate in candidates.items():
        steps.begin(f"{name}: single texts")
        p50, p99 = throughput.single_times(candidate.analyzer, timed.texts)
        speeds[name] = {
            "texts_per_second": max(path[name]),
            "rounds": path[name],
            "model_texts_per_second": max(alone[name]),
            "p50_ms": p50,
            "p99_ms": p99,
        }
    return speeds


def _ceiling(analyzer: Analyzer, timed: _Timed, options: FrontierOptions) -> float:
    """Texts per second of everything but the model: as fast as the whole path were with a model that costs nothing."""
    free = throughput.RememberingAnalyzer(analyzer)
    throughput.path_rate(free, timed.texts, options.workers)
    return max(throughput.path_rate(free, timed.texts, options.workers) for _ in range(options.rounds))


def quality(answered: Answers, labelled: Dataset) -> dict[str, Any]:
    """``groups`` with the figures of `QUALITY`, and ``mean_type_micro_f1`` over those of `IN_MEAN` that occur."""
    found = figures(answered.scores, gold_of(labelled), groups_of(labelled), answered.decisions)
    groups = {group: {name: values[name] for name in QUALITY} for group, values in found.items()}
    mean = float(np.mean([values["type_micro_f1"] for group, values in groups.items() if group in IN_MEAN]))
    return {"mean_type_micro_f1": mean, "groups": groups}


def _model_report(candidate: _Candidate, speed: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """``model`` (name, version, hash), ``layers`` (None if unknown), ``bytes`` of the folder, speed and quality."""
    folder = candidate.runtime.folder
    return {
        "model": {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)},
        "layers": _layers(folder.path / CONFIG_FILE),
        "bytes": sum(path.stat().st_size for path in folder.path.iterdir() if path.is_file()),
        **speed,
        **measured,
    }


def _layers(config: Path) -> int | None:
    """Number of transformer layers; None where the file, which nothing else needs, does not tell."""
    try:
        return int(json.loads(config.read_text(encoding="utf-8"))["num_hidden_layers"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def frontier(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Names of the points (texts per second, quality) that no other one is at least equal to in both, in one better."""
    return {
        name
        for name, (speed, value) in points.items()
        if not any(
            other_speed >= speed and other_value >= value and (other_speed, other_value) != (speed, value)
            for other_speed, other_value in points.values()
        )
    }


@dataclass(frozen=True, slots=True)
class _Cascade:
    """Two of the models by name, the fast one first."""

    fast: str
    good: str
    fast_model: _Candidate
    good_model: _Candidate


def _cascade_report(
    cascade: _Cascade,
    answered: Mapping[str, Mapping[str, Answers]],
    texts: Mapping[str, Dataset],
    timed: _Timed,
    options: FrontierOptions,
    speeds: tuple[dict[str, Any], dict[str, Any]],
) -> dict[str, Any]:
    """``fast``, ``good``, ``lines`` and ``check``.

    A line holds ``cut``, ``share`` of the labelled texts that the fast model answers, ``timed_share`` of the timed
    ones, an estimate of ``texts_per_second``, and quality. The check holds the ``cut`` that was chosen and
    ``texts_per_second`` measured there, and ``estimated``. Cuts are tried and chosen on the development split.
    """
    fast, good = answered[cascade.fast], answered[cascade.good]
    tried = cuts(confidence(fast["dev"].scores))
    mixed = {split: [_mixed(fast[split], good[split], cut, texts[split]) for cut in tried] for split in texts}
    sure = np.array([confidence(cascade.fast_model.runtime.scores(text))[0] for text in timed.read])
    lines = []
    for cut, line in zip(tried, mixed[options.split], strict=True):
        deferred = float((sure <= cut).sum()) / len(timed.texts)
        rate = estimated_rate(speeds[0]["texts_per_second"], speeds[1]["model_texts_per_second"], deferred)
        lines.append({"cut": cut, **line, "timed_share": 1.0 - deferred, "texts_per_second": rate})
    cut = chosen_cut(tried, [line["mean_type_micro_f1"] for line in mixed["dev"]])
    analyzer = CascadeAnalyzer(cascade.fast_model.analyzer, cascade.good_model.analyzer, cut)
    throughput.warm_up(analyzer, timed.texts)
    rate = max(throughput.path_rate(analyzer, timed.texts, options.workers) for _ in range(options.rounds))
    estimated = next(line["texts_per_second"] for line in lines if line["cut"] == cut)
    check = {"cut": cut, "texts_per_second": rate, "estimated": estimated}
    return {"fast": cascade.fast, "good": cascade.good, "lines": lines, "check": check}


def _mixed(fast: Answers, good: Answers, cut: float, labelled: Dataset) -> dict[str, Any]:
    """Quality of a cascade on labelled texts, and the ``share`` of them that its fast model answers."""
    sure = confidence(fast.scores) > cut
    return {"share": float(sure.mean()), **quality(fast.where(sure, good), labelled)}
