"""From a trained network to a model folder: ONNX, int8, settings.

The matrix products become dynamic int8 with one scale per output channel, and their inputs get a scale per token: ONNX
Runtime gives all tokens of a text one, and then a single large token leaves the others few steps. The embedding table
becomes int8 with one scale per row: with a single scale for the whole table, as ONNX Runtime's own tool would give it,
the rare pieces of Armenian suffer.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from tokenizers import Tokenizer
from torch import Tensor

from complaintnlp import taxonomy
from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import (
    CONFIG_FILE,
    MODEL_FILE,
    OWN_SETTING,
    SCHEMA_VERSION,
    SETTINGS_FILE,
    TOKENIZER_FILE,
)
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.runtime import OUTPUTS
from complaintnlp.model.scores import BIASED_HEADS, HEADS, OWN_TYPES
from complaintnlp.training.network import ComplaintNetwork

MAX_FOLDER_BYTES: Final = 45_000_000
_OPSET: Final = 17
_SMALLEST_TOKEN: Final = 1e-9
"""A token of zeros is divided by this."""

_WORD_TABLE: Final = "network.encoder.embeddings.word_embeddings.weight"


class _Exported(torch.nn.Module):
    """The network with its token weights and votes as further outputs; serving computes only those it asks for."""

    def __init__(self, network: ComplaintNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, votes = self.network.attend(input_ids, attention_mask)
        return (weights * votes).sum(dim=1) + self.network.heads.bias, weights, votes


def export_fp32(network: ComplaintNetwork, path: Path) -> None:
    """Write the network as float32 ONNX with dynamic batch and length."""
    network.eval()
    network.encoder.set_attn_implementation("eager")
    ids = torch.ones((2, 8), dtype=torch.long)
    axes = {0: "texts", 1: "tokens"}
    with warnings.catch_warnings():
        # The dynamo exporter writes a graph that the optimiser cannot fuse; the older one says it is deprecated.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Exported(network),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=list(OUTPUTS),
            dynamic_axes={"logits": {0: "texts"}, **dict.fromkeys(("input_ids", "attention_mask", *OUTPUTS[1:]), axes)},
            opset_version=_OPSET,
            dynamo=False,
        )
    network.encoder.set_attn_implementation("sdpa")


def quantize(source: Path, target: Path) -> None:
    """Write the int8 form of a float32 ONNX file."""
    with tempfile.TemporaryDirectory() as scratch:
        prepared, products = Path(scratch) / "prepared.onnx", Path(scratch) / "products.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        scaled = onnx.load(str(prepared))
        _scale_tokens(scaled.graph)
        onnx.save(scaled, str(prepared))
        # Without VNNI instructions two 8-bit products can overflow 16 bits, hence the reduced range.
        quantize_dynamic(
            str(prepared),
            str(products),
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        model = onnx.load(str(products))
    _quantize_rows(model, _WORD_TABLE)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _scale_tokens(graph: onnx.GraphProto) -> None:
    """Divide each token by its largest value before a product with a constant matrix, and multiply the result by it."""
    constants = {tensor.name for tensor in graph.initializer}
    products = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in constants]
    graph.initializer.append(numpy_helper.from_array(np.array(_SMALLEST_TOKEN, dtype=np.float32), "smallest_token"))
    for name in dict.fromkeys(node.input[0] for node in products):
        size, scaled = f"{name}_token_size", f"{name}_scaled"
        nodes = [
            helper.make_node("Abs", [name], [f"{name}_abs"], name=f"{name}/TokenAbs"),
            helper.make_node("ReduceMax", [f"{name}_abs"], [f"{name}_max"], name=f"{name}/TokenMax", axes=[-1]),
            helper.make_node("Max", [f"{name}_max", "smallest_token"], [size], name=f"{name}/TokenSize"),
            helper.make_node("Div", [name, size], [scaled], name=f"{name}/ScaleToken"),
        ]
        using = [node for node in products if node.input[0] == name]
        _insert(graph, min(list(graph.node).index(node) for node in using), nodes)
        for node in using:
            output, unscaled = node.output[0], f"{node.output[0]}_unscaled"
            node.input[0], node.output[0] = scaled, unscaled
            back = helper.make_node("Mul", [unscaled, size], [output], name=f"{node.name}/ScaleBack")
            _insert(graph, list(graph.node).index(node) + 1, [back])


def _insert(graph: onnx.GraphProto, position: int, nodes: Sequence[onnx.NodeProto]) -> None:
    for offset, node in enumerate(nodes):
        graph.node.insert(position + offset, node)


def _quantize_rows(model: onnx.ModelProto, table_name: str) -> None:
    """Replace ``Gather(float table)`` by ``Cast(Gather(int8 table)) * Gather(row scales)``."""
    graph = model.graph
    table = next((tensor for tensor in graph.initializer if tensor.name == table_name), None)
    gather = next((node for node in graph.node if node.op_type == "Gather" and node.input[0] == table_name), None)
    if table is None or gather is None:
        raise ConfigurationError(f"the exported graph has no embedding table {table_name!r}")
    values = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-12).astype(np.float32) / 127.0
    rows = np.clip(np.rint(values / scales), -127, 127).astype(np.int8)
    graph.initializer.remove(table)
    graph.initializer.extend(
        [numpy_helper.from_array(rows, f"{table_name}_int8"), numpy_helper.from_array(scales, f"{table_name}_scale")]
    )
    ids, output = gather.input[1], gather.output[0]
    nodes = [
        helper.make_node("Gather", [f"{table_name}_int8", ids], ["word_rows"], name="GatherRows"),
        helper.make_node("Cast", ["word_rows"], ["word_rows_float"], name="CastRows", to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table_name}_scale", ids], ["word_scales"], name="GatherScales"),
        helper.make_node("Mul", ["word_rows_float", "word_scales"], [output], name="ScaleRows"),
    ]
    position = list(graph.node).index(gather)
    graph.node.remove(gather)
    _insert(graph, position, nodes)


def write_model_folder(
    folder: Path,
    network: ComplaintNetwork,
    tokenizer: Tokenizer,
    *,
    name: str,
    version: str,
    max_tokens: int,
    training: Mapping[str, Any],
    own_types: Sequence[OwnType] = (),
) -> None:
    """Export, quantise and write everything but the calibration, which starts at 1.0 and 0.5.

    Args:
        folder: created if needed; its files are replaced.
        network: trained.
        tokenizer: with the same vocabulary.
        name: of the model.
        version: of the model.
        max_tokens: window that the model reads at once.
        training: what it was trained on; kept in ``complaintnlp.json``.
        own_types: failure types of the user's own, in the order of the network's last outputs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        export_fp32(network, Path(scratch) / "model.onnx")
        quantize(Path(scratch) / "model.onnx", folder / MODEL_FILE)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    config = network.encoder.config
    _write_json(
        folder / CONFIG_FILE,
        {
            "architectures": ["ComplaintNetwork"],
            "model_type": config.model_type,
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "intermediate_size": config.intermediate_size,
            "max_position_embeddings": config.max_position_embeddings,
            "type_vocab_size": config.type_vocab_size,
            "layer_norm_eps": config.layer_norm_eps,
            "vocab_size": config.vocab_size,
            "pad_token_id": config.pad_token_id,
            "problem_type": "multi_label_classification",
            "id2label": dict(enumerate(taxonomy.FAILURE_TYPE_IDS)),
            "label2id": {label: i for i, label in enumerate(taxonomy.FAILURE_TYPE_IDS)},
        },
    )
    settings = {
        "schema_version": SCHEMA_VERSION,
        "taxonomy_version": taxonomy.VERSION,
        "name": name,
        "version": version,
        "languages": list(taxonomy.LANGUAGES),
        "max_tokens": max_tokens,
        "window_overlap": max_tokens // 8,
        "temperatures": dict.fromkeys((*HEADS, OWN_TYPES) if own_types else HEADS, 1.0),
        "biases": dict.fromkeys(BIASED_HEADS, 0.0),
        "thresholds": Policy().to_dict(),
        "training": dict(training),
    }
    if own_types:
        settings[OWN_SETTING] = [own.to_dict() for own in own_types]
    write_settings(folder, settings)


def check_size(folder: Path) -> None:
    """Refuse a folder that is too large for a release.

    Raises:
        ConfigurationError: it is larger than `MAX_FOLDER_BYTES`.
    """
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > MAX_FOLDER_BYTES:
        raise ConfigurationError(
            f"{folder} takes {size:,} bytes, at most {MAX_FOLDER_BYTES:,} are allowed; keep fewer layers or raise "
            "encoder.min_piece_count in the recipe, or, to measure and not to release it, export with --any-size"
        )


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write ``complaintnlp.json``."""
    _write_json(folder / SETTINGS_FILE, settings)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
