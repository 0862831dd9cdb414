"""Recipes: every committed one loads, and a wrong entry is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS
from complaintnlp.training.recipe import LossSection, Recipe, load_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "training" / "recipes").glob("*.toml"))
STAGE = '[[stage]]\nname = "hand"\n'


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_committed_recipe_loads_and_trains_on_something(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert all(stage.hand or stage.weak or stage.soft for stage in recipe.stage)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_every_head_has_a_loss_factor() -> None:
    assert set(LossSection().model_dump()) == set(HEADS)


def test_defaults_fill_what_a_recipe_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "short.toml"
    path.write_text('name = "short"\n' + STAGE, encoding="utf-8")
    recipe = load_recipe(path)
    assert (recipe.seed, recipe.precision, recipe.encoder.layers) == (13, "auto", None)
    assert recipe.stage[0].hand
    assert not recipe.stage[0].weak


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('name = "x"\nlearning_rate = 1\n' + STAGE, r"learning_rate: unknown field; allowed: name, seed, max_tokens"),
        ('name = "x"\n' + STAGE + "epochs = 0\n", r"stage\.0\.epochs: .*greater than or equal to 1"),
        ('name = "x"\n' + STAGE + "language_factors = { de = 2.0 }\n", r"stage\.0\.language_factors\.de.*'tr', 'zh'"),
        ('name = "x"\nprecision = "fp8"\n' + STAGE, r"precision: .*'auto', 'fp32' or 'bf16'"),
        ('name = "X y"\n' + STAGE, r"name: .*pattern"),
        ('name = "x"\n', r"stage: required, but missing"),
        ('name = "x"\nstage = []\n', r"stage: .*at least 1"),
        ('name = "x"\n' + STAGE + "ema_decay = 1.0\n", r"stage\.0\.ema_decay: .*less than 1"),
        ('name = "x"\n[loss]\nmood = 1.0\n' + STAGE, r"loss\.mood: unknown field"),
        ("name = \n", r"is no valid TOML: .*line 1"),
        ('name = "x"\nmean_with = { a = 0.5, b = 0.5 }\n' + STAGE, "mean_with: the parts of the other runs must leave"),
        ('name = "x"\nmean_with = { a = 1.5 }\n' + STAGE, r"mean_with\.a: .*less than 1"),
        ('name = "x"\n' + STAGE + "origin_factors = { writen = 2.0 }\n", r"stage\.0\.origin_factors\.writen"),
    ],
)
def test_an_error_names_the_file_the_entry_and_what_is_allowed(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"recipe .*wrong\.toml.* {problem}"):
        load_recipe(path)


def test_the_part_of_the_start_in_runs_before_0_6_is_a_mean_with_it() -> None:
    old = {"name": "x", "start": "runs/a", "start_share": 0.25, "stage": [{"name": "hand"}]}
    assert Recipe.model_validate(old).mean_with == {"runs/a": 0.25}
    assert Recipe.model_validate({**old, "start_share": 0.0}).mean_with == {}


def test_a_missing_recipe_says_where_recipes_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml does not exist; recipes stand in training/recipes/"):
        load_recipe(tmp_path / "none.toml")


def test_an_unknown_entry_of_a_section_names_what_the_section_allows(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('name = "x"\n[loss]\nmood = 1.0\n' + STAGE, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"loss\.mood: unknown field; allowed: failure_types, primary"):
        load_recipe(path)
