"""Own failure types: what may be named, and what a model folder holds of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import MODEL_FILE, SETTINGS_FILE, read_model_folder
from complaintnlp.model.own_type import OwnType, merged, own_types_from
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import HEADS, LOGIT_COUNT

Maker = Callable[..., Path]

ENTRY: dict[str, Any] = {"names": {"en": "Battery life", "tr": "Pil ömrü"}, "like": "poor_quality"}
SETTINGS: dict[str, Any] = {
    "own_failure_types": [{"id": "battery_life", **ENTRY, "threshold": 0.3}],
    "temperatures": dict.fromkeys((*HEADS, "own_types"), 1.0),
}


def test_an_own_type_is_a_label() -> None:
    own = OwnType.of("battery_life", ENTRY)
    assert (own.name("tr"), own.name("zh"), own.like, own.threshold) == (
        "Pil ömrü",
        "Battery life",
        "poor_quality",
        0.5,
    )
    assert own_types_from([own.to_dict()]) == (own,)


@pytest.mark.parametrize("name", ["Battery", "battery life", "_x", "x_", "poor_quality", "none", "severity", "3g", ""])
def test_an_id_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the id must be snake_case"):
        OwnType.of(name, ENTRY)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("poor_quality", "must be a table of names and like"),
        ({"names": {"en": "x"}}, "must be a table of names and like"),
        ({**ENTRY, "likes": "x"}, "and hold nothing else"),
        ({**ENTRY, "names": {"tr": "Pil"}}, "names must hold a name in en, and may in tr, zh, hy, en"),
        ({**ENTRY, "names": {"en": "x", "de": "y"}}, "names must hold a name in en"),
        ({**ENTRY, "names": "Battery"}, "names must hold a name in en"),
        ({**ENTRY, "names": {"en": " "}}, "none of them empty"),
        ({**ENTRY, "like": "battery"}, "like = 'battery' is not one of delay_wait, "),
        ({**ENTRY, "threshold": 0.5}, "and hold nothing else"),
    ],
)
def test_a_wrong_entry_is_explained(entry: object, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        OwnType.of("battery_life", entry)


@pytest.mark.parametrize("threshold", [1.5, -0.1, float("nan"), "high", None])
def test_a_wrong_threshold_is_refused(threshold: object) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 to 1"):
        OwnType.of("battery_life", ENTRY, threshold)


def test_a_type_named_anew_keeps_place_and_threshold() -> None:
    first, second, third = (OwnType.of(name, ENTRY) for name in ("a", "b", "c"))
    anew = replace(first, names={"en": "New"}, like="delay_wait")
    assert merged([replace(first, threshold=0.2), second], [third, anew]) == (
        replace(anew, threshold=0.2),
        second,
        third,
    )


def test_a_folder_lists_its_own_types(make_model: Maker, tiny_model: Path) -> None:
    folder = read_model_folder(make_model(**SETTINGS))
    assert folder.own_types == (OwnType.of("battery_life", ENTRY, 0.3),)
    assert folder.calibration.temperatures["own_types"] == 1.0
    assert read_model_folder(tiny_model).own_types == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"own_failure_types": [{"id": "battery_life", **ENTRY, "like": "x"}]},
        {"own_failure_types": SETTINGS["own_failure_types"] * 2},
        {"own_failure_types": [ENTRY]},
        {"own_failure_types": [{"id": "battery_life", **ENTRY}]},
        {"own_failure_types": {"battery_life": ENTRY}},
        {"temperatures": dict.fromkeys(HEADS, 1.0)},
    ],
)
def test_a_damaged_list_is_refused(make_model: Maker, changes: dict[str, Any]) -> None:
    with pytest.raises(ModelFolderError, match="is incomplete or holds a wrong value"):
        read_model_folder(make_model(**{**SETTINGS, **changes}))


def test_the_output_must_be_as_wide_as_the_list(make_model: Maker, tiny_model: Path) -> None:
    model = make_model(**SETTINGS)
    assert Runtime(read_model_folder(model)).scores("late").own_types.shape == (1, 1)
    shutil.copy(tiny_model / MODEL_FILE, model / MODEL_FILE)
    with pytest.raises(ModelFolderError, match=f"of width {LOGIT_COUNT + 1}, it has"):
        Runtime(read_model_folder(model))
    shutil.copy(tiny_model / SETTINGS_FILE, model / SETTINGS_FILE)
    assert Runtime(read_model_folder(model)).scores("late").own_types.shape == (1, 0)
