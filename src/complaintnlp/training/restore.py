"""From a model folder back to a network that can learn: the int8 weights with their scales, read out of the ONNX file.

A folder holds no second weight file. What `complaintnlp.training.export` rounded away is gone, but the rounding is
exact from there on: a network that is restored and exported again gives the same int8 numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import CONFIG_FILE, ModelFolder, read_model_folder
from complaintnlp.training.network import ComplaintNetwork

_CONFIG_KEYS: Final = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps", "vocab_size", "pad_token_id"),
)
_WORDS: Final = "encoder.embeddings.word_embeddings"

Array = NDArray[np.float32]


def restore_network(model: Path | None = None, *, dropout: float = 0.1) -> tuple[ComplaintNetwork, Tokenizer]:
    """Read a model folder that `complaintnlp.training.export` wrote.

    Args:
        model: the folder; the released model if None.
        dropout: on the token vectors that the heads see, in training.

    Returns:
        The network in float32 evaluation mode, and its tokenizer.

    Raises:
        ModelFolderError: the folder is missing or damaged, or its graph is none that ``complaintnlp export`` writes.
    """
    folder = read_model_folder(model)
    network = ComplaintNetwork(_empty_encoder(folder), dropout=dropout, own_types=len(folder.own_types))
    weights = _weights(_graph(folder))
    expected = network.state_dict()
    absent = [name for name, tensor in expected.items() if weights.get(name, np.empty(0)).shape != tuple(tensor.shape)]
    if absent:
        raise ModelFolderError(
            f"{folder.model_file}: {len(absent)} weights are missing or of another shape, the first is {absent[0]}; "
            "only a folder that complaintnlp export or complaintnlp train --init wrote can be trained further"
        )
    network.load_state_dict({name: torch.from_numpy(weights[name]) for name in expected})
    if not weights["queries.weight"].any():
        network.pooling = "mean"
    return network.eval(), Tokenizer.from_file(str(folder.tokenizer_file))


def _empty_encoder(folder: ModelFolder) -> BertModel:
    path = folder.path / CONFIG_FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        sizes = {key: content[key] for key in _CONFIG_KEYS}
    except (OSError, ValueError, KeyError) as error:
        raise ModelFolderError(f"{path} is missing or incomplete ({error!r}); export the model again") from error
    # Dropping attention weights keeps PyTorch from its fused attention, as in `encoder.load_encoder`.
    config = BertConfig(**sizes, attention_probs_dropout_prob=0.0, attn_implementation="sdpa")
    return BertModel(config, add_pooling_layer=False)


def _graph(folder: ModelFolder) -> onnx.GraphProto:
    try:
        return onnx.load(str(folder.model_file)).graph
    except Exception as error:  # protobuf raises errors of its own, none with a common root
        raise ModelFolderError(f"{folder.model_file} cannot be read: {error}; export the model again") from error


def _weights(graph: onnx.GraphProto) -> dict[str, Array]:
    """Every parameter by its name in `ComplaintNetwork`, from the nodes that use it.

    The exporter names a node after the module that made it; it merges equal vectors, such as fresh biases, so that a
    vector's own name says little.
    """
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {name: np.array(values, order="C") for node in graph.node for name, values in _of_node(node, stored)}


def _of_node(node: onnx.NodeProto, stored: dict[str, NDArray[Any]]) -> Iterator[tuple[str, Array]]:
    scope = ".".join(part for part in node.name.split("/")[:-1] if part)
    constants = [name for name in node.input if name in stored]
    if node.op_type == "MatMulInteger" and len(constants) == 2:
        weight, zero_point = (stored[name].astype(np.float32) for name in constants)
        scale = stored[constants[0].removesuffix("_quantized") + "_scale"]
        yield f"{scope or 'heads'}.weight", ((weight - zero_point) * scale).T
    elif node.op_type == "Add" and len(constants) == 1:
        yield f"{scope or 'heads'}.bias", stored[constants[0]]
    elif node.op_type == "LayerNormalization" and len(constants) == 2:
        yield f"{scope}.weight", stored[constants[0]]
        yield f"{scope}.bias", stored[constants[1]]
    elif node.name == "GatherRows":
        scale = stored[constants[0].removesuffix("_int8") + "_scale"]
        yield f"{_WORDS}.weight", stored[constants[0]].astype(np.float32) * scale
    elif node.op_type == "Gather" and len(constants) == 1:
        yield f"{scope}.weight", stored[constants[0]]
