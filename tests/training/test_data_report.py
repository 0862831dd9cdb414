"""Tables of the training data."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.data_report import rate_lines, report_tables
from complaintnlp.training.label_mapping import load_mapping


def test_tables_count_labels_and_corpora(annotations: Path, corpora: Path) -> None:
    hand, types, sources = report_tables(annotations, corpora, frozenset({"app-reviews"}))
    console = Console(file=StringIO(), width=200)
    console.print(hand, types, sources)
    assert isinstance(console.file, StringIO)
    lines = [line.replace("│", " ").split() for line in console.file.getvalue().splitlines()]
    assert ["en", "real", "42", "14", "14"] in lines
    assert ["hy", "adapted", "42", "14", "14"] in lines
    assert ["hy", "real-evaluation-only", "0", "14", "14"] in lines
    for name in FAILURE_TYPE_IDS:
        assert [name, "5", "7", "5", "5"] in lines
    (apps,) = [line for line in lines if line[:2] == ["en", "app-reviews"]]
    assert (apps[2:5], apps[-1]) == (["84", "84", "84"], "yes")
    (commands,) = [line for line in lines if line[:2] == ["zh", "massive"]]
    assert (commands[2:4], commands[-1]) == (["10", "5"], "-")


def test_every_rule_is_measured(annotations: Path, corpora: Path) -> None:
    assert len(list(rate_lines(annotations, corpora))) == len(load_mapping().rules)
