"""Batches: padded little, mixed well, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from complaintnlp.model.scores import HEADS
from complaintnlp.training.batches import TokenizedData, length_batches, pad, tokenize
from complaintnlp.training.dataset import load_hand_labels

PAD = 1


def data_of(lengths: list[int], copies: list[float] | None = None) -> TokenizedData:
    ids = [[7] * length for length in lengths]
    return TokenizedData(ids, {"weight": torch.arange(len(ids))}, np.array(copies or [1.0] * len(ids)), PAD)


def test_tokens_are_framed_and_cut(tokenizer: Tokenizer) -> None:
    short, long = tokenize(tokenizer, ["the soup", "the soup " * 40], 16)
    assert [tokenizer.id_to_token(i) for i in short] == ["<s>", "▁the", "▁soup", "</s>"]
    assert len(long) == 16
    assert (long[0], long[-1]) == (short[0], short[-1])
    assert len(tokenizer.encode("the soup " * 40).ids) > 16  # the tokenizer is left uncut


def test_padding_is_masked() -> None:
    ids, mask = pad([[5, 6, 7], [8]], PAD)
    assert ids.tolist() == [[5, 6, 7], [8, PAD, PAD]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_batch_holds_the_targets_of_its_rows(annotations: Path, tokenizer: Tokenizer) -> None:
    dataset = load_hand_labels(annotations, "dev")
    data = TokenizedData.of(dataset, tokenizer, 64, PAD, {})
    ids, mask, targets = data.batch([4, 0])
    assert set(targets) == {"weight", *HEADS}
    for row, index in enumerate([4, 0]):
        tokens = ids[row][mask[row] == 1].tolist()
        assert tokens == tokenizer.encode(dataset["text"][index]).ids
        for head in HEADS:
            np.testing.assert_array_equal(targets[head][row].numpy(), np.float32(dataset[head][index]), err_msg=head)


def test_an_epoch_holds_every_row_once_under_its_budget() -> None:
    lengths = [1 + number * 7 % 40 for number in range(300)]
    batches = data_of(lengths).epoch(seed=1, batch_tokens=128)
    assert sorted(row for batch in batches for row in batch) == list(range(300))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert longest * len(batch) <= 128
        assert longest - min(lengths[row] for row in batch) <= 20


def test_a_text_over_the_budget_is_a_batch_of_its_own() -> None:
    assert list(length_batches([[1] * 90, [1] * 5, [1] * 80], 64)) == [[1], [2], [0]]


def test_length_batches_lose_nothing() -> None:
    ids = [[1] * (1 + number * 13 % 50) for number in range(100)]
    batches = list(length_batches(ids, 200))
    assert sorted(row for batch in batches for row in batch) == list(range(100))
    assert [len(ids[row]) for batch in batches for row in batch] == sorted(map(len, ids))
    assert all(len(batch) * max(len(ids[row]) for row in batch) <= 200 for batch in batches)
    assert list(length_batches([], 200)) == []


def test_the_seed_decides_the_batches() -> None:
    data = data_of([1 + number % 9 for number in range(200)])
    assert data.epoch(seed=3, batch_tokens=64) == data.epoch(seed=3, batch_tokens=64)
    assert data.epoch(seed=3, batch_tokens=64) != data.epoch(seed=4, batch_tokens=64)


def test_a_factor_says_how_often_a_text_occurs() -> None:
    data = data_of([3] * 900, [0.0] * 300 + [1.5] * 300 + [2.0] * 300)
    counts = Counter(row for batch in data.epoch(seed=5, batch_tokens=64) for row in batch)
    assert sum(counts[row] for row in range(300)) == 0
    assert {counts[row] for row in range(300, 600)} == {1, 2}
    assert sum(counts[row] for row in range(300, 600)) == pytest.approx(450, abs=45)
    assert {counts[row] for row in range(600, 900)} == {2}


def test_factors_go_by_language(annotations: Path, tokenizer: Tokenizer) -> None:
    dataset = load_hand_labels(annotations, "dev")
    data = TokenizedData.of(dataset, tokenizer, 64, PAD, {"language": {"hy": 2.0, "zh": 0.0}})
    expected = [{"hy": 2.0, "zh": 0.0}.get(language, 1.0) for language in dataset["language"]]
    assert data.copies.tolist() == expected


def test_factors_of_language_origin_and_source_multiply(annotations: Path, tokenizer: Tokenizer) -> None:
    dataset = load_hand_labels(annotations, "train")
    factors = {"language": {"hy": 1.5}, "origin": {"adapted": 3.0}, "source": {dataset["source"][0]: 2.0}}
    data = TokenizedData.of(dataset, tokenizer, 64, PAD, factors)
    columns = [dataset[name] for name in ("language", "origin", "source")]
    expected = [
        (1.5 if code == "hy" else 1.0)
        * (3.0 if origin == "adapted" else 1.0)
        * (2.0 if source == columns[2][0] else 1.0)
        for code, origin, source in zip(*columns, strict=True)
    ]
    assert data.copies.tolist() == expected
    assert set(expected) == {2.0, 9.0}
