"""A model folder read back into a network: the round trip, and folders that are none of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import CONFIG_FILE, MODEL_FILE, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.restore import restore_network

TEXTS = ["the soup tasted of nothing.", "Երեկ երեկոյան առաքիչը երկու ժամ ուշացավ։", "账单扣了两次。", "kurye " * 20]


@pytest.fixture
def network(encoder: BertModel) -> ComplaintNetwork:
    torch.manual_seed(2)
    network = ComplaintNetwork(encoder, dropout=0.0).eval()
    torch.nn.init.normal_(network.heads.weight, std=0.3)
    torch.nn.init.normal_(network.heads.bias)
    torch.nn.init.normal_(network.queries.weight)
    return network


def write(folder: Path, network: ComplaintNetwork, tokenizer: Tokenizer) -> Path:
    write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={})
    return folder


def int8_tensors(folder: Path) -> dict[str, NDArray[Any]]:
    graph = onnx.load(str(folder / MODEL_FILE)).graph
    return {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.data_type == TensorProto.INT8}


def test_every_weight_comes_back_within_its_rounding(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    restored, same = restore_network(write(tmp_path / "model", network, tokenizer))
    assert same.to_str() == tokenizer.to_str()
    assert restored.pooling == "attention"
    assert restored.encoder.config.pad_token_id == network.encoder.config.pad_token_id
    for (name, value), other in zip(network.state_dict().items(), restored.state_dict().values(), strict=True):
        # 7 bits for a matrix with a scale per row of torch's layout, 8 for the word table; vectors are kept whole.
        step = value.abs().amax(dim=1, keepdim=True) / 64 if name.endswith("weight") and value.dim() == 2 else 0.0
        assert ((value - other).abs() <= 0.51 * step + 1e-6).all(), name


def test_the_network_answers_as_the_runtime_does(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model", network, tokenizer)
    restored, tokens = restore_network(folder)
    runtime = Runtime(read_model_folder(folder))
    served = np.concatenate([runtime.logits(text) for text in TEXTS])
    logits = predict_logits(restored, tokens, TEXTS, 64)
    assert np.abs(served - logits).mean() < 0.05 * logits.std()
    assert np.corrcoef(served.ravel(), logits.ravel())[0, 1] > 0.995


def test_exported_again_the_integers_are_the_same(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    first = write(tmp_path / "first", network, tokenizer)
    second = write(tmp_path / "second", *restore_network(first))
    before, after = int8_tensors(first), int8_tensors(second)
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)


def test_plain_means_stay_plain_means(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = write(tmp_path / "model", ComplaintNetwork(encoder, pooling="mean"), tokenizer)
    assert restore_network(folder)[0].pooling == "mean"


def test_a_graph_of_another_kind_is_refused(
    network: ComplaintNetwork, tokenizer: Tokenizer, tiny_model: Path, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model", network, tokenizer)
    (folder / MODEL_FILE).write_bytes((tiny_model / MODEL_FILE).read_bytes())
    with pytest.raises(ModelFolderError, match=r"weights are missing or of another shape, the first is encoder\."):
        restore_network(folder)


def test_a_config_that_does_not_fit_the_graph_is_refused(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    folder = write(tmp_path / "model", network, tokenizer)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "num_hidden_layers": 3}), encoding="utf-8")
    with pytest.raises(ModelFolderError, match=r"first is encoder\.encoder\.layer\.2\."):
        restore_network(folder)


def test_a_damaged_folder_is_named(
    tiny_model: Path, network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(ModelFolderError, match=r"config\.json is missing or incomplete .*'hidden_size'"):
        restore_network(tiny_model)
    folder = write(tmp_path / "model", network, tokenizer)
    (folder / MODEL_FILE).write_bytes(b"no graph")
    with pytest.raises(ModelFolderError, match=r"model\.int8\.onnx cannot be read"):
        restore_network(folder)
