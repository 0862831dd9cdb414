"""Runs that are kept in MLflow too: a real MLflow, its store a folder of the test."""

from __future__ import annotations

import logging
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.tracking import flat, mlflow_run, numbers


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    return mlflow.MlflowClient()


def only_run(store: mlflow.MlflowClient) -> mlflow.entities.Run:
    (run,) = store.search_runs(["0"])
    return run


def test_settings_and_figures_of_each_step_are_kept(store: mlflow.MlflowClient) -> None:
    with mlflow_run("mine", {"seed": 13, "stage": [{"name": "hand", "epochs": 2}]}) as report:
        report({"stage": "hand", "loss": 2.5, "dev": {"hy adapted": {"type_micro_f1": 0.5}}}, 1)
        report({"stage": "hand", "loss": 1.5, "dev": {"hy adapted": {"type_micro_f1": float("nan")}}}, 2)
    run = only_run(store)
    assert run.info.run_name == "mine"
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "13", "stage.0.name": "hand", "stage.0.epochs": "2"}
    assert [(each.step, each.value) for each in store.get_metric_history(run.info.run_id, "loss")] == [
        (1, 2.5),
        (2, 1.5),
    ]
    assert run.data.metrics["dev/hy adapted/type_micro_f1"] == 0.5


def test_more_settings_than_one_call_takes_are_all_kept(store: mlflow.MlflowClient) -> None:
    with mlflow_run("long", {f"setting {number}": number for number in range(205)}):
        pass
    assert len(only_run(store).data.params) == 205


def test_a_resumed_run_goes_on_in_the_same_place(store: mlflow.MlflowClient, tmp_path: Path) -> None:
    def power_cut() -> None:
        with mlflow_run("cut", {"seed": 1}, tmp_path / "run") as report:
            report({"loss": 3.0}, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        power_cut()
    assert only_run(store).info.status == "FAILED"
    with mlflow_run("cut", {"seed": 1}, tmp_path / "run") as report:
        report({"loss": 2.0}, 2)
    run = only_run(store)
    assert run.info.status == "FINISHED"
    assert [each.value for each in store.get_metric_history(run.info.run_id, "loss")] == [3.0, 2.0]


def test_a_server_that_does_not_answer_is_told_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        pytest.raises(ConfigurationError, match=r"MLflow at http://127.0.0.1:9 .* or train without --mlflow"),
        mlflow_run("mine", {}),
    ):
        pytest.fail("the training began")


def test_a_server_that_falls_silent_costs_its_figures_only(
    store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise MlflowException("gone")

    with caplog.at_level(logging.WARNING, "complaintnlp"), mlflow_run("mine", {}) as report:
        with monkeypatch.context() as patch:
            patch.setattr(mlflow, "log_metrics", silent)
            report({"loss": 2.0}, 1)
        report({"loss": 1.0}, 2)
    assert "MLflow did not take the figures of step 1: gone" in caplog.text
    assert only_run(store).data.metrics == {"loss": 1.0}


def test_a_server_that_is_gone_at_the_end_does_not_undo_the_work(
    store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise MlflowException("gone")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "complaintnlp"):
        patch.setattr(mlflow, "end_run", silent)
        with mlflow_run("mine", {}) as report:
            report({"loss": 2.0}, 1)
    mlflow.end_run()
    assert "MLflow was not told that the run is FINISHED: gone" in caplog.text
    assert only_run(store).data.metrics == {"loss": 2.0}


def test_nested_settings_come_to_one_level_and_plain_lists_stay() -> None:
    assert flat({"loss": {"nps": 1.0}, "soft": ["a", "b"], "stage": [{"x": 1}, {"x": 2}]}, ".") == {
        "loss.nps": 1.0,
        "soft": ["a", "b"],
        "stage.0.x": 1,
        "stage.1.x": 2,
    }


def test_words_and_unknown_figures_are_no_numbers() -> None:
    assert numbers({"stage": "hand", "epoch": 3, "dev": {"en": {"f1": float("nan"), "qwk": 0.8}}, "none": None}) == {
        "epoch": 3.0,
        "dev/en/qwk": 0.8,
    }
