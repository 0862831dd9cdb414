"""Both baselines on the tiny data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.training.baselines import BASELINES, embed, run_baselines
from complaintnlp.training.dataset import load_hand_labels


def test_both_baselines_give_probabilities_and_read_plain_words(
    annotations: Path, encoder: BertModel, tokenizer: Tokenizer
) -> None:
    train, dev, test = (load_hand_labels(annotations, split) for split in ("train", "dev", "test"))
    results = run_baselines(train, dev, test, encoder, tokenizer)
    assert tuple(results) == BASELINES
    for scored in results.values():
        for scores, texts in zip(scored, (dev, test), strict=True):
            assert scores.failure_types.shape == (len(texts), 13)
            np.testing.assert_allclose(scores.nps.sum(axis=1), 1.0, rtol=1e-5)
            np.testing.assert_allclose(scores.primary.sum(axis=1), 1.0, rtol=1e-5)
            assert (np.diff(scores.intensity_above, axis=1) <= 1e-9).all()
            assert ((scores.at_risk >= 0) & (scores.at_risk <= 1)).all()
    primary = np.asarray(test["primary"])
    named = ~np.isnan(primary).any(axis=1)
    said = results[BASELINES[0]][1].primary.argmax(axis=1)
    assert (said == primary.argmax(axis=1))[named].mean() > 0.8


def test_a_vector_does_not_depend_on_its_batch(encoder: BertModel, tokenizer: Tokenizer) -> None:
    texts = ["the soup", "the courier was two hours late.", "汤"]
    together = embed(encoder, tokenizer, texts)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(embed(encoder, tokenizer, [text])[0], vector, atol=1e-5)
