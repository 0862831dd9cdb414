from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from complaintnlp import taxonomy
from complaintnlp.errors import ModelFolderError
from complaintnlp.model import folder as folder_module
from complaintnlp.model.folder import (
    MODEL_FILE,
    SCHEMA_VERSION,
    SETTINGS_FILE,
    TOKENIZER_FILE,
    default_model_path,
    read_model_folder,
)
from complaintnlp.model.scores import BIASED_HEADS, HEADS, Calibration

Maker = Callable[..., Path]


def test_a_folder_is_read_with_all_its_settings(tiny_model: Path) -> None:
    folder = read_model_folder(str(tiny_model))
    assert (folder.name, folder.version, folder.max_tokens, folder.window_overlap) == ("tiny", "0.0.1", 64, 8)
    assert folder.path == tiny_model
    assert folder.model_file == tiny_model / MODEL_FILE
    assert folder.tokenizer_file == tiny_model / TOKENIZER_FILE
    assert folder.calibration == Calibration(dict.fromkeys(HEADS, 1.0), dict.fromkeys(BIASED_HEADS, 0.0))
    assert folder.thresholds == folder.settings["thresholds"]
    assert folder.settings["languages"] == list(taxonomy.LANGUAGES)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"nowhere does not exist; train and export one"):
        read_model_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [SETTINGS_FILE, MODEL_FILE, TOKENIZER_FILE])
def test_a_missing_file_is_named(make_model: Maker, name: str) -> None:
    model = make_model()
    (model / name).unlink()
    with pytest.raises(ModelFolderError, match=f"lacks {name}; export the model again"):
        read_model_folder(model)


def test_all_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=f"lacks {SETTINGS_FILE}, {MODEL_FILE}, {TOKENIZER_FILE}"):
        read_model_folder(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "cannot be read"),
        (b'{"schema_version": 1', "cannot be read"),
        (b'{"name": "\xff"}', "cannot be read"),
        (b"[1]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
        (b"{}", "schema version None"),
    ],
)
def test_damaged_settings_are_refused(make_model: Maker, content: bytes, problem: str) -> None:
    model = make_model()
    (model / SETTINGS_FILE).write_bytes(content)
    with pytest.raises(ModelFolderError) as caught:
        read_model_folder(model)
    assert str(model / SETTINGS_FILE) in str(caught.value)
    assert problem in str(caught.value)


@pytest.mark.parametrize("version", [0, 1, SCHEMA_VERSION + 1, str(SCHEMA_VERSION), None])
def test_another_schema_version_is_refused(make_model: Maker, version: Any) -> None:
    with pytest.raises(
        ModelFolderError, match=f"schema version {version!r}, this program reads 2 and {SCHEMA_VERSION}; install"
    ):
        read_model_folder(make_model(schema_version=version))


def test_biases_are_read_and_a_head_without_one_has_none(make_model: Maker) -> None:
    biases = {"failure_types": -0.5, "at_risk": 1}
    folder = read_model_folder(make_model(biases=biases))
    assert folder.calibration.biases == {"failure_types": -0.5, "at_risk": 1.0}


def test_a_folder_of_version_2_has_no_biases(make_model: Maker) -> None:
    model = make_model(schema_version=2)
    settings = json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8"))
    del settings["biases"]
    (model / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
    assert read_model_folder(model).calibration == Calibration(dict.fromkeys(HEADS, 1.0))


@pytest.mark.parametrize("version", ["0", 1, None])
def test_another_taxonomy_version_is_refused(make_model: Maker, version: Any) -> None:
    with pytest.raises(ModelFolderError, match=f"taxonomy version {version!r}.*retrain"):
        read_model_folder(make_model(taxonomy_version=version))


@pytest.mark.parametrize("key", ["name", "version", "max_tokens", "window_overlap", "temperatures", "thresholds"])
def test_a_missing_setting_is_named(make_model: Maker, key: str) -> None:
    model = make_model()
    settings = json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8"))
    del settings[key]
    (model / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(ModelFolderError, match=f"incomplete.*{key}"):
        read_model_folder(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tokens": "many"},
        {"max_tokens": None},
        {"max_tokens": float("inf")},
        {"temperatures": {"nps": 1.0}},
        {"temperatures": dict.fromkeys(HEADS, "warm")},
        {"temperatures": [1.0]},
        {"biases": {"at_risk": "low"}},
        {"biases": {"at_risk": None}},
        {"biases": [0.0]},
        {"biases": None},
    ],
)
def test_a_setting_of_a_wrong_kind_is_refused(make_model: Maker, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFolderError, match=r"incomplete or holds a wrong value"):
        read_model_folder(make_model(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tokens": 64, "window_overlap": 62},
        {"max_tokens": 64, "window_overlap": -1},
        {"max_tokens": 2, "window_overlap": 0},
    ],
)
def test_impossible_windows_are_refused(make_model: Maker, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFolderError, match=r"windows must be longer than their overlap"):
        read_model_folder(make_model(**changes))


@pytest.mark.parametrize(
    ("head", "temperature"), [("nps", 0.0), ("primary", -1.0), ("intensity", math.nan), ("at_risk", math.inf)]
)
def test_impossible_temperatures_are_refused(make_model: Maker, head: str, temperature: float) -> None:
    with pytest.raises(ModelFolderError, match=r"temperatures must be positive and finite"):
        read_model_folder(make_model(temperatures={**dict.fromkeys(HEADS, 1.0), head: temperature}))


@pytest.mark.parametrize("bias", [math.nan, math.inf, -math.inf])
def test_biases_without_end_are_refused(make_model: Maker, bias: float) -> None:
    with pytest.raises(ModelFolderError, match=r"complaintnlp.json: biases must be finite; export again"):
        read_model_folder(make_model(biases={"at_risk": bias}))


@pytest.mark.parametrize("head", ["nps", "intensity", "failure_type"])
def test_a_bias_of_another_head_is_refused(make_model: Maker, head: str) -> None:
    with pytest.raises(ModelFolderError, match=f"biases name {head}; allowed: failure_types, at_risk, risk_reasons"):
        read_model_folder(make_model(biases={"at_risk": 0.1, head: 0.2}))


def test_the_smallest_possible_window_is_allowed(make_model: Maker) -> None:
    assert read_model_folder(make_model(max_tokens=4, window_overlap=1)).max_tokens == 4


def test_the_released_model_is_the_one_in_the_package_or_in_the_checkout(
    make_model: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "checkout" / "src" / "complaintnlp"
    monkeypatch.setattr(folder_module, "_PACKAGE", package)
    with pytest.raises(ModelFolderError, match=r"in neither .*released_model nor .*complaintnlp-small; reinstall"):
        default_model_path()
    with pytest.raises(ModelFolderError, match="reinstall the package, or name a model folder with --model"):
        read_model_folder()
    made = make_model()
    checkout = tmp_path / "checkout" / "models" / "complaintnlp-small"
    checkout.parent.mkdir(parents=True)
    made.rename(checkout)
    assert default_model_path() == checkout
    assert read_model_folder().name == "tiny"
    package.mkdir(parents=True)
    (package / "released_model").symlink_to(checkout)
    assert default_model_path() == package / "released_model"
