"""A company's names of failures, and files that map them wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.own_types import NONE, load_type_names


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
        ('[failure_types]\nparking = "parking"\n', r"'parking' = 'parking' is not one of delay_wait.* cannot be added"),
        ("[failure_types]\nparking = 3\n", r"'parking' = 3 is not one of delay_wait"),
        ('[types]\nlate = "delay_wait"\n', r"must hold one table \[failure_types\].*: types is not known"),
        ('failure_types = "delay_wait"\n', r"must hold one table \[failure_types\]"),
        ("[failure_types\n", "cannot be read"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        load_type_names(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml does not exist"):
        load_type_names(tmp_path / "nowhere.toml")
