"""The frontier as tables and as a plot, from figures written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import InvalidInputError
from complaintnlp.training.frontier import Report
from complaintnlp.training.frontier_plot import PLOT_SUFFIXES, plot_frontier
from complaintnlp.training.frontier_report import check_suffix, frontier_markdown, write_frontier
from complaintnlp.training.metrics import GROUPS

MAX_BYTES = 200_000


def quality(f1: float) -> dict[str, Any]:
    values = {"type_micro_f1": f1, "detractor_f1": 0.9, "intensity_qwk": 0.75, "at_risk_auroc": float("nan")}
    return {"mean_type_micro_f1": f1, "groups": {group: dict(values) for group in GROUPS}}


def model(rate: float, f1: float, layers: int | None, *, on_frontier: bool) -> dict[str, Any]:
    return {
        "model": {"name": "tiny", "version": "1", "sha256": "0" * 64},
        "layers": layers,
        "bytes": 22_340_000,
        "texts_per_second": rate,
        "rounds": [rate - 1.0, rate],
        "model_texts_per_second": 2 * rate,
        "p50_ms": 5.04,
        "p99_ms": 20.0,
        **quality(f1),
        "on_frontier": on_frontier,
    }


@pytest.fixture
def report() -> Report:
    lines = [
        {"cut": cut, "share": share, "timed_share": share, "texts_per_second": rate, **quality(f1)}
        for cut, share, rate, f1 in ((1.0, 0.0, 280.0, 0.71), (0.4321, 0.5, 540.0, 0.7), (0.0, 1.0, 900.0, 0.55))
    ]
    return {
        "split": "dev",
        "fingerprint": "f",
        "machine": "x86_64, AVX-512 VNNI: yes",
        "workers": 2,
        "timed": {"texts": 2000, "origin": "corpora", "mean_tokens": 30.04},
        "ceiling_texts_per_second": 1010.4,
        "models": {
            "small": model(300.0, 0.71, 8, on_frontier=True),
            "worse_$x$": model(250.0, 0.6, None, on_frontier=False),
            "фаст": model(900.0, 0.55, 0, on_frontier=True),
        },
        "cascades": [
            {
                "fast": "фаст",
                "good": "small",
                "lines": lines,
                "check": {"cut": 0.4321, "texts_per_second": 512.0, "estimated": 540.0},
            }
        ],
    }


def test_the_tables_hold_every_model_and_every_cut(report: Report) -> None:
    lines = frontier_markdown(report).splitlines()
    assert lines[0].startswith("Quality: dev split, on which epochs, calibration, thresholds and cuts were chosen.")
    assert (
        "2000 texts (corpora) of 30.0 tokens in the mean, 2 at once with one thread each, best of 2 rounds" in lines[2]
    )
    f1 = " | 0.710" * 6
    assert f"| small | 8 | 22.3 | 300 | 1.00 | 600 | 5.0 | 20.0{f1} | yes |" in lines
    assert any(line.startswith("| worse_$x$ | - | 22.3 | 250 | 0.83 |") and line.endswith("| no |") for line in lines)
    assert f"| detractor F1 | фаст{' | 0.900' * 5} |" in lines
    assert f"| risk AUROC | small{' | -' * 5} |" in lines
    assert f"| 0.4321 | 50% | 50% | 540{' | 0.700' * 6} |" in lines
    assert lines[-1].startswith("At the cut 0.4321, chosen on the dev split")
    assert lines[-1].endswith("512 texts/s were measured and 540 estimated.")


def test_a_test_report_says_where_the_choices_were_made(report: Report) -> None:
    text = frontier_markdown({**report, "split": "test"})
    assert text.startswith("Quality: test split; the dev split is that on which epochs")


def test_the_report_is_written_as_its_suffix_says(report: Report, tmp_path: Path) -> None:
    write_frontier(report, tmp_path / "deep" / "frontier.md")
    assert (tmp_path / "deep" / "frontier.md").read_text(encoding="utf-8") == frontier_markdown(report) + "\n"
    write_frontier(report, tmp_path / "frontier.json")
    content = json.loads((tmp_path / "frontier.json").read_text(encoding="utf-8"))
    assert content["models"]["small"]["rounds"] == [299.0, 300.0]
    assert content["models"]["small"]["groups"]["en"]["at_risk_auroc"] is None


def test_another_suffix_is_refused() -> None:
    check_suffix(Path("a.svg"), PLOT_SUFFIXES, "--plot")
    with pytest.raises(InvalidInputError, match=r"^--plot a\.jpg: the file must end in \.png or \.svg$"):
        check_suffix(Path("a.jpg"), PLOT_SUFFIXES, "--plot")


@pytest.mark.parametrize("suffix", PLOT_SUFFIXES)
def test_the_plot_is_small_and_the_same_each_time(report: Report, tmp_path: Path, suffix: str) -> None:
    first, second = (tmp_path / "deep" / f"{name}{suffix}" for name in ("first", "second"))
    plot_frontier(report, first)
    plot_frontier(report, second)
    assert first.read_bytes() == second.read_bytes()
    assert 5_000 < first.stat().st_size < MAX_BYTES


def test_the_plot_names_models_panels_and_cascade_without_foreign_letters(report: Report, tmp_path: Path) -> None:
    plot_frontier(report, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert all(f">{label}<" in text for label in ("small", "worse_$x$", "????", *GROUPS))
    assert "cascade ???? : small, speed estimated" in text
    assert "speed measured at the chosen cut" in text
    assert "a model that costs nothing" in text
    shown = text[text.index("<defs>") :]
    assert all(ord(letter) < 0x400 for letter in shown)


def test_a_narrow_range_without_cascade_is_drawn_too(report: Report, tmp_path: Path) -> None:
    del report["models"]["фаст"]
    plot_frontier({**report, "cascades": []}, tmp_path / "narrow.png")
    assert (tmp_path / "narrow.png").stat().st_size > 5_000
