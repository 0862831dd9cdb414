"""Runs beside each other on the development split."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions, Policy
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training import calibrate, compare
from complaintnlp.training.compare import bootstrap, compare_runs, comparison_markdown
from complaintnlp.training.dataset import EVALUATION_ONLY, read_annotations
from complaintnlp.training.metrics import Gold
from complaintnlp.training.project_labels import add_labels, read_known_labels
from complaintnlp.training.sources import OWN_SOURCES
from complaintnlp.training.train import Run, train


def some(seed: int, count: int = 60) -> tuple[Gold, Decisions]:
    draw = np.random.default_rng(seed)
    types = draw.random((count, len(FAILURE_TYPE_IDS))) < 0.2
    levels, none = draw.integers(0, 5, count), np.zeros(count, dtype=np.int64)
    risk, reasons = np.zeros(count, dtype=bool), np.zeros((count, 4), dtype=bool)
    gold = Gold(types, none, levels, none, risk, reasons)
    flipped = types ^ (draw.random(types.shape) < 0.1)
    said = Decisions(
        flipped, none, (levels + draw.integers(0, 2, count)).clip(0, 4), none, risk, reasons, risk, flipped[:, :0]
    )
    return gold, said


def test_resampled_figures_scatter_around_those_of_scikit_learn() -> None:
    gold, said = some(1)
    draws = bootstrap(gold, said)
    f1 = f1_score(gold.failure_types, said.failure_types, average="micro")
    kappa = cohen_kappa_score(gold.intensity, said.intensity, weights="quadratic")
    assert np.mean(draws["type_micro_f1"]) == pytest.approx(f1, abs=0.01)
    assert np.mean(draws["intensity_qwk"]) == pytest.approx(kappa, abs=0.02)
    low, high = np.quantile(draws["type_micro_f1"], [0.025, 0.975])
    assert low < f1 < high


def test_the_kappa_of_each_resample_is_that_of_scikit_learn() -> None:
    gold, said = some(2, count=40)
    rows = np.random.default_rng(0).integers(0, 40, (1000, 40))[7]
    expected = cohen_kappa_score(gold.intensity[rows], said.intensity[rows], weights="quadratic", labels=range(5))
    assert bootstrap(gold, said)["intensity_qwk"][7] == pytest.approx(expected)


def test_a_run_gains_nothing_over_itself_and_an_ensemble_of_it_is_itself(
    make_run: Callable[..., Run], annotations: Path
) -> None:
    run = make_run("one", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    name = str(run.folder)
    report = compare_runs([name, f"{name}+{name}"], annotations, note=lambda _: None)
    first, twice = report.values()
    assert set(first) == {"en", "tr", "zh", "hy adapted", "hy real"}
    for group, values in first.items():
        assert twice[group]["type_micro_f1"] == values["type_micro_f1"]
        bounds = twice[group]["intervals"]["type_micro_f1"]
        assert (bounds["gain_low"], bounds["gain_high"]) == (0.0, 0.0)
    table = comparison_markdown(report)
    assert table.count(f"| {name} |") == 5
    assert "+0.000 to +0.000" in table


def test_the_test_split_is_measured_with_what_was_fitted_on_the_development_split(
    make_run: Callable[..., Run], annotations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("one", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    fitted_on: list[Sequence[str]] = []

    def noted(scores: Scores, gold: Gold, languages: Sequence[str]) -> Policy:
        fitted_on.append(languages)
        return calibrate.fit_thresholds(scores, gold, languages)

    monkeypatch.setattr(compare, "fit_thresholds", noted)
    [report] = compare_runs([str(run.folder)], annotations, "test", note=lambda _: None).values()
    development = [row for row in read_annotations(annotations, "dev") if row["origin"] != EVALUATION_ONLY]
    assert fitted_on == [[row["language"] for row in development]]
    texts = Counter(row["language"] for row in read_annotations(annotations, "test"))
    assert report["en"]["texts"] == texts["en"]
    assert comparison_markdown({"one": report}, "test").startswith("test split, thresholds fitted on dev;")


def test_written_texts_stand_apart_by_source(
    make_run: Callable[..., Run], annotations: Path, corpora: Path, tmp_path: Path
) -> None:
    run = make_run("one", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    project, answers = tmp_path / "project", tmp_path / "answers.jsonl"
    labels = {"types": ["delay_wait"], "intensity": 1, "nps": "detractor", "at_risk": 0, "reasons": []}
    lines = [
        {"text": f"Առաքումը {day} օր ուշացավ։", "lang": "hy", "source": OWN_SOURCES[day % 2], **labels}
        for day in range(40)
    ]
    answers.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    add_labels([answers], project, corpora)
    [report] = compare_runs([str(run.folder)], annotations, project=project, note=lambda _: None).values()
    held_out = Counter(row["source"] for row in read_known_labels(project) if row["split"] == "dev")
    assert {group: values["texts"] for group, values in report.items()} == {
        f"hy {source}": count for source, count in held_out.items()
    }
    assert len(held_out) == 2
    assert "thresholds fitted on dev;" in comparison_markdown({"one": report}, crossed=False)
    with pytest.raises(ConfigurationError, match="holds no text of the dev split"):
        compare_runs([str(run.folder)], annotations, project=tmp_path / "none", note=lambda _: None)


def test_a_folder_without_a_run_is_named(annotations: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no finished run"):
        compare_runs([str(tmp_path / "none")], annotations, note=lambda _: None)
