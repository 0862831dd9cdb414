"""Counts of Armenian words, for the spelling of Armenian in Latin letters (`complaintnlp.text.armenian_words`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from complaintnlp.text.normalize import normalize
from complaintnlp.training.dataset import HeldOut, is_out_of_domain_test, read_annotations, read_corpora
from complaintnlp.training.project_labels import read_project_labels

_WORD: Final = re.compile("[\u0561-\u0587]{2,}")


def armenian_word_counts(
    annotations: Path, corpora: Path, project: Path | None, *, min_count: int = 2
) -> list[tuple[str, int]]:
    """Words and the number of texts that hold them, the commonest first; held-out texts are not read."""
    counts: Counter[str] = Counter()
    for text in _texts(annotations, corpora, project):
        counts.update(set(_WORD.findall(normalize(text).text.lower())))
    kept = [(word, count) for word, count in counts.items() if count >= min_count]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))


def _texts(annotations: Path, corpora: Path, project: Path | None) -> Iterator[str]:
    held_out = HeldOut.of(annotations)
    for row in read_corpora(corpora, ("hy",)):
        if not is_out_of_domain_test(row) and not held_out.holds(row["id"], row["text"]):
            yield row["text"]
    labelled = list(read_annotations(annotations, "train"))
    if project is not None:
        labelled += (row for row in read_project_labels(project, corpora) if row["split"] == "train")
    for label in labelled:
        if label["language"] == "hy":
            yield label["text"]
