"""Trimming keeps what the four languages need, under new ids with the old vectors."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import BertModel

from complaintnlp.training.vocabulary import count_pieces, pieces_to_keep, trim

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
TEXTS = ["After the holidays, the soup tasted of nothing. 😡", "Dün akşam", "昨天晚上，汤没有味道！", "Երեկ երեկոյան"]


def trimmed(encoder: BertModel, tokenizer: Tokenizer, texts: list[str], min_count: int = 1) -> Tokenizer:
    kept = pieces_to_keep(tokenizer, count_pieces(tokenizer, texts), min_count=min_count)
    return trim(encoder, tokenizer, kept)[1]


def test_pieces_are_counted_without_special_tokens(tokenizer: Tokenizer) -> None:
    counts = count_pieces(tokenizer, ["the the soup", "soup"] * 1500)
    named = {tokenizer.id_to_token(piece): count for piece, count in counts.items()}
    assert named == {"▁the": 3000, "▁soup": 3000}


def test_the_same_pieces_keep_the_same_vectors(encoder: BertModel, tokenizer: Tokenizer) -> None:
    before = encoder.embeddings.word_embeddings.weight.detach().clone()
    with torch.inference_mode():
        hidden = [encoder(torch.tensor([tokenizer.encode(text).ids])).last_hidden_state for text in TEXTS]
    small = trimmed(encoder, tokenizer, TEXTS)

    assert small.get_vocab_size() == encoder.config.vocab_size < len(before)
    table = encoder.embeddings.word_embeddings.weight
    for piece, new in small.get_vocab().items():
        assert torch.equal(table[new], before[tokenizer.token_to_id(piece)]), piece
    for text, old in zip(TEXTS, hidden, strict=True):
        assert small.encode(text).tokens == tokenizer.encode(text).tokens
        with torch.inference_mode():
            assert torch.equal(encoder(torch.tensor([small.encode(text).ids])).last_hidden_state, old)
    assert table.requires_grad


def test_special_tokens_and_padding_keep_their_meaning(encoder: BertModel, tokenizer: Tokenizer) -> None:
    small = trimmed(encoder, tokenizer, [])
    added = {token["content"]: token["id"] for token in json.loads(small.to_str())["added_tokens"]}
    assert set(added) == set(SPECIAL)
    assert all(small.token_to_id(token) == number for token, number in added.items())
    assert encoder.config.pad_token_id == encoder.embeddings.word_embeddings.padding_idx == added["<pad>"]
    assert small.encode("").ids == [added["<s>"], added["</s>"]]
    assert small.encode("<mask>").ids == [added["<s>"], added["<mask>"], added["</s>"]]
    assert json.loads(small.to_str())["model"]["unk_id"] == added["<unk>"]


def test_no_single_character_of_the_four_scripts_becomes_unknown(encoder: BertModel, tokenizer: Tokenizer) -> None:
    single = [piece for piece, _ in json.loads(tokenizer.to_str())["model"]["vocab"] if len(piece) == 1]
    small = trimmed(encoder, tokenizer, [])
    unneeded = {piece for piece in single if "\u0e00" <= piece <= "\u0e7f" or "\uac00" <= piece <= "\ud7a3"}
    assert len(unneeded) >= 5
    unknown = small.token_to_id("<unk>")
    for character in single:
        assert (unknown in small.encode(character).ids) == (character in unneeded), character


def test_armenian_pieces_stay_even_if_no_text_shows_them(encoder: BertModel, tokenizer: Tokenizer) -> None:
    small = trimmed(encoder, tokenizer, [])
    assert small.token_to_id("▁երբևէ") is not None
    assert small.token_to_id("▁nowhere") is None
    assert small.token_to_id("เกาะ") is None


def test_rare_pieces_go_by_their_count(tokenizer: Tokenizer) -> None:
    nowhere = tokenizer.token_to_id("▁nowhere")
    assert nowhere is not None
    assert nowhere in pieces_to_keep(tokenizer, Counter({nowhere: 2}))
    assert nowhere not in pieces_to_keep(tokenizer, Counter({nowhere: 1}))
    assert nowhere not in pieces_to_keep(tokenizer, Counter({nowhere: 2}), min_count=3)


def test_kept_ids_rise(tokenizer: Tokenizer) -> None:
    kept = pieces_to_keep(tokenizer, count_pieces(tokenizer, TEXTS), min_count=1)
    assert kept == sorted(set(kept))


def test_only_unigram_vocabularies_are_trimmed(encoder: BertModel) -> None:
    words = Tokenizer(WordLevel({"[UNK]": 0, "soup": 1}, unk_token="[UNK]"))  # noqa: S106
    with pytest.raises(ValueError, match="only unigram vocabularies can be trimmed, this one is WordLevel"):
        trim(encoder, words, [0, 1])
    with pytest.raises(ValueError, match="only unigram vocabularies can be trimmed, this one is WordLevel"):
        pieces_to_keep(words, Counter())
