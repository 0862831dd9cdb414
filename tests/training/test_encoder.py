"""Packed and saved encoders; the one of the Python index only where it has been unpacked before."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.baselines import embed
from complaintnlp.training.encoder import load_encoder, read_q4_encoder, save_encoder

HIDDEN, INTERMEDIATE, VOCABULARY, POSITIONS = 32, 64, 5, 4
CACHED = Path.home() / ".cache" / "complaintnlp" / "multilingual-e5-small"
BLOCK_WEIGHTS = 32

LAYER = {
    "q": ("attention.self.query", (HIDDEN, HIDDEN)),
    "k": ("attention.self.key", (HIDDEN, HIDDEN)),
    "v": ("attention.self.value", (HIDDEN, HIDDEN)),
    "ao": ("attention.output.dense", (HIDDEN, HIDDEN)),
    "fi": ("intermediate.dense", (INTERMEDIATE, HIDDEN)),
    "fo": ("output.dense", (HIDDEN, INTERMEDIATE)),
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def q4(random: np.random.Generator, shape: tuple[int, int]) -> tuple[bytes, np.ndarray]:
    """Random Q4_0 blocks, weight by weight: packed, and as the numbers that they stand for."""
    packed, values = b"", []
    for _ in range(shape[0] * shape[1] // BLOCK_WEIGHTS):
        scale = np.float16(random.uniform(0.01, 0.2))
        nibbles = [int(nibble) for nibble in random.integers(0, 16, BLOCK_WEIGHTS)]
        half = BLOCK_WEIGHTS // 2
        packed += scale.tobytes() + bytes(
            low | high << 4 for low, high in zip(nibbles[:half], nibbles[half:], strict=True)
        )
        values += [np.float32(nibble - 8) * np.float32(scale) for nibble in nibbles]
    return packed, np.array(values, dtype=np.float32).reshape(shape)


def packed_encoder(*, magic: bytes = b"E5S1", block: int = BLOCK_WEIGHTS) -> tuple[bytes, dict[str, np.ndarray]]:
    """A packed file of one layer, and the tensors that it holds by their names in a `BertModel`."""
    random = np.random.default_rng(3)
    tensors: list[tuple[str, int, bytes, int]] = []
    expected: dict[str, np.ndarray] = {}

    def add_q4(packed_name: str, name: str, shape: tuple[int, int]) -> None:
        packed, values = q4(random, shape)
        tensors.append((packed_name, 1, packed, values.size))
        expected[name] = values

    def add_float(packed_name: str, name: str, size: int) -> None:
        values = random.normal(size=size).astype("<f4")
        tensors.append((packed_name, 0, values.tobytes(), size))
        expected[name] = values

    add_q4("emb.word", "embeddings.word_embeddings.weight", (VOCABULARY, HIDDEN))
    add_q4("emb.pos", "embeddings.position_embeddings.weight", (POSITIONS, HIDDEN))
    add_q4("emb.type", "embeddings.token_type_embeddings.weight", (2, HIDDEN))
    add_float("emb.ln.w", "embeddings.LayerNorm.weight", HIDDEN)
    add_float("emb.ln.b", "embeddings.LayerNorm.bias", HIDDEN)
    for part, (name, shape) in LAYER.items():
        add_q4(f"l0.{part}.w", f"encoder.layer.0.{name}.weight", shape)
        add_float(f"l0.{part}.b", f"encoder.layer.0.{name}.bias", shape[0])
    for part, name in NORMS.items():
        add_float(f"l0.{part}.w", f"encoder.layer.0.{name}.weight", HIDDEN)
        add_float(f"l0.{part}.b", f"encoder.layer.0.{name}.bias", HIDDEN)

    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁a"]
    blob = "".join(pieces).encode()
    head = magic + struct.pack("<i", 1)
    head += struct.pack("<7ifi", HIDDEN, 1, 2, INTERMEDIATE, VOCABULARY, POSITIONS, 2, 1e-5, block)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, len(blob))
    head += b"\0" * 4 * (len(pieces) + 1) + b"\0" * 4 * len(pieces) + blob
    head += struct.pack("<iI", 1, 7) + b"\0" * 7
    head += struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name, *_ in tensors)
    directory, body = b"", b""
    for name, dtype, content, count in tensors:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", dtype, count, start + len(body), len(content))
        body += content
    return head + directory + body, expected


def test_a_packed_encoder_is_dequantised_exactly() -> None:
    data, expected = packed_encoder()
    encoder = read_q4_encoder(data)
    state = encoder.state_dict()
    assert set(state) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(state[name].numpy(), values, err_msg=name)
    assert not encoder.training
    assert encoder.config.num_attention_heads == 2
    assert encoder.config.layer_norm_eps == pytest.approx(1e-5)
    assert encoder.config.pad_token_id == 1


def test_other_bytes_are_no_packed_encoder() -> None:
    with pytest.raises(ConfigurationError, match="E5S1"):
        read_q4_encoder(packed_encoder(magic=b"GGUF")[0])
    with pytest.raises(ConfigurationError, match="E5S1"):
        read_q4_encoder(b"")


def test_an_unknown_block_size_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"blocks of 64 weights; only 32"):
        read_q4_encoder(packed_encoder(block=64)[0])


def test_a_saved_encoder_loads_as_it_was(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_encoder(encoder, tokenizer, tmp_path / "deep" / "encoder")
    loaded, loaded_tokenizer = load_encoder(str(tmp_path / "deep" / "encoder"))
    state = loaded.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in encoder.state_dict().items())
    assert loaded_tokenizer.to_str() == tokenizer.to_str()
    assert loaded.config.pad_token_id == encoder.config.pad_token_id
    assert not loaded.training

    ids = torch.tensor([tokenizer.encode("Երեկ the courier 快递 kurye").ids])
    with torch.inference_mode():
        assert torch.equal(encoder(ids).last_hidden_state, loaded(ids).last_hidden_state)


def test_a_folder_without_a_file_says_which(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_encoder(encoder, tokenizer, tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "config.json").unlink()
    with pytest.raises(ConfigurationError, match=r"lacks config\.json, tokenizer\.json"):
        load_encoder(str(tmp_path))


def test_a_weight_file_without_a_tensor_says_which(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_encoder(encoder, tokenizer, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["embeddings.LayerNorm.bias"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ConfigurationError, match=r"lacks 1 tensors, the first: embeddings\.LayerNorm\.bias"):
        load_encoder(str(tmp_path))


def test_a_source_that_is_nowhere_says_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(source: str) -> None:
        raise OSError(f"{source} cannot be reached")

    monkeypatch.setattr("complaintnlp.training.encoder.AutoTokenizer.from_pretrained", unreachable)
    with pytest.raises(ConfigurationError, match=r"no-such/encoder.*a hub id, or 'packages:multilingual-e5-small'"):
        load_encoder("no-such/encoder")


def test_an_unpacked_encoder_is_not_downloaded_again(
    encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> bytes:
        raise AssertionError("must not download")

    monkeypatch.setattr("complaintnlp.training.encoder._download_member", refuse)
    save_encoder(encoder, tokenizer, tmp_path / "multilingual-e5-small")
    loaded, _ = load_encoder("packages:multilingual-e5-small", cache=tmp_path)
    assert loaded.config.vocab_size == encoder.config.vocab_size


@pytest.mark.skipif(not (CACHED / "model.safetensors").is_file(), reason="the packaged encoder is not unpacked here")
def test_the_packaged_encoder_brings_translations_together() -> None:
    encoder, tokenizer = load_encoder(str(CACHED))
    vectors = embed(
        encoder,
        tokenizer,
        [
            "The parcel arrived two weeks late and nobody told me why.",
            "Kargo iki hafta geç geldi ve kimse bana nedenini söylemedi.",
            "包裹晚到了两个星期，没有人告诉我原因。",
            "Ծանրոցը երկու շաբաթ ուշ եկավ, և ոչ ոք ինձ չասաց, թե ինչու։",
            "The hotel pool smelled of smoke and the towels were dirty.",
        ],
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    *translations, other = vectors[1:] @ vectors[0]
    assert min(translations) > other + 0.02
