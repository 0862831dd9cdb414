"""Quality against speed of two tiny models and their cascade."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError, InvalidInputError, ModelFolderError
from complaintnlp.model.folder import CONFIG_FILE
from complaintnlp.training.calibrate import calibrate
from complaintnlp.training.cascade import SHARES
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import evaluate_model
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.frontier import (
    IN_MEAN,
    QUALITY,
    FrontierOptions,
    cascade_pair,
    frontier,
    measure_frontier,
    named_folders,
)
from complaintnlp.training.metrics import GROUPS, json_ready
from complaintnlp.training.network import ComplaintNetwork

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "reviews.csv"


@pytest.fixture
def models(
    make_encoder: Callable[[int], BertModel], tokenizer: Tokenizer, annotations: Path, tmp_path: Path
) -> list[Path]:
    """A model of two layers and a static one, untrained, under their folders' names."""
    folders = []
    for name, layers in (("good", 2), ("fast", 0)):
        folder = tmp_path / "models" / name
        network = ComplaintNetwork(make_encoder(layers), dropout=0.0).eval()
        write_model_folder(folder, network, tokenizer, name="tiny", version="1", max_tokens=64, training={})
        calibrate(folder, load_hand_labels(annotations, "dev", evaluation_only=False))
        folders.append(folder)
    return folders


@pytest.fixture
def options(tmp_path: Path) -> FrontierOptions:
    return FrontierOptions("dev", ("fast:good",), tmp_path / "none", SAMPLES, texts=8, rounds=2, workers=2)


def test_quality_is_what_evaluate_measures_and_speed_is_counted(
    models: list[Path], annotations: Path, options: FrontierOptions
) -> None:
    seen: list[tuple[str, int, int]] = []
    report = measure_frontier(models, annotations, options, progress=lambda *step: seen.append(step))
    assert [done for _, done, _ in seen] == list(range(seen[-1][2] + 1))
    assert list(report["models"]) == ["good", "fast"]
    assert report["ceiling_texts_per_second"] > 0
    assert report["timed"] == {
        "texts": 8,
        "origin": "sample reviews, repeated",
        "mean_tokens": pytest.approx(60, abs=50),
    }
    for path, model in zip(models, report["models"].values(), strict=True):
        expected = evaluate_model(path, annotations, "dev", note=lambda text: None)
        assert report["fingerprint"] == expected["fingerprint"]
        assert model["model"] == expected["model"]
        assert list(model["groups"]) == list(GROUPS)
        for group, values in model["groups"].items():
            assert values == {name: pytest.approx(expected["groups"][group][name], nan_ok=True) for name in QUALITY}
        mean = sum(model["groups"][group]["type_micro_f1"] for group in IN_MEAN) / len(IN_MEAN)
        assert model["mean_type_micro_f1"] == pytest.approx(mean)
        assert model["texts_per_second"] == max(model["rounds"]) > 0
        assert model["model_texts_per_second"] > 0
        assert 0 < model["p50_ms"] <= model["p99_ms"]
        assert model["bytes"] == sum(file.stat().st_size for file in path.iterdir())
    assert [model["layers"] for model in report["models"].values()] == [2, 0]
    assert any(model["on_frontier"] for model in report["models"].values())


def test_a_cascade_goes_from_the_good_model_to_the_fast_one(
    models: list[Path], annotations: Path, options: FrontierOptions
) -> None:
    report = measure_frontier(models, annotations, options)
    (cascade,) = report["cascades"]
    lines = cascade["lines"]
    assert (cascade["fast"], cascade["good"], len(lines)) == ("fast", "good", len(SHARES))
    for line, name in ((lines[0], "good"), (lines[-1], "fast")):
        assert json_ready(line["groups"]) == json_ready(report["models"][name]["groups"])
    assert [line["share"] for line in (lines[0], lines[-1])] == [0.0, 1.0]
    assert [line["cut"] for line in lines] == sorted((line["cut"] for line in lines), reverse=True)
    assert [line["texts_per_second"] for line in lines] == sorted(line["texts_per_second"] for line in lines)
    fast, good = report["models"]["fast"], report["models"]["good"]
    assert lines[-1]["texts_per_second"] == pytest.approx(fast["texts_per_second"])
    whole = 1 / fast["texts_per_second"] + 1 / good["model_texts_per_second"]
    assert lines[0]["texts_per_second"] == pytest.approx(1 / whole)
    check = cascade["check"]
    assert check["cut"] in [line["cut"] for line in lines[1:-1]]
    assert check["texts_per_second"] > 0


def test_on_the_test_split_the_cuts_are_still_those_of_the_development_split(
    models: list[Path], annotations: Path, options: FrontierOptions
) -> None:
    development = measure_frontier(models, annotations, options)
    report = measure_frontier(models, annotations, replace(options, split="test", rounds=1))
    assert report["split"] == "test"
    assert report["fingerprint"] != development["fingerprint"]
    (cascade,), (chosen,) = report["cascades"], development["cascades"]
    assert [line["cut"] for line in cascade["lines"]] == [line["cut"] for line in chosen["lines"]]
    assert cascade["check"]["cut"] == chosen["check"]["cut"]
    assert json_ready(cascade["lines"][-1]["groups"]) == json_ready(report["models"]["fast"]["groups"])


def test_a_model_that_another_one_beats_is_not_on_the_frontier() -> None:
    points = {"good": (100.0, 0.8), "middle": (200.0, 0.7), "beaten": (150.0, 0.65), "slower": (90.0, 0.8)}
    assert frontier(points) == {"good", "middle"}
    assert frontier({"one": (1.0, 0.5), "same": (1.0, 0.5)}) == {"one", "same"}


def test_a_folder_without_a_config_has_no_known_layers(
    models: list[Path], annotations: Path, options: FrontierOptions
) -> None:
    (models[0] / CONFIG_FILE).unlink()
    (models[1] / CONFIG_FILE).write_text("[]", encoding="utf-8")
    report = measure_frontier(models, annotations, replace(options, cascades=(), rounds=1))
    assert [model["layers"] for model in report["models"].values()] == [None, None]
    assert report["cascades"] == []


@pytest.mark.parametrize("text", ["fast", "fast:", "fast:fast", "fast:lost", "a:fast:good", ""])
def test_a_cascade_must_be_two_of_the_models(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"must be FAST:GOOD, two of the models .*: good, fast$"):
        cascade_pair(text, ["good", "fast"])


def test_a_cascade_is_named_by_folders_too() -> None:
    assert cascade_pair("models/fast/:runs/good", ["good", "fast"]) == ("fast", "good")


def test_folders_of_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"b/small go by the same name 'small'.*rename or copy one"):
        named_folders([tmp_path / "a/small", tmp_path / "b/small"])


def test_what_cannot_be_measured_is_said_before_anything_is(
    models: list[Path], annotations: Path, options: FrontierOptions, tmp_path: Path
) -> None:
    with pytest.raises(ModelFolderError, match="lost does not exist"):
        measure_frontier([*models, tmp_path / "lost"], annotations, options)
    with pytest.raises(ConfigurationError, match=r"none nor the file .*\.csv exists"):
        measure_frontier(models, annotations, replace(options, samples=tmp_path / "none.csv"))
