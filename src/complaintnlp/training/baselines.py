"""Two baselines that every model must beat: character TF-IDF, and the frozen encoder, each with logistic regression."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.model.scores import HEADS, Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, MAX_INTENSITY, NPS_CLASS_IDS
from complaintnlp.training.batches import length_batches, pad, tokenize
from complaintnlp.training.metrics import Gold

BASELINES: Final = ("character TF-IDF + logistic regression", "frozen encoder + logistic regression")
_QUERY_PREFIX: Final = "query: "
"""What the E5 encoders were trained to see before a text."""

_BATCH_TOKENS: Final = 8192


def tfidf_features(train: list[str], others: Mapping[str, list[str]]) -> tuple[Any, dict[str, Any]]:
    """Character n-grams of 1 to 4 within words, the 150,000 most frequent; fitted on ``train`` alone."""
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, 4), max_features=150_000, sublinear_tf=True, min_df=2, lowercase=True
    )
    features = vectorizer.fit_transform(train)
    return features, {name: vectorizer.transform(texts) for name, texts in others.items()}


def encoder_features(
    encoder: BertModel, tokenizer: Tokenizer, train: list[str], others: Mapping[str, list[str]]
) -> tuple[Any, dict[str, Any]]:
    """Mean-pooled vectors of the frozen encoder, standardised by ``train``."""
    scaler = StandardScaler()
    features = scaler.fit_transform(embed(encoder, tokenizer, train))
    return features, {name: scaler.transform(embed(encoder, tokenizer, texts)) for name, texts in others.items()}


def embed(encoder: BertModel, tokenizer: Tokenizer, texts: list[str], max_tokens: int = 256) -> NDArray[np.float32]:
    """Mean-pooled last hidden states ``(n, hidden)`` of texts, with the encoder's own prefix."""
    ids = tokenize(tokenizer, [_QUERY_PREFIX + text for text in texts], max_tokens)
    vectors = np.empty((len(ids), encoder.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for rows in length_batches(ids, _BATCH_TOKENS):
            batch, mask = pad([ids[row] for row in rows], encoder.config.pad_token_id)
            hidden = encoder(input_ids=batch, attention_mask=mask).last_hidden_state
            weight = mask.unsqueeze(-1).float()
            vectors[rows] = ((hidden * weight).sum(dim=1) / weight.sum(dim=1)).numpy()
    return vectors


def fit_baseline(features: Any, gold: Gold, others: Mapping[str, Any], *, strength: float) -> dict[str, Scores]:
    """Fit logistic regressions for all heads and score other texts.

    Args:
        features: of the training texts.
        gold: their labels.
        others: features per name of the texts to score.
        strength: inverse regularisation ``C``.
    """

    def regression() -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=300, solver="lbfgs")

    types = OneVsRestClassifier(LogisticRegression(C=strength, solver="liblinear")).fit(features, gold.failure_types)
    named = gold.primary >= 0
    primary = regression().fit(features[np.flatnonzero(named)], gold.primary[named])
    intensity = regression().fit(features, gold.intensity)
    nps = regression().fit(features, gold.nps)
    risk = regression().fit(features, gold.at_risk)
    reasons = OneVsRestClassifier(LogisticRegression(C=strength, solver="liblinear")).fit(features, gold.risk_reasons)
    scored = {}
    for name, rows in others.items():
        levels = _all_classes(intensity, rows, MAX_INTENSITY + 1)
        scored[name] = Scores(
            failure_types=types.predict_proba(rows),
            primary=_all_classes(primary, rows, len(FAILURE_TYPE_IDS)),
            intensity_above=1.0 - levels.cumsum(axis=1)[:, :-1],
            nps=_all_classes(nps, rows, len(NPS_CLASS_IDS)),
            at_risk=risk.predict_proba(rows)[:, 1],
            risk_reasons=reasons.predict_proba(rows),
            own_types=np.zeros((rows.shape[0], 0)),
        )
    return scored


def run_baselines(
    train: Dataset, development: Dataset, test: Dataset, encoder: BertModel, tokenizer: Tokenizer
) -> dict[str, tuple[Scores, Scores]]:
    """Scores of both baselines on the development and the evaluated texts."""
    gold = Gold.of({name: train[name] for name in HEADS})
    others = {"dev": list(development["text"]), "test": list(test["text"])}
    results = {}
    for name, strength in zip(BASELINES, (10.0, 0.1), strict=True):
        if name == BASELINES[0]:
            features, rest = tfidf_features(list(train["text"]), others)
        else:
            features, rest = encoder_features(encoder, tokenizer, list(train["text"]), others)
        scored = fit_baseline(features, gold, rest, strength=strength)
        results[name] = (scored["dev"], scored["test"])
    return results


def _all_classes(model: LogisticRegression, rows: Any, count: int) -> NDArray[np.float64]:
    """Probabilities of classes 0..count-1, zero for those that never occurred in training."""
    probabilities = np.zeros((rows.shape[0], count))
    probabilities[:, model.classes_] = model.predict_proba(rows)
    return probabilities
