"""Activations evened out before rounding: the same answers in float32, nearer ones in int8, and the way back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.model.folder import MODEL_FILE, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training.batches import tokenize
from complaintnlp.training.export import export_fp32, write_model_folder
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.restore import restore_network
from complaintnlp.training.smooth import SMOOTHING_NODE, smooth_activations

TEXTS = ["the soup tasted of nothing.", "Երեկ երեկոյան առաքիչը երկու ժամ ուշացավ։", "账单扣了两次。", "kurye " * 20]


@pytest.fixture
def network(encoder: BertModel) -> ComplaintNetwork:
    """A network with a channel that is forty times larger than the others, as trained encoders have."""
    torch.manual_seed(3)
    network = ComplaintNetwork(encoder, dropout=0.0).eval()
    torch.nn.init.normal_(network.heads.weight, std=0.3)
    torch.nn.init.normal_(network.queries.weight)
    with torch.no_grad():
        for layer in network.encoder.encoder.layer:
            layer.attention.output.LayerNorm.weight[5] *= 40.0
            layer.intermediate.dense.weight[:, 5] /= 40.0
    return network


def write(folder: Path, network: ComplaintNetwork, tokenizer: Tokenizer, sample: list[str]) -> Path:
    write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={}, sample=sample)
    return folder


def served(folder: Path) -> NDArray[np.float32]:
    runtime = Runtime(read_model_folder(folder))
    return np.concatenate([runtime.logits(text) for text in TEXTS])


def test_float_answers_stay_and_channels_become_even(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    export_fp32(network, tmp_path / "model.onnx")
    quant_pre_process(str(tmp_path / "model.onnx"), str(tmp_path / "prepared.onnx"), skip_symbolic_shape=True)
    model = onnx.load(str(tmp_path / "prepared.onnx"))
    ids = tokenize(tokenizer, TEXTS, 64)
    smooth_activations(model, ids)
    onnx.save(model, str(tmp_path / "smooth.onnx"))
    answers = []
    for name in ("prepared", "smooth"):
        session = onnxruntime.InferenceSession(str(tmp_path / f"{name}.onnx"), providers=["CPUExecutionProvider"])
        feeds = [
            {"input_ids": np.array([row]), "attention_mask": np.ones((1, len(row)), dtype=np.int64)} for row in ids
        ]
        answers.append(np.concatenate([session.run(["logits"], feed)[0] for feed in feeds]))
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-3, rtol=1e-3)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    divisors = {node.name: stored[node.input[1]] for node in model.graph.node if node.name.endswith(SMOOTHING_NODE)}
    # Four inputs a layer (queries, keys and values share one), and the one that all heads share.
    assert len(divisors) == 4 * len(network.encoder.encoder.layer) + 1
    before_intermediate = [1 / divisor for name, divisor in divisors.items() if "attention/output/LayerNorm" in name]
    assert len(before_intermediate) == len(network.encoder.encoder.layer)
    for factor in before_intermediate:
        assert factor[5] == factor.max() >= 8 * np.median(factor)


def test_int8_comes_nearer_to_the_network(network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    expected = predict_logits(network, tokenizer, TEXTS, 64)
    plain, smooth = (
        np.abs(served(write(tmp_path / str(len(sample)), network, tokenizer, sample)) - expected).mean()
        for sample in ([], TEXTS)
    )
    assert smooth < 0.7 * plain


def test_a_network_read_back_is_the_one_before_smoothing(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model", network, tokenizer, TEXTS)
    restored, tokens = restore_network(folder)
    assert any(node.name.endswith(SMOOTHING_NODE) for node in onnx.load(str(folder / MODEL_FILE)).graph.node)
    logits = predict_logits(restored, tokens, TEXTS, 64)
    assert np.abs(served(folder) - logits).mean() < 0.05 * logits.std()
    for (name, value), other in zip(network.state_dict().items(), restored.state_dict().values(), strict=True):
        assert torch.corrcoef(torch.stack([value.ravel(), other.ravel()]))[0, 1] > 0.99 or value.std() == 0, name
