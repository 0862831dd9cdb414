"""Yardsticks on tiny corpora and a tiny model: samples, what was seen, the report and its table, the card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import SETTINGS_FILE
from complaintnlp.training.evaluate import evaluate_model, write_report
from complaintnlp.training.model_card import write_card
from complaintnlp.training.yardstick_table import SETTINGS, yardsticks_markdown, yardsticks_of
from complaintnlp.training.yardsticks import YardstickOptions, measure_yardsticks

SOURCES = Path(__file__).parents[2] / "data" / "sources.toml"
Measure = Callable[..., dict[str, Any]]


@pytest.fixture(name="options")
def tiny_options(released: Path, annotations: Path, corpora: Path, source: str, tmp_path: Path) -> YardstickOptions:
    return YardstickOptions(released, annotations, corpora, tmp_path / "project", 70, source)


@pytest.fixture
def measure(options: YardstickOptions, tmp_path: Path) -> Measure:
    def call(*names: str, **changes: Any) -> dict[str, Any]:
        return measure_yardsticks(replace(options, **changes), names, tmp_path / "out" / "yardsticks.json")

    return call


def trained_on(model: Path, per_source: int) -> None:
    """Note in a model folder that a run drew a sample of all sources."""
    stage = {"weak": True, "soft": [], "weak_per_source": per_source, "weak_sources": []}
    recipe = {"name": "tiny", "encoder": {"source": "mini"}, "stage": [stage]}
    data = {"weak": {"rows": {"zh weak": per_source}, "sources": ["waimai-10k"], "fingerprint": "f"}}
    settings = json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8"))
    settings["training"] = {"runs": [{"recipe": recipe, "data": data}]}
    (model / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")


def test_every_setting_is_measured_and_the_base_encoder_reads_plain_words(measure: Measure) -> None:
    result = measure("waimai")["yardsticks"]["waimai"]
    assert result["texts"] == {"unseen": 70, "all": 70}
    assert result["source"] == {"texts": 84, "seen": 0}
    for setting in SETTINGS:
        assert set(result[setting]["all"]) == {"accuracy", "macro_f1", "auroc", "f1"}
    assert result["base_encoder"]["unseen"]["auroc"] > 0.8


def test_results_are_kept_and_one_is_measured_again(measure: Measure, tmp_path: Path) -> None:
    first = measure("waimai", "trendyol-stars")
    second = measure("waimai", texts=60)
    assert list(second["yardsticks"]) == ["waimai", "trendyol-stars"]
    assert second["yardsticks"]["waimai"]["texts"]["all"] == 60
    assert second["yardsticks"]["trendyol-stars"] == first["yardsticks"]["trendyol-stars"]
    assert json.loads((tmp_path / "out" / "yardsticks.json").read_text(encoding="utf-8")) == second


def test_unseen_texts_come_first_and_seen_ones_are_told_apart(measure: Measure, released: Path) -> None:
    trained_on(released, 50)
    result = measure("waimai")["yardsticks"]["waimai"]
    assert result["source"]["seen"] >= 50
    unseen = 84 - result["source"]["seen"]
    assert result["texts"] == {"unseen": unseen, "all": 70}
    assert result["base_encoder"]["unseen"] != result["base_encoder"]["all"]


def test_results_of_another_model_are_not_mixed(measure: Measure, released: Path) -> None:
    measure("waimai", "trendyol-stars")
    trained_on(released, 5)
    with pytest.raises(ConfigurationError, match="another model or base encoder"):
        measure("waimai")


@pytest.mark.parametrize("content", ["no json", "[]", '{"model": {}}'])
def test_another_file_is_not_overwritten(measure: Measure, tmp_path: Path, content: str) -> None:
    path = tmp_path / "out" / "yardsticks.json"
    path.parent.mkdir()
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no report of yardsticks"):
        measure("waimai")
    assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(("name", "changes"), [("airline-reason", {}), ("waimai", {"texts": 10})])
def test_too_few_texts_are_refused(measure: Measure, name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"yardstick {name}: .* gives .* at least 50"):
        measure(name, **changes)


def test_progress_ends_with_all_texts(options: YardstickOptions, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    measure_yardsticks(
        options, ["waimai", "trendyol-stars"], tmp_path / "out.json", progress=lambda *step: steps.append(step)
    )
    assert steps[-1] == ("trendyol-stars", 140, 140)
    assert [done for _, done, _ in steps] == sorted(done for _, done, _ in steps)


def test_the_table_sets_published_figures_beside_ours(measure: Measure, released: Path) -> None:
    trained_on(released, 50)
    report = measure("waimai", "trendyol-stars")
    text = yardsticks_markdown(report)
    assert "\n\n| yardstick" in text  # else no table to markdown
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.count(" | ") for line in lines}) == 1
    accuracy = next(line for line in lines if line.startswith("| waimai"))
    figure = report["yardsticks"]["waimai"]["as_it_is"]
    assert f"| - ({figure['all']['accuracy']:.3f})" in accuracy  # 34 unseen texts tell too little
    report["yardsticks"]["waimai"]["texts"] = {"unseen": 200, "all": 300}
    assert f"| {figure['unseen']['accuracy']:.3f} ({figure['all']['accuracy']:.3f})" in yardsticks_markdown(report)
    assert "0.844, multilingual-e5-base" in accuracy
    stars = next(line for line in lines if line.startswith("| trendyol-stars"))
    assert "no published figure verified" in stars


def test_the_card_holds_the_table_of_its_own_model_alone(
    measure: Measure, released: Path, annotations: Path, tmp_path: Path
) -> None:
    trained_on(released, 5)
    measure("waimai")
    report = tmp_path / "out" / "yardsticks.json"
    results = tmp_path / "results.json"
    write_report(evaluate_model(released, annotations, "dev", note=lambda _text: None), results)

    def card(yardsticks: Path) -> str:
        written = write_card(released, results, SOURCES, plots=tmp_path / "plots", yardsticks=yardsticks)
        return written.read_text(encoding="utf-8")

    assert "## Public yardsticks\n\ntiny 1." in card(report)
    assert yardsticks_of(released, report) in card(report)
    assert "## Public yardsticks" not in card(tmp_path / "none.json")
    content = json.loads(report.read_text(encoding="utf-8"))
    content["model"]["sha256"] = "of others"
    report.write_text(json.dumps(content), encoding="utf-8")
    assert "## Public yardsticks" not in card(report)
