"""A released folder calibrated anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from complaintnlp.judgement.precision import SETTING
from complaintnlp.model.folder import read_model_folder
from complaintnlp.training.export import write_settings
from complaintnlp.training.release import recalibrate, release_run
from complaintnlp.training.train import Run, train


def test_calibrating_anew_adds_biases_and_precisions_and_changes_nothing_else(
    make_run: Callable[..., Run], annotations: Path, tmp_path: Path
) -> None:
    run = make_run("released", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    model = release_run(run.folder, tmp_path / "model", annotations, name="tiny", version="1")
    settings = dict(read_model_folder(model).settings)
    older = {name: value for name, value in settings.items() if name not in {SETTING, "biases"}}
    training = {**settings["training"], "calibrated_on": "other texts"}
    write_settings(model, {**older, "schema_version": 2, "training": training})
    assert dict(recalibrate(model, annotations).settings) == settings
