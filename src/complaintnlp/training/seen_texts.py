"""Which texts a model has been trained on, by its own record of its runs, so that figures can leave them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from complaintnlp.training.dataset import HeldOut, near_duplicate_key, read_annotations, sample_corpora
from complaintnlp.training.project_labels import read_project_labels

SOFT_PER_SOURCE: Final = 600
"""Texts of each language and source that ``complaintnlp soft-label`` scores by default; recipes do not keep it."""


@dataclass(frozen=True, slots=True)
class SeenTexts:
    """Ids and near-duplicate keys of training texts."""

    ids: frozenset[str]
    keys: frozenset[str]

    def holds(self, text_id: str, text: str) -> bool:
        """Whether this text, or one that starts alike, was trained on."""
        return text_id in self.ids or near_duplicate_key(text) in self.keys


def seen_texts(training: Mapping[str, Any], annotations: Path, corpora: Path, project: Path) -> SeenTexts:
    """Texts of today's hand labels and of the corpus samples that a model's runs drew; rather too many than too few.

    The samples are drawn again with today's hand labels left out, which reaches at least as far as when the runs were
    made, as long as labels have only been added. A user's own texts (`complaintnlp.training.retrain`) are not known.

    Args:
        training: what the model's ``complaintnlp.json`` says of its training.
        annotations: folder of hand labels.
        corpora: folder of corpora.
        project: folder of the project's own labels.
    """
    hand = list(read_annotations(annotations, "train"))
    hand += [row for row in read_project_labels(project, corpora) if row["split"] == "train"]
    labelled = frozenset(name for row in hand for name in (row["id"], row.get("source_id", "")) if name)
    keys = {near_duplicate_key(row["text"]) for row in hand}
    ids = set(labelled)
    held_out = HeldOut.of(annotations)
    for sources, per_source in _samples(training).items():
        for row in sample_corpora(corpora, held_out, per_source=per_source, exclude=labelled, sources=sources):
            ids.add(row["id"])
            keys.add(near_duplicate_key(row["text"]))
    return SeenTexts(frozenset(ids), frozenset(keys))


def _samples(training: Mapping[str, Any]) -> dict[frozenset[str] | None, int]:
    """The largest sample of each source that any stage drew, per set of sources; None stands for all sources."""
    largest: dict[frozenset[str] | None, int] = {}
    for run in training.get("runs", ()):
        for stage in run["recipe"]["stage"]:
            drawn: list[tuple[frozenset[str] | None, int]] = []
            if stage["weak"]:
                drawn.append((frozenset(stage["weak_sources"]) or None, stage["weak_per_source"]))
            if stage["soft"]:
                drawn.append((None, SOFT_PER_SOURCE))
            for sources, count in drawn:
                largest[sources] = max(count, largest.get(sources, 0))
    return largest
