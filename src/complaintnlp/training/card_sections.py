"""Sections of the model card that come from reports beside the evaluation, each only if it is of this very model."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from complaintnlp.analyzer import Analyzer
from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import ModelFolder
from complaintnlp.records import Feedback
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES
from complaintnlp.training.evaluate import weights_hash
from complaintnlp.training.frontier_report import speed_markdown
from complaintnlp.training.gate import gate_markdown
from complaintnlp.training.tables import number, table_head, table_row

FRONTIER: Final = "frontier"

_ROBUSTNESS: Final = """
## Robustness

What a change of the {split} texts costs in type micro-F1, with the 95% interval of the difference; a dash where a
change does not apply. `complaintnlp robustness` prints the other figures, and keeps which templates failed.

{changes}

Share of the checklist's cases (`data/checklist`, sentences of templates, none trained on) that are answered as they
should be:

{checklist}
"""

_SPEED: Final = """
## Speed

As `complaintnlp benchmark frontier` prints it, beside other models; cascades of two stand in its report.

{frontier}
{plot}"""

_GATE: Final = """
## What int8 changes

On unlabelled texts of the corpora that no hand label names, as `complaintnlp gate` prints it.

{gate}
"""

_FAILURES: Final = """
## Known failures

Texts written for this card, and what the model says to them today.

{rows}
"""


def robustness_section(folder: ModelFolder, reports: Path) -> str:
    """What changed texts cost, a column for each group; empty without a report of this model."""
    report = _report(folder, reports / f"{folder.name}-{folder.version}-robustness-dev.json")
    if report is None:
        return ""
    groups = list(dict.fromkeys(group for values in report["changes"].values() for group in values))
    changes = [*table_head("change", *groups)]
    for name, values in report["changes"].items():
        changes.append(table_row((name, *(_difference(values.get(group)) for group in groups))))
    languages = report["checklist"]["languages"]
    checklist = [*table_head("capability", *languages)]
    for capability in dict.fromkeys(name for values in languages.values() for name in values):
        passed = (values.get(capability, {}).get("passed") for values in languages.values())
        checklist.append(table_row((capability, *("-" if share is None else number(share) for share in passed))))
    return _ROBUSTNESS.format(split=report["split"], changes="\n".join(changes), checklist="\n".join(checklist))


def _difference(values: dict[str, Any] | None) -> str:
    if values is None:
        return "-"
    f1 = values["type_micro_f1"]
    return f"{f1['after'] - f1['before']:+.3f} ({f1['low']:+.3f} to {f1['high']:+.3f})"


def gate_section(folder: ModelFolder, reports: Path) -> str:
    """How far int8 lies from float32; empty without a report of this model."""
    report = _report(folder, reports / f"{folder.name}-{folder.version}-gate.json")
    return "" if report is None else _GATE.format(gate=gate_markdown(report))


def speed_section(folder: ModelFolder, reports: Path, plot: str | None) -> str:
    """Quality against speed beside other models; empty without a report that has this model.

    Args:
        folder: the model.
        reports: folder of the reports.
        plot: link to the picture, if there is one.
    """
    path = reports / f"{FRONTIER}.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"models": {}}
    sha256 = weights_hash(folder.path)
    if not any(model["model"]["sha256"] == sha256 for model in report["models"].values()):
        return ""
    picture = f"\n![Quality against texts per second]({plot})\n" if plot else ""
    return _SPEED.format(frontier=speed_markdown(report), plot=picture)


def failures_section(folder: ModelFolder, path: Path) -> str:
    """Texts of a file that the model misreads today, with its answers; empty if there is no file or it misreads none.

    Raises:
        ConfigurationError: the file is no valid TOML, or an entry is incomplete or names an unknown language or type.
    """
    if not path.is_file():
        return ""
    rows = list(_failures(Analyzer.load(folder.path), path))
    if not rows:
        return ""
    head = table_head("text", "should say", "says", "needs review", "why it is hard")
    return _FAILURES.format(rows="\n".join([*head, *rows]))


def _failures(analyzer: Analyzer, path: Path) -> Iterator[str]:
    for entry in _entries(path):
        answer = analyzer.analyze(Feedback(text=entry["text"], language=entry["language"]))
        said = [failure.code for failure in answer.failure_types]
        if set(said) != set(entry["failure_types"]):
            listed = (", ".join(types) or "none" for types in (entry["failure_types"], said))
            review = "yes" if answer.needs_review else "no"
            yield table_row((entry["text"].replace("|", "/"), *listed, review, entry["cause"]))


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["failure"]
        for entry in entries:
            unknown = set(entry["failure_types"]) - set(FAILURE_TYPE_IDS)
            if unknown or entry["language"] not in LANGUAGES or not (entry["text"] and entry["cause"]):
                raise ConfigurationError(
                    f"{path}: {entry['text']!r} has a wrong type or language; types: {', '.join(FAILURE_TYPE_IDS)}; "
                    f"languages: {', '.join(LANGUAGES)}"
                )
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} must hold [[failure]] tables with text, language, failure_types and cause: {error!r}"
        ) from None
    return list(entries)


def _report(folder: ModelFolder, path: Path) -> dict[str, Any] | None:
    """A report, if it is there and measured these weights."""
    if not path.is_file():
        return None
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report if report["model"].get("sha256") == weights_hash(folder.path) else None
