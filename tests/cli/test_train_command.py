"""``complaintnlp train --data`` and ``data label-studio``, as the installed commands run."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from complaintnlp import Analyzer
from complaintnlp.cli import main

Run = Callable[..., tuple[int, str, str]]
LABELS = Path(__file__).parents[2] / "data" / "samples" / "own-labels.csv"
TAXONOMY = Path(__file__).parents[2] / "data" / "samples" / "own-types.toml"
NEW_TYPE = '[new_types.paper_bill]\nnames = { en = "Paper bill", tr = "Kağıt fatura" }\nlike = "price_billing"\n'


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["complaintnlp", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


def test_the_sample_trains_a_model_that_answers(run: Run, tmp_path: Path) -> None:
    options = ("--taxonomy", TAXONOMY, "--epochs", "1", "--annotations", tmp_path / "none")
    code, out, err = run("train", "--data", LABELS, *options, "-o", tmp_path / "mine")
    assert code == 0, err
    assert "60 rows" in out
    assert "Your held-out texts, before → after:" in out
    assert "Our sample (60 written texts" in out
    assert "written after" in err
    assert Analyzer.load(tmp_path / "mine").analyze("房间有霉味，空调也不制冷。").status == "scored"


def test_figures_before_and_after_go_to_mlflow(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    options = ("--taxonomy", TAXONOMY, "--epochs", "1", "--annotations", tmp_path / "none", "--mlflow")
    code, _, err = run("train", "--data", LABELS, *options, "-o", tmp_path / "mine")
    assert code == 0, err
    (kept,) = mlflow.MlflowClient().search_runs(["0"])
    assert (kept.info.run_name, kept.data.params["epochs"]) == ("mine", "1")
    assert {"own/before/all/detractor_f1", "own/after/all/detractor_f1"} <= set(kept.data.metrics)
    assert {"ours/before/en/type_micro_f1", "ours/after/en/type_micro_f1"} <= set(kept.data.metrics)


def test_mlflow_that_is_not_installed_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    code, _, err = run("train", "--data", LABELS, "--taxonomy", TAXONOMY, "--mlflow", "-o", tmp_path / "mine")
    assert code == 1
    assert "--mlflow needs the package 'mlflow', which is not installed; run: pip install 'complaintnlp[mlflow]'" in err
    assert not (tmp_path / "mine").exists()


def test_check_trains_nothing(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("train", "--data", LABELS, "--taxonomy", TAXONOMY, "--check", "-o", tmp_path / "mine")
    assert code == 0
    assert "rare: fewer than 10" in out
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "give either a recipe or, with --data, your own labelled texts"),
        (("recipe.toml", "--data", LABELS), "give either a recipe or, with --data"),
        (("--data", LABELS, "--resume"), "--resume continues the run of a recipe"),
        (("--data", LABELS), "--data needs -o: the model folder to write"),
        (("--data", LABELS, "-o", "x"), "own-labels.csv, line 2, failure_types: 'too late' is not one of delay_wait"),
        (("--data", "nowhere.csv", "-o", "x"), "nowhere.csv"),
    ],
)
def test_wrong_use_is_one_readable_line(run: Run, arguments: tuple[str | Path, ...], problem: str) -> None:
    code, out, err = run("train", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert problem in err
    assert len(err.splitlines()) == 1


def test_texts_go_to_label_studio_and_labels_come_back(run: Run, tmp_path: Path) -> None:
    queue, tasks = tmp_path / "queue.jsonl", tmp_path / "tasks.json"
    queue.write_text('{"id": "a", "lang": "en", "source": "x", "text": "late again", "value": 1.5}\n', encoding="utf-8")
    code, out, _ = run("data", "label-studio", "export", queue, "-o", tasks)
    assert code == 0
    assert out.startswith("<View>")
    (task,) = json.loads(tasks.read_text(encoding="utf-8"))
    assert task == {"data": {"id": "a", "language": "en", "text": "late again"}}

    result = {"from_name": "failure_types", "type": "choices", "value": {"choices": ["delay_wait"]}}
    (tmp_path / "export.json").write_text(json.dumps([{**task, "annotations": [{"result": [result]}]}]))
    code, out, _ = run("data", "label-studio", "import", tmp_path / "export.json", "-o", tmp_path / "mine.csv")
    assert code == 0
    assert "1 labelled texts, 0 tasks without a label left out" in out
    with (tmp_path / "mine.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["id"], row["failure_types"], row["at_risk"]) == ("a", "delay_wait", "0")


def test_a_new_type_is_checked_trained_shown_and_offered_for_labelling(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        TAXONOMY.read_text(encoding="utf-8").replace('"bill" = "price_billing"', '"bill" = "paper_bill"') + NEW_TYPE,
        encoding="utf-8",
    )
    options = ("--data", LABELS, "--taxonomy", mine, "--annotations", tmp_path / "none")
    code, out, err = run("train", *options, "--epochs", "1", "-o", tmp_path / "mine")
    assert code == 0, err
    (row,) = (line for line in out.splitlines() if line.split("│")[1:2] and line.split("│")[1].strip() == "paper_bill")
    assert "rare: fewer than 30" in row
    assert "| paper_bill | price_billing | " in out

    settings = json.loads((tmp_path / "mine" / "complaintnlp.json").read_text(encoding="utf-8"))
    settings["own_failure_types"][0]["threshold"] = 0.0
    (tmp_path / "mine" / "complaintnlp.json").write_text(json.dumps(settings), encoding="utf-8")
    code, out, err = run("analyze", "--model", tmp_path / "mine", "--ui-language", "tr", "Faturam yine yanlış geldi.")
    assert code == 0, err
    assert "Kağıt fatura" in out
    (tmp_path / "texts.csv").write_text("text\nFaturam yine yanlış geldi.\n", encoding="utf-8")
    code, _, err = run("score", "--model", tmp_path / "mine", tmp_path / "texts.csv", "-o", tmp_path / "scored.csv")
    assert code == 0, err
    with (tmp_path / "scored.csv").open(encoding="utf-8-sig", newline="") as stream:
        (scored,) = csv.DictReader(stream)
    assert "paper_bill" in scored["cnlp_failure_types"].split(";")

    code, out, _ = run("train", *options[:2], "--init", tmp_path / "mine", "--taxonomy", TAXONOMY, "--check")
    assert code == 0
    assert "paper_bill" in out, "the model to start from knows it"
    export = ("data", "label-studio", "export", tmp_path / "texts.csv", "-o", tmp_path / "tasks.json")
    assert 'alias="paper_bill"' in run(*export, "--taxonomy", mine)[1]
