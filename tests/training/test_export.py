"""The int8 model folder against the network that it came from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import MODEL_FILE, read_model_folder
from complaintnlp.model.runtime import OUTPUTS, Runtime
from complaintnlp.model.scores import BIASED_HEADS, HEADS, LOGIT_COUNT, Calibration
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training import export
from complaintnlp.training.export import check_size, export_fp32, write_model_folder
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.predict import predict_logits

TEXTS = ["the soup tasted of nothing.", "Երեկ երեկոյան առաքիչը երկու ժամ ուշացավ։", "账单扣了两次。", "kurye " * 20]
TABLE = "network.encoder.embeddings.word_embeddings.weight"


@pytest.fixture
def network(encoder: BertModel) -> ComplaintNetwork:
    torch.manual_seed(2)
    network = ComplaintNetwork(encoder, dropout=0.0).eval()
    torch.nn.init.normal_(network.heads.weight, std=0.3)
    return network


def write(folder: Path, network: ComplaintNetwork, tokenizer: Tokenizer) -> Path:
    write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={"by": "a test"})
    return folder


def test_float_onnx_gives_the_logits_of_torch_at_any_length(network: ComplaintNetwork, tmp_path: Path) -> None:
    export_fp32(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    for texts, tokens in ((1, 2), (1, 37), (3, 11), (5, 90)):
        ids = np.random.default_rng(texts).integers(4, 200, (texts, tokens))
        mask = np.ones_like(ids)
        mask[1:, tokens // 2 :] = 0
        logits, weights, votes = session.run(list(OUTPUTS), {"input_ids": ids, "attention_mask": mask})
        with torch.inference_mode():
            expected = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
        np.testing.assert_allclose(logits, expected, atol=2e-4)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-5)
        assert (weights[1:, tokens // 2 :] == 0).all()
        bias = network.heads.bias.detach().numpy()
        np.testing.assert_allclose((weights * votes).sum(axis=1) + bias, logits, atol=1e-4)


def test_int8_stays_near_the_network(network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    runtime = Runtime(read_model_folder(write(tmp_path / "model", network, tokenizer)))
    logits = np.concatenate([runtime.logits(text) for text in TEXTS])
    expected = predict_logits(network, tokenizer, TEXTS, 64)
    assert logits.shape == (len(TEXTS), LOGIT_COUNT)
    assert np.abs(logits - expected).mean() < 0.1 * expected.std()
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > 0.99


def test_a_large_token_leaves_the_others_their_steps(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One channel that is huge in one token, as trained encoders have at the start of a text."""
    with torch.no_grad():
        network.encoder.embeddings.LayerNorm.weight[5] = 60.0
        network.encoder.embeddings.position_embeddings.weight[:, 5] = 0.0
        network.encoder.embeddings.position_embeddings.weight[2, 5] = 40.0
    expected = predict_logits(network, tokenizer, TEXTS, 64)

    def error(folder: Path) -> float:
        runtime = Runtime(read_model_folder(write(folder, network, tokenizer)))
        return float(np.abs(np.concatenate([runtime.logits(text) for text in TEXTS]) - expected).mean())

    with_scales = error(tmp_path / "scaled")
    monkeypatch.setattr(export, "_scale_tokens", lambda _graph: None)
    assert with_scales < 0.7 * error(tmp_path / "plain")


def test_a_token_of_zeros_stays_finite(network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with torch.no_grad():
        network.encoder.embeddings.LayerNorm.weight.zero_()
        network.encoder.embeddings.LayerNorm.bias.zero_()
    runtime = Runtime(read_model_folder(write(tmp_path / "model", network, tokenizer)))
    logits = np.concatenate([runtime.logits(text) for text in TEXTS])
    np.testing.assert_allclose(logits, predict_logits(network, tokenizer, TEXTS, 64), atol=0.05)


def test_embeddings_have_a_scale_per_row(network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with torch.no_grad():
        network.encoder.embeddings.word_embeddings.weight[7] *= 100.0
    table = network.encoder.embeddings.word_embeddings.weight.detach().numpy()
    model = onnx.load(str(write(tmp_path / "model", network, tokenizer) / MODEL_FILE))
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    rows, scales = stored[f"{TABLE}_int8"], stored[f"{TABLE}_scale"]
    assert TABLE not in stored
    assert rows.dtype == np.int8
    assert scales.shape == (len(table), 1)
    assert (np.abs(rows * scales - table) <= scales / 2 + 1e-6).all()


def test_a_folder_is_complete(network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = read_model_folder(write(tmp_path / "model", network, tokenizer))
    assert (folder.name, folder.version, folder.max_tokens, folder.window_overlap) == ("tiny", "1", 64, 8)
    assert folder.calibration == Calibration(dict.fromkeys(HEADS, 1.0), dict.fromkeys(BIASED_HEADS, 0.0))
    assert folder.settings["training"] == {"by": "a test"}
    config = json.loads((folder.path / "config.json").read_text(encoding="utf-8"))
    assert tuple(config["id2label"].values()) == FAILURE_TYPE_IDS
    assert config["vocab_size"] == tokenizer.get_vocab_size()


def test_a_folder_that_grows_too_large_is_refused(
    network: ComplaintNetwork, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "model", network, tokenizer)
    check_size(folder)
    monkeypatch.setattr(export, "MAX_FOLDER_BYTES", 1000)
    with pytest.raises(ConfigurationError, match=r"bytes, at most 1,000 are allowed; keep fewer layers"):
        check_size(folder)
