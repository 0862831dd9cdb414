"""Teacher logits by id, and as targets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, LOGIT_COUNT, sigmoid
from complaintnlp.training.dataset import HeldOut, load_hand_labels, read_annotations, read_corpora
from complaintnlp.training.soft_labels import load_soft_labels, read_soft_labels, save_soft_labels, soft_targets

Make = Callable[..., dict[str, Any]]


def test_logits_come_back_by_id(tmp_path: Path) -> None:
    ids = ["0123456789ab", "ba9876543210"]
    logits = np.random.default_rng(0).normal(size=(2, LOGIT_COUNT)).astype(np.float32)
    save_soft_labels(tmp_path / "deep" / "soft.safetensors", ids, logits)
    read = read_soft_labels(tmp_path / "deep" / "soft.safetensors")
    assert list(read) == ids
    for text_id, row in zip(ids, logits, strict=True):
        np.testing.assert_allclose(read[text_id], row, atol=2e-3)


def test_missing_soft_labels_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make them with: complaintnlp soft-label RUN"):
        read_soft_labels(tmp_path / "none.safetensors")


def test_targets_are_the_probabilities_of_each_head() -> None:
    logits = np.linspace(-2, 2, LOGIT_COUNT, dtype=np.float32)
    targets = soft_targets([logits], 0.5)
    assert targets["weight"] == 0.5
    assert sum(targets["primary"]) == pytest.approx(1.0)
    assert sum(targets["nps"]) == pytest.approx(1.0)
    assert targets["at_risk"] == pytest.approx(float(sigmoid(logits[HEADS["at_risk"]].astype(np.float64))[0]))
    np.testing.assert_allclose(targets["failure_types"], sigmoid(logits[HEADS["failure_types"]].astype(np.float64)))


def test_held_out_texts_and_odd_commands_are_dropped_even_if_the_teacher_scored_them(
    annotations: Path, corpora: Path, tmp_path: Path
) -> None:
    rows = {row["id"]: row for row in read_corpora(corpora)}
    labelled = list(read_annotations(annotations))
    ids = list({*rows, *(row["id"] for row in labelled)})
    save_soft_labels(tmp_path / "soft.safetensors", ids, np.zeros((len(ids), LOGIT_COUNT), dtype=np.float32))
    train = load_hand_labels(annotations, "train")
    dataset = load_soft_labels([tmp_path / "soft.safetensors"], corpora, HeldOut.of(annotations), train, share=0.25)
    chosen = set(dataset["id"])
    assert not chosen & {row["id"] for row in labelled if row["split"] != "train"}
    odd = {i for i, row in rows.items() if row["labels"].get("massive_id", 0) % 2}
    assert odd
    assert not chosen & odd
    hand = set(train["id"])
    weights = dict(zip(dataset["id"], dataset["weight"], strict=True))
    assert hand <= chosen
    assert {weights[i] for i in hand} == {0.25}
    assert {weights[i] for i in chosen - hand} == {1.0}


def test_of_several_teachers_the_mean_probability_counts() -> None:
    one, other = np.full(LOGIT_COUNT, -1.0, dtype=np.float32), np.full(LOGIT_COUNT, 3.0, dtype=np.float32)
    targets = soft_targets([one, other], 1.0)
    mean = float((sigmoid(np.array(-1.0)) + sigmoid(np.array(3.0))) / 2)
    assert targets["at_risk"] == pytest.approx(mean)
    np.testing.assert_allclose(targets["intensity"], mean)
    np.testing.assert_allclose(sum(targets["nps"]), 1.0)


def test_a_text_that_one_teacher_has_not_scored_counts_by_the_others(
    annotations: Path, corpora: Path, tmp_path: Path
) -> None:
    train = load_hand_labels(annotations, "train")
    first, second = train["id"][:2]
    save_soft_labels(tmp_path / "a.safetensors", [first, second], np.full((2, LOGIT_COUNT), 4.0, dtype=np.float32))
    save_soft_labels(tmp_path / "b.safetensors", [first], np.full((1, LOGIT_COUNT), -4.0, dtype=np.float32))
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    dataset = load_soft_labels(files, corpora, HeldOut.of(annotations), train, share=0.5)
    risks = dict(zip(dataset["id"], dataset["at_risk"], strict=True))
    assert risks[first] == pytest.approx(0.5, abs=1e-3)
    assert risks[second] == pytest.approx(0.982, abs=1e-3)
