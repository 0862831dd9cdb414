"""Which texts to label next: those that a model, or several, are least sure of, with rare failure types first."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.dataset import HeldOut, model_text, near_duplicate_key, read_annotations, sample_corpora
from complaintnlp.training.project_labels import read_project_labels, split_of

_SHORTEST: Final = 8
"""Characters below which a text names nothing that a label could teach."""


@dataclass(frozen=True)
class QueueOptions:
    """What to queue.

    Attributes:
        per_language: texts of each language.
        pool_per_source: candidates of each language and source that the models score.
        random_share: part of the queue that is drawn at random, so that the easy majority stays represented.
        source_share: largest part of a language's queue that one source may take.
        languages: which languages.
    """

    per_language: int = 400
    pool_per_source: int = 250
    random_share: float = 0.2
    source_share: float = 0.15
    languages: tuple[str, ...] = ("tr", "zh", "en")


def label_queue(
    models: Sequence[Path | None],
    annotations: Path,
    corpora: Path,
    options: QueueOptions,
    *,
    project: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[dict[str, Any]]:
    """Corpus rows worth labelling, the most telling first.

    Only texts whose id falls into the training split, that are no near-duplicate of a labelled text, and whose
    source already has hand labels, so that voice commands and treebank sentences take no annotator's time.

    Args:
        models: model folders (None is the released one). With several, their disagreement counts too.
        annotations: folder of hand labels.
        corpora: folder of corpora.
        options: how many, from where.
        project: folder of the project's own labels, which are left out too.
        progress: told texts scored and texts in all.

    Returns:
        ``id``, ``lang``, ``source``, ``text`` and ``value`` of each; ``value`` is 0 for those drawn at random.
    """
    candidates = _candidates(annotations, corpora, options, project)
    runtimes = [Runtime(read_model_folder(model)) for model in models]
    probabilities = np.empty((len(runtimes), len(candidates), len(FAILURE_TYPE_IDS) + 1))
    for i, row in enumerate(candidates):
        text = model_text(row["text"], row["lang"])
        for k, runtime in enumerate(runtimes):
            scores = runtime.scores(text)
            probabilities[k, i] = np.append(scores.failure_types[0], scores.at_risk[0])
        progress(i + 1, len(candidates))
    values = teaching_value(probabilities, _type_rates(annotations))
    queue = []
    for language in options.languages:
        rows = [i for i, row in enumerate(candidates) if row["lang"] == language]
        queue += _choose(candidates, values, rows, options)
    return queue


def write_queue(rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Write a queue as JSON Lines."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def teaching_value(probabilities: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a label would teach: doubt over each output, more for rare types, plus the models' disagreement.

    Args:
        probabilities: ``(models, texts, outputs)``.
        rates: ``(outputs,)`` share of labelled texts that carry each label.

    Returns:
        ``(texts,)``; 0 where every model is certain and agrees.
    """
    mean = probabilities.mean(axis=0).clip(1e-6, 1 - 1e-6)
    doubt = -(mean * np.log2(mean) + (1 - mean) * np.log2(1 - mean))
    disagreement = 2 * probabilities.std(axis=0)
    rarity = np.sqrt(np.median(rates) / np.maximum(rates, 1e-3))
    return np.asarray(((doubt + disagreement) * rarity).sum(axis=1))


def _candidates(annotations: Path, corpora: Path, options: QueueOptions, project: Path | None) -> list[dict[str, Any]]:
    known = list(read_annotations(annotations))
    sources = frozenset(row["source"] for row in known)
    if project is not None:
        known += read_project_labels(project, corpora)
    keys = {near_duplicate_key(row["text"]) for row in known}
    ids = frozenset(row["id"] for row in known)
    rows = []
    pool = sample_corpora(
        corpora, HeldOut.of(annotations), per_source=options.pool_per_source, exclude=ids, sources=sources
    )
    for row in pool:
        key = near_duplicate_key(row["text"])
        wanted = row["lang"] in options.languages and split_of(row["id"]) == "train"
        if wanted and len(row["text"]) >= _SHORTEST and key not in keys:
            keys.add(key)
            rows.append(row)
    return rows


def _type_rates(annotations: Path) -> NDArray[np.float64]:
    counts: Counter[str] = Counter()
    total = 0
    for row in read_annotations(annotations, "train"):
        total += 1
        counts.update(row["failure_types"].split(";"))
        counts["at_risk"] += row["at_risk"] == "1"
    return np.array([counts[name] / max(1, total) for name in (*FAILURE_TYPE_IDS, "at_risk")])


def _choose(
    candidates: list[dict[str, Any]], values: NDArray[np.float64], rows: list[int], options: QueueOptions
) -> list[dict[str, Any]]:
    """The most valuable rows under the cap per source, then random ones (the pool is in hash order)."""
    cap = max(1, round(options.per_language * options.source_share))
    taken: dict[str, int] = defaultdict(int)
    chosen: dict[int, float] = {}

    def take(order: list[int], until: int, *, drawn: bool) -> None:
        for i in order:
            if len(chosen) >= until:
                return
            source = candidates[i]["source"]
            if i not in chosen and taken[source] < cap:
                taken[source] += 1
                chosen[i] = 0.0 if drawn else float(values[i])

    by_value = sorted(rows, key=lambda i: -values[i])
    by_hash = sorted(rows, key=lambda i: hashlib.sha1(candidates[i]["id"].encode(), usedforsecurity=False).digest())
    take(by_value, round(options.per_language * (1 - options.random_share)), drawn=False)
    take(by_hash, options.per_language, drawn=True)
    return [
        {name: candidates[i][name] for name in ("id", "lang", "source", "text")} | {"value": round(value, 3)}
        for i, value in chosen.items()
    ]
