"""Even out activations before they are rounded to 8 bits.

Dynamic int8 gives all inputs of a matrix product one scale. A few channels of a BERT encoder are ten to forty times
larger than the rest, which are then left with few steps. Each input channel is divided by a factor, and the matrix's
row multiplied by it: the product stays the same, and the rounding moves from the activations, where it hurts, into the
weights, which have a scale per column (Xiao et al. 2023, "SmoothQuant", ICML).
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

SMOOTHING_NODE: Final = "/Smooth"
"""End of the names of the nodes that divide the activations."""

_STRENGTH: Final = 0.8
"""How much of the unevenness moves into the weights: the best of 0.4 to 1.0 by the flipped decisions of 0.3.0 on dev.
The 0.5 that the paper advises for larger models is worse here than no smoothing (training/experiments.md)."""

_SMALLEST: Final = 1e-5

Array = NDArray[np.float32]


def smooth_activations(
    model: onnx.ModelProto, texts: Sequence[Sequence[int]], known: Mapping[str, Array] | None = None
) -> None:
    """Insert the divisions into a float32 graph and scale its matrices (in place); the graph's answers stay the same.

    Args:
        model: as `complaintnlp.training.export.export_fp32` writes it, prepared for quantisation.
        texts: token ids of some typical texts, by which the size of each channel is measured; none leaves the graph
            as it is.
        known: divisors by the name of the tensor, as `divisors` reads them; where given, they are taken in place of
            measured ones, so that matrices that were rounded before are rounded in the same way.
    """
    if not texts and not known:
        return
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    products: dict[str, list[NodeProto]] = defaultdict(list)
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            products[node.input[0]].append(node)
    largest = {} if known else _largest(model, list(products), texts)
    for name, nodes in products.items():
        matrices = {node.input[1]: numpy_helper.to_array(weights[node.input[1]]) for node in nodes}
        heaviest = np.max([np.abs(matrix).max(axis=1) for matrix in matrices.values()], axis=0)
        factor = known[name] if known else _factors(largest[name], heaviest)
        divisor, smoothed = f"{name}_divisor", f"{name}_smoothed"
        graph.initializer.append(numpy_helper.from_array(1.0 / factor, divisor))
        place = min(list(graph.node).index(node) for node in nodes)
        graph.node.insert(place, helper.make_node("Mul", [name, divisor], [smoothed], name=f"{name}{SMOOTHING_NODE}"))
        for matrix, values in matrices.items():
            weights[matrix].CopyFrom(numpy_helper.from_array(values * factor[:, None], matrix))
        for node in nodes:
            node.input[0] = smoothed


def divisors(graph: onnx.GraphProto) -> dict[str, Array]:
    """What each tensor's channels are divided by, from a graph that was smoothed; empty for another one."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    return {
        node.input[0]: 1.0 / numpy_helper.to_array(stored[node.input[1]])
        for node in graph.node
        if node.name.endswith(SMOOTHING_NODE)
    }


def _factors(inputs: Array, weights: Array) -> Array:
    """Divisor of each channel, a power of two: multiplying by one loses no digit."""
    raw = np.maximum(inputs, _SMALLEST) ** _STRENGTH / np.maximum(weights, _SMALLEST) ** (1 - _STRENGTH)
    exponents = np.log2(raw)
    return np.asarray(np.exp2(np.rint(exponents - exponents.mean())), dtype=np.float32)


def _largest(model: onnx.ModelProto, names: Sequence[str], texts: Sequence[Sequence[int]]) -> dict[str, Array]:
    """Largest absolute value of each channel of the named tensors over the texts."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "watched.onnx"
        onnx.save(watched, str(path))
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        largest: dict[str, Array] = {}
        for ids in texts:
            feed = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
            for name, values in zip(names, session.run(list(names), feed), strict=True):
                seen = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
                largest[name] = np.maximum(largest.get(name, seen), seen)
    return largest
