"""Logits of a network in torch, for development figures in training and for a teacher's soft labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from tokenizers import Tokenizer

from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.model.scores import HEADS, Calibration, Scores, scores_from_logits
from complaintnlp.training.batches import length_batches, pad, tokenize
from complaintnlp.training.metrics import Gold, by_group, evaluate_group, group_of, select
from complaintnlp.training.network import ComplaintNetwork

_BATCH_TOKENS: Final = 8192
_PLAIN_THRESHOLD: Final = 0.4
"""Near the F1-optimal threshold of every type; training compares epochs before thresholds are fitted."""


def predict_logits(
    network: ComplaintNetwork, tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int, *, half: bool = False
) -> NDArray[np.float32]:
    """Logits ``(n, outputs)`` of texts in their order, cut to ``max_tokens``, in evaluation mode.

    Args:
        network: trained.
        tokenizer: with the same vocabulary.
        texts: normalised.
        max_tokens: special tokens included.
        half: compute matrix products in bfloat16.
    """
    return logits_of_ids(network, tokenize(tokenizer, texts, max_tokens), half=half)


def logits_of_ids(
    network: ComplaintNetwork, ids: Sequence[Sequence[int]], *, half: bool = False
) -> NDArray[np.float32]:
    """Logits ``(n, outputs)`` of token ids with special tokens, in their order, by batches of like length."""
    network.eval()
    logits = np.empty((len(ids), network.outputs), dtype=np.float32)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        for rows in length_batches(ids, _BATCH_TOKENS):
            batch = pad([ids[row] for row in rows], network.encoder.config.pad_token_id)
            logits[rows] = network(*batch).float().numpy()
    return logits


def predict(network: ComplaintNetwork, tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> Scores:
    """Uncalibrated scores of texts."""
    return scores_from_logits(predict_logits(network, tokenizer, texts, max_tokens), Calibration())


def development_figures(scores: Scores, development: Dataset) -> dict[str, dict[str, float]]:
    """Figures per group at plain thresholds."""
    gold = Gold.of({name: development[name] for name in HEADS})
    groups = [
        group_of(language, origin)
        for language, origin in zip(development["language"], development["origin"], strict=True)
    ]
    policy = Policy(failure_types=(_PLAIN_THRESHOLD,) * gold.failure_types.shape[1])
    decisions = decide(scores, policy)
    return by_group(
        groups, lambda rows: evaluate_group(select(scores, rows), select(gold, rows), select(decisions, rows))
    )
