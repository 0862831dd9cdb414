"""A model folder that is real in everything but size: ONNX graph, tokenizer and settings, made without torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

from complaintnlp import taxonomy
from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import (
    CARD_FILE,
    CONFIG_FILE,
    MODEL_FILE,
    SCHEMA_VERSION,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    ModelFolder,
    read_model_folder,
)
from complaintnlp.model.scores import BIASED_HEADS, HEADS, LOGIT_COUNT

# A busy machine is slow, not wrong: no test may fail by the clock.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

MAX_TOKENS = 64
OVERLAP = 8
WIDTH = 8

_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
_HAN = "".join(bytes((row, cell)).decode("gb2312") for row in range(0xB0, 0xD7) for cell in range(0xA1, 0xFA))
"""3,471 common Chinese characters: nearly all of the first level of GB 2312."""
_CHARACTERS = (
    *map(chr, range(0x21, 0x7F)),
    *"▁çğıöşüÇĞİÖŞÜâîû",
    *map(chr, range(0x0531, 0x0557)),
    *map(chr, range(0x055A, 0x058A)),
    *_HAN,
    *"，。！？😀😡👍",
)

FolderMaker = Callable[..., Path]


def settings(**changes: Any) -> dict[str, Any]:
    """Content of a valid ``complaintnlp.json``."""
    return {
        "schema_version": SCHEMA_VERSION,
        "taxonomy_version": taxonomy.VERSION,
        "name": "tiny",
        "version": "0.0.1",
        "languages": list(taxonomy.LANGUAGES),
        "max_tokens": MAX_TOKENS,
        "window_overlap": OVERLAP,
        "temperatures": dict.fromkeys(HEADS, 1.0),
        "biases": dict.fromkeys(BIASED_HEADS, 0.0),
        "thresholds": Policy(failure_types=(0.9,) * len(taxonomy.FAILURE_TYPE_IDS), review_below=0.05).to_dict(),
        "training": {},
        **changes,
    }


def tiny_graph(width: int = LOGIT_COUNT, output: str = "logits") -> onnx.ModelProto:
    """Mean of the characters' vectors times a matrix: deterministic, with logits of about -5 to 5."""
    random = np.random.default_rng(20)
    table = random.normal(size=(len(_SPECIAL) + len(_CHARACTERS), WIDTH)).astype(np.float32)
    matrix = (3.0 * random.normal(size=(WIDTH, width))).astype(np.float32)
    constants = {"table": table, "matrix": matrix, "last_axis": np.array([-1], dtype=np.int64)}
    constants["second_axis"] = np.array([1], dtype=np.int64)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last_axis"], ["wide_mask"]),
        helper.make_node("Mul", ["vectors", "wide_mask"], ["masked"]),
        helper.make_node("ReduceMean", ["masked"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], [output]),
        helper.make_node("MatMul", ["vectors", "matrix"], ["token_votes"]),
        helper.make_node("ReduceSum", ["wide_mask", "second_axis"], ["length"], keepdims=1),
        helper.make_node("Div", ["wide_mask", "length"], ["weight"]),
        helper.make_node("Shape", ["token_votes"], ["shape"]),
        helper.make_node("Expand", ["weight", "shape"], ["token_weights"]),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", width])]
    outputs += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "tokens", width])
        for name in ("token_weights", "token_votes")
    ]
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def tiny_tokenizer() -> Tokenizer:
    """One piece for each character of the four scripts, framed by <s> and </s>."""
    pieces = [(piece, 0.0) for piece in _SPECIAL] + [(char, -5.0) for char in _CHARACTERS]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def write_tiny_model(folder: Path) -> Path:
    """Write a whole model folder."""
    folder.mkdir(parents=True)
    onnx.save(tiny_graph(), folder / MODEL_FILE)
    tiny_tokenizer().save(str(folder / TOKENIZER_FILE))
    (folder / SETTINGS_FILE).write_text(json.dumps(settings()), encoding="utf-8")
    (folder / CONFIG_FILE).write_text(
        json.dumps({"id2label": dict(enumerate(taxonomy.FAILURE_TYPE_IDS))}), encoding="utf-8"
    )
    (folder / CARD_FILE).write_text("# tiny\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder to read, never to change."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_folder(tiny_model: Path) -> ModelFolder:
    return read_model_folder(tiny_model)


@pytest.fixture
def make_model(tiny_model: Path, tmp_path: Path) -> FolderMaker:
    """Writes a model folder of the test's own, with changed settings and as many outputs as these say."""

    def make(**changes: Any) -> Path:
        model = shutil.copytree(tiny_model, tmp_path / "model")
        if "own_failure_types" in changes:
            onnx.save(tiny_graph(LOGIT_COUNT + len(changes["own_failure_types"])), model / MODEL_FILE)
        (model / SETTINGS_FILE).write_text(json.dumps(settings(**changes)), encoding="utf-8")
        return model

    return make
