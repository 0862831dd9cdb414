"""Armenian words are counted once a text, and never from a held-out text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from complaintnlp.training.project_labels import add_labels
from complaintnlp.training.word_counts import armenian_word_counts

Maker = Callable[..., dict[str, Any]]


def test_words_are_counted_by_texts(
    annotate: Maker, crawled: Maker, annotation_folder: Callable[..., Path], corpora_folder: Callable[..., Path],
    tmp_path: Path,
) -> None:  # fmt: skip
    annotations = annotation_folder(
        {"hy": [annotate("train", "վատ վատ առաքում"), annotate("test", "գաղտնի խոսք"), annotate("dev", "թաքուն բառ")]}
    )
    corpora = corpora_folder(
        {"hy": [crawled("hy", "social-comments", "Վատ սպասարկում"), crawled("hy", "social-comments", "գաղտնի խոսք")]}
    )
    written = {"text": "սպասարկում չկա", "lang": "hy", "types": [], "intensity": 0, "nps": "passive"}
    (tmp_path / "a.jsonl").write_text(json.dumps({**written, "at_risk": 0, "reasons": []}), encoding="utf-8")
    add_labels([tmp_path / "a.jsonl"], tmp_path / "project", corpora)
    table = tmp_path / "project" / "written" / "hy.csv"
    labels = table.read_text(encoding="utf-8").replace(",dev,", ",train,").replace(",test,", ",train,")
    table.write_text(labels, encoding="utf-8")

    counts = armenian_word_counts(annotations, corpora, tmp_path / "project", min_count=1)
    assert dict(counts) == {"վատ": 2, "սպասարկում": 2, "առաքում": 1, "չկա": 1}
    assert counts[0] == ("սպասարկում", 2)
    assert [word for word, _ in armenian_word_counts(annotations, corpora, tmp_path / "project")] == [
        "սպասարկում",
        "վատ",
    ]
