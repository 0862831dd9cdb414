"""``complaintnlp benchmark``, as the installed command runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from complaintnlp.cli import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["complaintnlp", "benchmark", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_an_output_that_is_no_json_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "yardsticks", "-o", tmp_path / "table.md") == 1
    assert "must end in .json" in capsys.readouterr().err


def test_an_unknown_yardstick_is_named_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "yardsticks", "waimay", "-o", tmp_path / "out.json") == 1
    assert "yardstick waimay is not one of airline-sentiment" in capsys.readouterr().err


def test_report_and_table_are_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_model: Path, tmp_path: Path
) -> None:
    report: dict[str, object] = {"model": {"name": "tiny", "version": "1"}, "yardsticks": {}}
    asked: list[object] = []

    def measure(options: object, names: object, out: Path, *, progress: object) -> dict[str, object]:
        asked.extend([options, names])
        out.write_text(json.dumps(report), encoding="utf-8")
        return report

    monkeypatch.setattr("complaintnlp.training.yardsticks.measure_yardsticks", measure)
    out = tmp_path / "out.json"
    assert run(monkeypatch, "yardsticks", "waimai", "--model", tiny_model, "--texts", "99", "-o", out) == 0
    assert asked[1] == ["waimai"]
    assert (getattr(asked[0], "model", None), getattr(asked[0], "texts", None)) == (tiny_model, 99)
    assert (tmp_path / "out.md").read_text(encoding="utf-8").startswith("tiny 1.")
    assert "tiny 1." in capsys.readouterr().out
