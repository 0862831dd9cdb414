"""Tokenised texts, and batches of texts of like length under a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from torch import Tensor

from complaintnlp.model.scores import HEADS, OWN_TYPES

_SHUFFLED_TOGETHER: Final = 50
"""Batches' worth of texts that are sorted by length together: enough to pad little, few enough to mix well."""


def tokenize(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids with special tokens, cut to ``max_tokens``."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    tokenizer.no_truncation()
    return ids


@dataclass(frozen=True)
class TokenizedData:
    """Token ids and target tensors of one mixture; row i of each belongs to text i."""

    ids: list[list[int]]
    targets: dict[str, Tensor]
    copies: np.ndarray
    pad_id: int

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        tokenizer: Tokenizer,
        max_tokens: int,
        pad_id: int,
        factors: Mapping[str, Mapping[Any, float]],
    ) -> TokenizedData:
        """Tokenise a data set.

        ``factors`` say, by column (``language``, ``origin``, ``source``) and value, how often hand-labelled texts occur
        in an epoch: once by default, and all factors multiply. Weakly labelled texts occur once.
        """
        columns = [name for name in ("weight", *HEADS, OWN_TYPES) if name in dataset.column_names]
        targets = {name: torch.tensor(np.asarray(dataset[name]), dtype=torch.float32) for name in columns}
        copies = np.ones(len(dataset))
        for column, factor_of in factors.items():
            copies *= [factor_of.get(value, 1.0) for value in dataset[column]]
        copies[np.asarray(dataset["origin"]) == "weak"] = 1.0
        return cls(tokenize(tokenizer, dataset["text"], max_tokens), targets, copies, pad_id)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Padded ids, mask and targets of the given rows."""
        ids, mask = pad([self.ids[row] for row in rows], self.pad_id)
        index = torch.as_tensor(rows)
        return ids, mask, {name: values[index] for name, values in self.targets.items()}

    def epoch(self, seed: int, batch_tokens: int) -> list[list[int]]:
        """Rows of each batch of one epoch; the same seed gives the same batches."""
        generator = np.random.default_rng(seed)
        whole = self.copies.astype(int)
        repeats = whole + (generator.random(len(whole)) < self.copies - whole)
        order = generator.permutation(np.repeat(np.arange(len(repeats)), repeats))
        chunk = max(1, _SHUFFLED_TOGETHER * batch_tokens // max(1, int(np.mean([len(row) for row in self.ids]))))
        batches: list[list[int]] = []
        for start in range(0, len(order), chunk):
            by_length = sorted(order[start : start + chunk].tolist(), key=lambda row: len(self.ids[row]))
            batches += list(_under_budget(by_length, self.ids, batch_tokens))
        return [batches[i] for i in generator.permutation(len(batches))]


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids ``(n, longest)`` and their mask."""
    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.as_tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def length_batches(ids: Sequence[Sequence[int]], batch_tokens: int) -> Iterator[list[int]]:
    """Rows of texts of like length, each batch at most ``batch_tokens`` padded tokens."""
    return _under_budget(sorted(range(len(ids)), key=lambda row: len(ids[row])), ids, batch_tokens)


def _under_budget(rows: Sequence[int], ids: Sequence[Sequence[int]], batch_tokens: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(ids[row]) > batch_tokens:  # rows rise in length
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
