"""``complaintnlp benchmark frontier``, as the installed command runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.cli import main
from complaintnlp.training import frontier

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["complaintnlp", "benchmark", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call


def test_models_are_measured_written_and_drawn(
    run: Run, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"type_micro_f1": 0.5, "detractor_f1": 0.5, "intensity_qwk": 0.5, "at_risk_auroc": 0.5}
    quality = {"groups": {"en": figures, "hy adapted": figures}, "mean_type_micro_f1": 0.5}
    monkeypatch.setattr(frontier, "quality", lambda answered, labelled: quality)
    labels = tmp_path / "annotations"
    labels.mkdir()
    columns = "id,split,origin,source,source_id,failure_types,primary,intensity,nps_class,at_risk,risk_reasons,text"
    for language in ("tr", "zh", "hy", "en"):
        row = f"a{language},dev,real,here,,,,0,promoter,0,,too late"
        (labels / f"{language}.csv").write_text(f"{columns}\n{row}\n", encoding="utf-8")
    out, plot = tmp_path / "frontier.md", tmp_path / "frontier.svg"
    options: tuple[Any, ...] = ("--annotations", labels, "--corpora", tmp_path / "none", "--texts", 4, "--rounds", 1)
    code, printed, err = run("frontier", tiny_model, "-o", out, "--plot", plot, *options)
    assert code == 0, err
    assert "| tiny | - |" in printed
    assert out.read_text(encoding="utf-8") == printed
    assert plot.read_text(encoding="utf-8").startswith("<?xml")
    assert f"drawn in {plot}" in err.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("-o", "x.txt"), "-o x.txt: the file must end in .md or .json"),
        (("-o", "x.md", "--plot", "x.pdf"), "--plot x.pdf: the file must end in .png or .svg"),
        (("-o", "x.md", "--split", "train"), "--split 'train' is not one of dev, test"),
        (("-o", "x.md", "--cascade", "a:b"), "--cascade 'a:b' must be FAST:GOOD, two of the models"),
        (("-o", "x.md", "--annotations", "nowhere"), "nowhere/tr.csv is missing"),
    ],
)
def test_wrong_use_is_one_readable_line(run: Run, tiny_model: Path, arguments: tuple[str, ...], problem: str) -> None:
    code, out, err = run("frontier", tiny_model, *arguments)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: ")
    assert problem in err


def test_the_help_teaches(run: Run) -> None:
    code, out, _ = run("frontier", "--help")
    assert code == 0
    assert "on the frontier if no other one is both faster and better" in " ".join(out.split())
    assert "Example: complaintnlp benchmark frontier" in out
