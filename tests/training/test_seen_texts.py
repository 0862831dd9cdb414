"""What a model is known to have been trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from complaintnlp.training import seen_texts as room
from complaintnlp.training.dataset import read_annotations, read_corpora
from complaintnlp.training.seen_texts import seen_texts


def run_of(**stage: Any) -> dict[str, Any]:
    plain = {"weak": False, "soft": [], "weak_per_source": 5, "weak_sources": []}
    return {"runs": [{"recipe": {"stage": [plain | stage]}}]}


def counts(training: dict[str, Any], annotations: Path, corpora: Path, tmp_path: Path) -> dict[str, int]:
    seen = seen_texts(training, annotations, corpora, tmp_path)
    found: dict[str, int] = {}
    for row in read_corpora(corpora):
        found[row["source"]] = found.get(row["source"], 0) + (row["id"] in seen.ids)
    return found


def test_hand_labelled_training_texts_are_seen_and_held_out_ones_are_not(
    annotations: Path, corpora: Path, tmp_path: Path
) -> None:
    seen = seen_texts({}, annotations, corpora, tmp_path)
    for row in read_annotations(annotations):
        assert seen.holds(row["id"], row["text"]) == (row["split"] == "train")


def test_a_text_that_starts_like_a_training_text_is_seen(annotations: Path, corpora: Path, tmp_path: Path) -> None:
    seen = seen_texts({}, annotations, corpora, tmp_path)
    row = next(read_annotations(annotations, "train"))
    assert seen.holds("another id", f"... {row['text']}!")


def test_weak_and_soft_samples_are_seen(
    annotations: Path, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not any(counts({}, annotations, corpora, tmp_path).values())
    some = counts(run_of(weak=True, weak_sources=["waimai-10k"]), annotations, corpora, tmp_path)
    assert {source for source, count in some.items() if count} == {"waimai-10k"}
    assert some["waimai-10k"] == 5
    monkeypatch.setattr(room, "SOFT_PER_SOURCE", 7)
    soft = counts(run_of(soft=["file"]), annotations, corpora, tmp_path)
    assert (soft["waimai-10k"], soft["app-reviews"]) == (7, 7)


def test_of_several_samples_the_largest_counts(annotations: Path, corpora: Path, tmp_path: Path) -> None:
    stages = [run_of(weak=True, weak_per_source=count)["runs"][0] for count in (3, 9, 4)]
    assert counts({"runs": stages}, annotations, corpora, tmp_path)["app-reviews"] == 9
