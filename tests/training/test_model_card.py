"""The card of a tiny released model, from a report measured on it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.evaluate import evaluate_model, write_report
from complaintnlp.training.model_card import write_card
from complaintnlp.training.release import release_run
from complaintnlp.training.reliability import beyond_target, calibration_markdown, review_markdown
from complaintnlp.training.tables import number
from complaintnlp.training.train import Run, train

SOURCES = """[[source]]
language = "en"
name = "written-here"
rows = 1
licence = "MIT"
permissive = true
verified = true
"""


def test_the_card_holds_what_was_measured_and_its_links_lead_to_the_plots(
    make_run: Callable[..., Run], annotations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("carded", [{"name": "hand", "epochs": 1, "batch_tokens": 256}])
    train(run)
    model = release_run(run.folder, tmp_path / "models" / "tiny", annotations, name="tiny", version="1")
    report = evaluate_model(model, annotations, "dev", note=lambda _: None)
    write_report(report, tmp_path / "report.json")
    (tmp_path / "sources.toml").write_text(SOURCES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    card = write_card(Path("models/tiny"), Path("report.json"), Path("sources.toml"), plots=Path("training/plots"))
    text = card.read_text(encoding="utf-8")
    for part in (calibration_markdown(report), beyond_target(report), review_markdown(report)):
        assert part in text
    links = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(links) == 3
    for link in links:
        assert link.startswith("../../training/plots/")
        assert (card.parent / link).is_file()

    assert "permissive sources alone" not in text
    write_report(report, tmp_path / "permissive.json")
    card = write_card(
        Path("models/tiny"), Path("report.json"), Path("sources.toml"), permissive=Path("permissive.json")
    )
    f1 = number(report["groups"]["en"]["type_micro_f1"])
    assert f"| permissive sources alone, type micro-F1 | {f1} |" in card.read_text(encoding="utf-8")
    write_report({**report, "fingerprint": "of other texts"}, tmp_path / "permissive.json")
    card = write_card(
        Path("models/tiny"), Path("report.json"), Path("sources.toml"), permissive=Path("permissive.json")
    )
    assert "permissive sources alone" not in card.read_text(encoding="utf-8")

    write_report({**report, "model": {**report["model"], "sha256": "0"}}, tmp_path / "other.json")
    with pytest.raises(ConfigurationError, match="measures other weights or thresholds"):
        write_card(model, tmp_path / "other.json", tmp_path / "sources.toml")
