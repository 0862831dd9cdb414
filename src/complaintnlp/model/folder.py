"""The model folder: what a trained model consists of on disk, read and checked.

    config.json         architecture and id2label, in the Hugging Face layout
    model.int8.onnx     weights and graph
    tokenizer.json      tokenizer
    complaintnlp.json   schema and taxonomy version, calibration, thresholds, languages, training data
    README.md           model card

JSON and ONNX only, never pickle: reading a folder runs none of its content as code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from complaintnlp import taxonomy
from complaintnlp.errors import ModelFolderError
from complaintnlp.model.own_type import OwnType, own_types_from
from complaintnlp.model.scores import BIASED_HEADS, HEADS, OWN_TYPES, Calibration

SCHEMA_VERSION: Final = 3
"""Version of the folder's layout and of ``complaintnlp.json``. Version 3 brought the biases."""

_READABLE: Final = (2, SCHEMA_VERSION)
"""A folder of version 2 means the same today: its heads have no bias."""

MODEL_FILE: Final = "model.int8.onnx"
TOKENIZER_FILE: Final = "tokenizer.json"
SETTINGS_FILE: Final = "complaintnlp.json"
CONFIG_FILE: Final = "config.json"
CARD_FILE: Final = "README.md"

OWN_SETTING: Final = "own_failure_types"
"""Entry of ``complaintnlp.json`` that a model with failure types of its own has."""

_DEFAULT_MODEL: Final = "complaintnlp-small"
_PACKAGE: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A checked model folder.

    Attributes:
        path: the folder.
        name, version: of the model.
        max_tokens: longest window, special tokens included.
        window_overlap: tokens that two windows of a long text share.
        calibration: temperature and bias per head.
        thresholds: as `complaintnlp.judgement.decide.Policy.from_dict` reads them.
        settings: everything that ``complaintnlp.json`` holds.
        own_types: the model's own failure types, in the order of its outputs; none in the released model.
    """

    path: Path
    name: str
    version: str
    max_tokens: int
    window_overlap: int
    calibration: Calibration
    thresholds: Mapping[str, Any]
    settings: Mapping[str, Any]
    own_types: tuple[OwnType, ...] = ()

    @property
    def model_file(self) -> Path:
        """The ONNX file."""
        return self.path / MODEL_FILE

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer."""
        return self.path / TOKENIZER_FILE


def default_model_path() -> Path:
    """Folder of the released model: inside the installed package, or ``models/`` of a source checkout.

    Raises:
        ModelFolderError: neither is there.
    """
    candidates = (_PACKAGE / "released_model", _PACKAGE.parents[1] / "models" / _DEFAULT_MODEL)
    for path in candidates:
        if (path / SETTINGS_FILE).is_file():
            return path
    raise ModelFolderError(
        f"the released model is in neither {candidates[0]} nor {candidates[1]}; "
        "reinstall the package, or name a model folder with --model"
    )


def read_model_folder(path: Path | str | None = None) -> ModelFolder:
    """Read and check a model folder; the released one by default.

    Raises:
        ModelFolderError: the folder or a file is missing, the settings are no valid JSON or incomplete, or
            the folder was written for another schema or taxonomy version.
    """
    folder = default_model_path() if path is None else Path(path)
    if not folder.is_dir():
        raise ModelFolderError(f"model folder {folder} does not exist; train and export one, or leave --model out")
    missing = [name for name in (SETTINGS_FILE, MODEL_FILE, TOKENIZER_FILE) if not (folder / name).is_file()]
    if missing:
        raise ModelFolderError(f"model folder {folder} lacks {', '.join(missing)}; export the model again")
    where = folder / SETTINGS_FILE
    try:
        settings = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{where} cannot be read: {error}; export the model again") from error
    if not isinstance(settings, dict):
        raise ModelFolderError(f"{where} must hold a JSON object; export the model again")
    _check_versions(settings, where)
    try:
        own_types = own_types_from(settings.get(OWN_SETTING, ()))
        model = ModelFolder(
            path=folder,
            name=str(settings["name"]),
            version=str(settings["version"]),
            max_tokens=int(settings["max_tokens"]),
            window_overlap=int(settings["window_overlap"]),
            calibration=_calibration(settings, (*HEADS, OWN_TYPES) if own_types else HEADS),
            thresholds=settings["thresholds"],
            settings=settings,
            own_types=own_types,
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelFolderError(f"{where} is incomplete or holds a wrong value ({error!r}); export again") from error
    if not 0 <= model.window_overlap < model.max_tokens - 2:
        raise ModelFolderError(f"{where}: windows must be longer than their overlap; export again")
    _check_calibration(model.calibration, where)
    return model


def _calibration(settings: Mapping[str, Any], heads: Iterable[str]) -> Calibration:
    biases = settings.get("biases", {})
    return Calibration(
        temperatures={head: float(settings["temperatures"][head]) for head in heads},
        biases={head: float(bias) for head, bias in biases.items()},
    )


def _check_calibration(calibration: Calibration, where: Path) -> None:
    if not all(0.0 < temperature < math.inf for temperature in calibration.temperatures.values()):
        raise ModelFolderError(f"{where}: temperatures must be positive and finite; export again")
    if not all(math.isfinite(bias) for bias in calibration.biases.values()):
        raise ModelFolderError(f"{where}: biases must be finite; export again")
    unknown = ", ".join(sorted(set(calibration.biases) - set(BIASED_HEADS)))
    if unknown:
        raise ModelFolderError(
            f"{where}: biases name {unknown}; allowed: {', '.join(BIASED_HEADS)}; correct it or export again"
        )


def _check_versions(settings: Mapping[str, Any], where: Path) -> None:
    found = settings.get("schema_version")
    if found not in _READABLE:
        raise ModelFolderError(
            f"{where} has schema version {found!r}, this program reads {_READABLE[0]} and {_READABLE[1]}; "
            "install the complaintnlp release that wrote it, or export the model again"
        )
    found = settings.get("taxonomy_version")
    if found != taxonomy.VERSION:
        raise ModelFolderError(
            f"{where} was trained on taxonomy version {found!r}, this program uses {taxonomy.VERSION!r}; retrain it"
        )
