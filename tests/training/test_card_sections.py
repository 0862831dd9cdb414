"""Sections of the card that come from other reports, on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.training.card_sections import failures_section, gate_section, robustness_section, speed_section
from complaintnlp.training.evaluate import weights_hash

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "training" / "results"


@pytest.fixture
def folder(tiny_model: Path) -> ModelFolder:
    return read_model_folder(tiny_model)


def borrowed(folder: ModelFolder, name: str, target: Path) -> dict[str, object]:
    """A committed report, told of the tiny model instead of the released one."""
    report: dict[str, object] = json.loads(next(RESULTS.glob(f"complaintnlp-small-*-{name}.json")).read_text("utf-8"))
    report["model"] = {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)}
    (target / f"{folder.name}-{folder.version}-{name}.json").write_text(json.dumps(report), encoding="utf-8")
    return report


def test_robustness_has_a_line_for_each_change_and_capability(folder: ModelFolder, tmp_path: Path) -> None:
    assert robustness_section(folder, tmp_path) == ""
    report = borrowed(folder, "robustness-dev", tmp_path)
    section = robustness_section(folder, tmp_path)
    changes = report["changes"]
    assert isinstance(changes, dict)
    for name, groups in changes.items():
        line = next(line for line in section.splitlines() if line.startswith(f"| {name} |"))
        assert line.count(" to ") == len(groups)
    f1 = changes["traditional"]["zh"]["type_micro_f1"]
    assert f"{f1['after'] - f1['before']:+.3f} ({f1['low']:+.3f} to {f1['high']:+.3f})" in section
    assert "| negation |" in section


def test_gate_is_shown_for_this_model_alone(folder: ModelFolder, tmp_path: Path) -> None:
    report = borrowed(folder, "gate", tmp_path)
    assert "int8" in gate_section(folder, tmp_path)
    report["model"] = {"name": folder.name, "version": folder.version, "sha256": "of other weights"}
    path = tmp_path / f"{folder.name}-{folder.version}-gate.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    assert gate_section(folder, tmp_path) == ""


def test_speed_needs_a_report_that_has_this_model(folder: ModelFolder, tmp_path: Path) -> None:
    assert speed_section(folder, tmp_path, None) == ""
    report = json.loads((RESULTS / "frontier.json").read_text("utf-8"))
    (tmp_path / "frontier.json").write_text(json.dumps(report), encoding="utf-8")
    assert speed_section(folder, tmp_path, None) == ""
    next(iter(report["models"].values()))["model"]["sha256"] = weights_hash(folder.path)
    (tmp_path / "frontier.json").write_text(json.dumps(report), encoding="utf-8")
    assert "texts/s" in speed_section(folder, tmp_path, None)
    assert "(plots/frontier.png)" in speed_section(folder, tmp_path, "plots/frontier.png")


def entry(failure_types: list[str], language: str = "en", text: str = "The parcel is late.") -> str:
    types = ", ".join(f'"{name}"' for name in failure_types)
    return f'[[failure]]\ntext = "{text}"\nlanguage = "{language}"\nfailure_types = [{types}]\ncause = "short"\n'


def test_failures_are_asked_again_and_only_wrong_answers_stay(folder: ModelFolder, tmp_path: Path) -> None:
    path = tmp_path / "failures.toml"
    assert failures_section(folder, path) == ""
    options: list[list[str]] = [[], ["delay_wait"]]
    sections = []
    for types in options:
        path.write_text(entry(types), encoding="utf-8")
        sections.append(failures_section(folder, path))
    assert any("The parcel is late." in section for section in sections), "one answer cannot be both"


@pytest.mark.parametrize(
    "content", [entry(["late"]), entry([], "de"), entry([], text=""), "[[failure]]\ntext = 1\n", "failure = 3", "x ="]
)
def test_a_broken_list_of_failures_is_refused(folder: ModelFolder, tmp_path: Path, content: str) -> None:
    (tmp_path / "failures.toml").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"failures\.toml"):
        failures_section(folder, tmp_path / "failures.toml")
