"""A company's names of failures, and files that map them wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.own_types import NONE, load_own_types, load_type_names


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_and_display_names_are_always_known() -> None:
    names = load_type_names()
    assert all(names[name] == name for name in (*FAILURE_TYPE_IDS, NONE))
    assert names["personelin kaba veya haksız tutumu"] == "staff_conduct"
    assert names["延误或长时间等待"] == "delay_wait"


def test_several_names_may_mean_one_type(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[failure_types]\n"Late  Delivery" = "delay_wait"\n"kargo" = "delay_wait"\npraise = "none"\n'
    )
    names = load_type_names(path)
    assert (names["late delivery"], names["kargo"], names["praise"]) == ("delay_wait", "delay_wait", NONE)
    assert names["price_billing"] == "price_billing"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[failure_types]\nparking = "parking"\n', r"'parking' = 'parking' is not one of delay_wait.* add a table"),
        ("[failure_types]\nparking = 3\n", r"'parking' = 3 is not one of delay_wait"),
        ('[types]\nlate = "delay_wait"\n', r"must hold a table \[failure_types\].*: types is not known"),
        ('failure_types = "delay_wait"\n', r"must hold a table \[failure_types\]"),
        ("", r"must hold a table \[failure_types\]"),
        ("[failure_types\n", "cannot be read"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load_type_names(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml does not exist"):
        load_type_names(tmp_path / "nowhere.toml")


BATTERY = '[new_types.battery_life]\nnames = { en = "Battery life", tr = "Pil ömrü" }\nlike = "poor_quality"\n'


def test_a_new_type_has_its_id_and_names_beside_the_13(tmp_path: Path) -> None:
    path = write(tmp_path, BATTERY + '[failure_types]\n"short life" = "battery_life"\n')
    (own,) = load_own_types(path)
    assert (own.id, own.name("tr"), own.like) == ("battery_life", "Pil ömrü", "poor_quality")
    names = load_type_names(path)
    assert {names[name] for name in ("battery_life", "battery life", "pil ömrü", "short life")} == {"battery_life"}
    assert load_type_names(write(tmp_path, BATTERY))["delay_wait"] == "delay_wait"


def test_types_of_the_model_to_start_from_come_first(tmp_path: Path) -> None:
    kept = load_own_types(write(tmp_path, BATTERY.replace("battery_life", "screen").replace("Battery life", "Screen")))
    path = write(tmp_path, BATTERY)
    with pytest.raises(ConfigurationError, match="the name 'pil ömrü' means screen already; name it otherwise"):
        load_type_names(path, kept)
    path = write(tmp_path, BATTERY.replace("Pil", "Batarya"))
    assert [own.id for own in load_own_types(path, kept)] == ["screen", "battery_life"]
    assert load_type_names(path, kept)["screen"] == "screen"
    assert load_own_types(None, kept) == kept


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            BATTERY.replace("poor_quality", "bad"),
            r"mine\.toml, new_types\.battery_life: like = 'bad' is not one of delay",
        ),
        (BATTERY.replace("battery_life", "none"), r"new_types\.none: the id must be snake_case"),
        (BATTERY.replace("en = ", "hy = "), r"new_types\.battery_life: names must hold a name in en"),
        ("[new_types]\nbattery_life = 3\n", r"new_types\.battery_life: it must be a table of names and like"),
        (BATTERY.replace("Battery life", "None"), r"the name 'none' means none already; name it otherwise"),
        (
            "".join(BATTERY.replace("battery_life", f"t{i}") for i in range(21)),
            r"mine\.toml, new_types: 21 types beside the 13.*; at most 20 are allowed",
        ),
    ],
)
def test_a_wrong_new_type_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load_type_names(write(tmp_path, text))
