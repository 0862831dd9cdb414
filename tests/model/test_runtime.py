from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import MODEL_FILE, TOKENIZER_FILE, ModelFolder, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import LOGIT_COUNT, Calibration, combine_windows, scores_from_logits

Maker = Callable[..., Path]

TEXTS = ("kargo gelmedi", "要退款", "ապրանքը կոտրված է", "the box was empty", "")


def copy_row(output: str, width: int | None) -> onnx.ModelProto:
    """A graph whose output has another name or shape; a scalar where ``width`` is None."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"])
    shape: list[str | int] = [] if width is None else ["batch", width]
    value = helper.make_tensor("value", TensorProto.FLOAT, [] if width is None else [1, width], [0.0] * (width or 1))
    node = helper.make_node("Constant", [], [output], value=value)
    out = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "other", [ids, mask], [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture(scope="module")
def runtime(tiny_folder: ModelFolder) -> Runtime:
    return Runtime(tiny_folder)


# --- damage


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08\x12\x04tiny:\xff\xff"])
def test_a_damaged_onnx_file_is_named(make_model: Maker, content: bytes) -> None:
    model = make_model()
    (model / MODEL_FILE).write_bytes(content)
    with pytest.raises(ModelFolderError) as caught:
        Runtime(read_model_folder(model))
    assert str(caught.value).startswith(f"{model / MODEL_FILE} cannot be loaded: ")
    assert "\n" not in str(caught.value)


def test_a_truncated_onnx_file_is_refused(make_model: Maker) -> None:
    model = make_model()
    content = (model / MODEL_FILE).read_bytes()
    (model / MODEL_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelFolderError, match="cannot be loaded"):
        Runtime(read_model_folder(model))


@pytest.mark.parametrize(("output", "width"), [("scores", LOGIT_COUNT), ("logits", LOGIT_COUNT - 1), ("logits", None)])
def test_another_output_is_refused(make_model: Maker, output: str, width: int | None) -> None:
    model = make_model()
    onnx.save(copy_row(output, width), model / MODEL_FILE)
    with pytest.raises(ModelFolderError, match=f"must have an output 'logits' of width 38, it has .*{output}"):
        Runtime(read_model_folder(model))


@pytest.mark.parametrize("content", ["", "{", "{}", '{"model": {"type": "Sorcery"}}'])
def test_a_damaged_tokenizer_is_named(make_model: Maker, content: str) -> None:
    model = make_model()
    (model / TOKENIZER_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(ModelFolderError) as caught:
        Runtime(read_model_folder(model))
    assert str(caught.value).startswith(f"{model / TOKENIZER_FILE} cannot be loaded: ")


def test_a_tokenizer_that_frames_nothing_is_refused(make_model: Maker) -> None:
    model = make_model()
    Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>")).save(str(model / TOKENIZER_FILE))  # noqa: S106
    with pytest.raises(ModelFolderError, match="one token before and one after"):
        Runtime(read_model_folder(model))


# --- windows


def windows_of(folder: ModelFolder, text: str, max_tokens: int, overlap: int) -> list[list[int]]:
    return Runtime(dataclasses.replace(folder, max_tokens=max_tokens, window_overlap=overlap)).windows(text)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 12, 13, 14, 50, 101])
@pytest.mark.parametrize(("max_tokens", "overlap"), [(10, 3), (10, 0), (4, 1), (10, 7)])
def test_windows_overlap_as_configured_and_cover_every_token(
    tiny_folder: ModelFolder, length: int, max_tokens: int, overlap: int
) -> None:
    text = "".join(map(chr, [*range(0x21, 0x7F), *range(0x0561, 0x0587)]))[:length]  # each token another one
    assert len(text) == length
    tokens = Tokenizer.from_file(str(tiny_folder.tokenizer_file)).encode(text, add_special_tokens=False).ids
    windows = windows_of(tiny_folder, text, max_tokens, overlap)
    assert all(len(window) <= max_tokens for window in windows)
    assert {(window[0], window[-1]) for window in windows} == {(0, 2)}
    inner = [window[1:-1] for window in windows]
    assert all(len(window) == max_tokens - 2 for window in inner[:-1])
    read = list(inner[0])
    for before, after in pairwise(inner):
        assert before[len(before) - overlap :] == after[:overlap]
        assert len(after) > overlap  # no window that says nothing new
        read += after[overlap:]
    assert read == tokens


def test_a_text_that_fits_has_one_window(runtime: Runtime) -> None:
    assert [len(runtime.windows(text)) for text in TEXTS] == [1] * len(TEXTS)
    assert runtime.windows("") == [[0, 2]]
    assert len(runtime.windows("一" * 61)) == 1  # 62 tokens with the leading space mark
    assert len(runtime.windows("一" * 62)) == 2


def test_padding_and_truncation_of_the_file_are_ignored(make_model: Maker, runtime: Runtime) -> None:
    model = make_model()
    tokenizer = Tokenizer.from_file(str(model / TOKENIZER_FILE))
    tokenizer.enable_padding(length=32)
    tokenizer.enable_truncation(8)
    tokenizer.save(str(model / TOKENIZER_FILE))
    own = Runtime(read_model_folder(model))
    assert own.windows("kargo hiç gelmedi") == runtime.windows("kargo hiç gelmedi")


# --- logits and scores


def test_logits_have_one_row_a_window(runtime: Runtime) -> None:
    assert runtime.logits("kargo").shape == (1, LOGIT_COUNT)
    text = "包裹坏了。" * 40
    rows = runtime.logits(text)
    assert rows.shape == (len(runtime.windows(text)), LOGIT_COUNT)
    assert len(rows) > 2
    assert rows.dtype == np.float32


def test_the_same_text_has_the_same_logits_whatever_ran_before_or_beside_it(
    tiny_folder: ModelFolder, runtime: Runtime
) -> None:
    first = [runtime.logits(text) for text in TEXTS]
    again = [runtime.logits(text) for text in reversed(TEXTS)][::-1]
    other = Runtime(tiny_folder)
    with ThreadPoolExecutor(8) as pool:
        beside = list(pool.map(other.logits, TEXTS * 20))
    for i, expected in enumerate(first):
        assert np.array_equal(again[i], expected)
        assert all(np.array_equal(found, expected) for found in beside[i :: len(TEXTS)])
    assert not np.array_equal(first[0], first[1])


def test_logits_are_what_the_graph_computes(make_model: Maker, runtime: Runtime) -> None:
    weights = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load(runtime.folder.model_file).graph.initializer
    }
    ids = runtime.windows("geç kaldı")[0]
    expected = weights["table"][ids].mean(axis=0) @ weights["matrix"]
    assert runtime.logits("geç kaldı")[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_scores_use_the_calibration_of_the_folder(tiny_folder: ModelFolder, runtime: Runtime) -> None:
    warm = Calibration({"at_risk": 4.0}, {"at_risk": 0.5})
    scores = Runtime(dataclasses.replace(tiny_folder, calibration=warm)).scores("kargo gelmedi")
    plain = runtime.scores("kargo gelmedi")
    assert len(plain) == 1
    odds = [np.log(s.at_risk[0] / (1 - s.at_risk[0])) for s in (plain, scores)]
    assert odds[1] == pytest.approx(odds[0] / 4 + 0.5)
    assert np.array_equal(plain.nps, scores.nps)


def test_scores_of_a_long_text_are_its_windows_combined(runtime: Runtime) -> None:
    text = "bad " * 30 + "wonderful " * 30
    combined = combine_windows(scores_from_logits(runtime.logits(text), runtime.folder.calibration))
    scores = runtime.scores(text)
    assert np.array_equal(scores.failure_types, combined.failure_types)
    assert np.array_equal(scores.nps, combined.nps)


def test_weighted_votes_add_up_to_the_logits(tiny_folder: ModelFolder) -> None:
    runtime = Runtime(tiny_folder)
    text = "kargom gelmedi, çok kötü. " * 6
    windows = runtime.token_votes(text)
    assert len(windows) == len(runtime.windows(text)) > 1
    np.testing.assert_allclose([window.logits for window in windows], runtime.logits(text), atol=1e-6)
    for window in windows:
        np.testing.assert_allclose((window.weights * window.votes).sum(axis=0), window.logits, atol=1e-4)
        assert window.spans.shape == (len(window.weights), 2)
    assert {text[start:end] for start, end in windows[0].spans.tolist() if start < end} <= {*text}
    assert windows[-1].spans[-2, 1] == len(text)


def test_a_model_without_votes_says_so(make_model: Maker) -> None:
    model = make_model()
    graph = onnx.load(model / MODEL_FILE)
    del graph.graph.output[1:]
    onnx.save(graph, model / MODEL_FILE)
    runtime = Runtime(read_model_folder(model))
    assert not runtime.gives_evidence
    assert runtime.logits("late").shape == (1, LOGIT_COUNT)
    with pytest.raises(ModelFolderError, match="gives no evidence; export the model again"):
        runtime.token_votes("late")
