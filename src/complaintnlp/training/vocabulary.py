"""Trim a multilingual vocabulary to the pieces that the four languages use.

A large multilingual vocabulary is mostly pieces of languages that never reach the model, and its
embedding table is most of the model's size. What is kept: every special token; every piece that the
corpora use often enough; every piece written in Armenian letters, since the Armenian corpora are too
small to show which ones occur; every single character of the four scripts, digits, punctuation and
emoji, so that nothing readable becomes unknown.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError

_METASPACE: Final = "▁"
_BATCH: Final = 2000


def count_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[int]:
    """How often each piece id occurs in ``texts``."""
    counts: Counter[int] = Counter()
    batch: list[str] = []

    def flush() -> None:
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            counts.update(encoding.ids)
        batch.clear()

    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH:
            flush()
    flush()
    return counts


def _is_needed_character(character: str) -> bool:
    code = ord(character)
    return (
        code < 0x250  # Latin with the extensions that Turkish uses
        or 0x0400 <= code <= 0x045F  # Russian words inside Armenian and Turkish texts
        or 0x0530 <= code <= 0x058F  # Armenian
        or 0x2000 <= code <= 0x2BFF  # punctuation, currency, arrows, symbols
        or 0x3000 <= code <= 0x303F  # Chinese punctuation
        or 0x4E00 <= code <= 0x9FFF  # Han
        or 0xFF00 <= code <= 0xFFEF  # full-width forms
        or 0x1F000 <= code <= 0x1FAFF  # emoji
        or unicodedata.category(character) in {"Nd", "Sc"}
    )


def _is_needed_piece(piece: str) -> bool:
    letters = piece.removeprefix(_METASPACE)
    if len(letters) <= 1:
        return not letters or _is_needed_character(letters)
    return all("\u0531" <= letter <= "\u0589" for letter in letters)


def _unigram(tokenizer: Tokenizer) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(tokenizer.to_str())
    if data["model"]["type"] != "Unigram":
        raise ConfigurationError(
            f"only unigram vocabularies can be trimmed, this one is {data['model']['type']}; "
            "set encoder.trim_vocabulary = false in the recipe"
        )
    return data


def pieces_to_keep(tokenizer: Tokenizer, counts: Counter[int], *, min_count: int = 2) -> list[int]:
    """Ids to keep, in their old order: special, needed by script, or seen at least ``min_count`` times.

    Raises:
        ConfigurationError: the tokenizer is not a unigram model.
    """
    data = _unigram(tokenizer)
    special = {token["id"] for token in data["added_tokens"]} | {data["model"]["unk_id"]}
    return [
        old
        for old, (piece, _score) in enumerate(data["model"]["vocab"])
        if old in special or counts[old] >= min_count or _is_needed_piece(piece)
    ]


def trim(encoder: BertModel, tokenizer: Tokenizer, kept: Sequence[int]) -> tuple[BertModel, Tokenizer]:
    """Reduce the embedding table (in place) and the unigram vocabulary to the ids in ``kept``.

    Returns:
        The same encoder with ``len(kept)`` embedding rows, and a new tokenizer with matching ids.

    Raises:
        ConfigurationError: the tokenizer is not a unigram model.
    """
    data = _unigram(tokenizer)
    new_id = {old: new for new, old in enumerate(kept)}
    data["model"]["vocab"] = [data["model"]["vocab"][old] for old in kept]
    data["model"]["unk_id"] = new_id[data["model"]["unk_id"]]
    for token in data["added_tokens"]:
        token["id"] = new_id[token["id"]]
    for token in data["post_processor"]["special_tokens"].values():
        token["ids"] = [new_id[old] for old in token["ids"]]
    data["truncation"] = data["padding"] = None
    rows = encoder.embeddings.word_embeddings.weight.data[torch.tensor(kept)].clone()
    pad = new_id[encoder.config.pad_token_id]
    encoder.embeddings.word_embeddings = torch.nn.Embedding(len(kept), rows.shape[1], padding_idx=pad, _weight=rows)
    encoder.config.vocab_size = len(kept)
    encoder.config.pad_token_id = pad
    return encoder, Tokenizer.from_str(json.dumps(data, ensure_ascii=False))
