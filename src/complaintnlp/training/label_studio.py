"""Label Studio in and out: a queue of texts as its tasks, a project's export as a table that ``train --data`` reads.

Formats of Label Studio 1.x (labelstud.io/guide/export): a task is ``{"data": {...}}``; an exported task has
``annotations`` whose ``result`` lists ``{"from_name": ..., "type": "choices", "value": {"choices": [...]}}``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.taxonomy import FAILURE_TYPES, INTENSITY_LEVELS, LANGUAGES, NPS_CLASSES, RISK_REASONS, Label
from complaintnlp.training.own_types import NONE

_COLUMNS: Final = (
    *("id", "language", "failure_types", "primary", "intensity", "nps_class", "at_risk", "risk_reasons", "text"),
)
_QUESTIONS: Final[Mapping[str, tuple[str, bool, Mapping[str, Label]]]] = {
    "failure_types": ("What failed? (all that apply)", True, FAILURE_TYPES),
    "primary": ("Which of these is the primary failure?", False, FAILURE_TYPES),
    "intensity": ("How strong is the negative emotion?", False, INTENSITY_LEVELS),
    "nps_class": ("Would this customer speak against us?", False, NPS_CLASSES),
    "risk_reasons": ("Why may the customer leave? (nothing where not at risk)", True, RISK_REASONS),
}
"""Per column: the question, whether several answers may be given, and the labels."""


def labelling_config(language: str = "en", own_types: Iterable[Label] = ()) -> str:
    """The labelling interface (XML) to paste into a project's settings.

    Args:
        language: of the labels' names.
        own_types: failure types of the user's own, offered after the 13.

    Raises:
        InvalidInputError: the language is none of the four.
    """
    if language not in LANGUAGES:
        raise InvalidInputError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
    lines = ["<View>", '  <Text name="text" value="$text"/>']
    for name, (question, several, labels) in _QUESTIONS.items():
        lines.append(f"  <Header value={quoteattr(question)}/>")
        kind = "multiple" if several else "single-radio"
        lines.append(f'  <Choices name="{name}" toName="text" choice="{kind}" showInLine="true">')
        lines += [
            f"    <Choice alias={quoteattr(label.id)} value={quoteattr(label.name(language))} "
            f"hint={quoteattr(label.definition)}/>"
            for label in (*labels.values(), *(own_types if labels is FAILURE_TYPES else ()))
        ]
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def write_tasks(rows: Iterable[Mapping[str, str]], out: Path) -> int:
    """Write texts as tasks to import; ``text``, ``id`` and ``language`` of each row are kept.

    Returns:
        The number of tasks.
    """
    tasks = [{"data": {key: row[key] for key in ("id", "language", "text") if row.get(key)}} for row in rows]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return len(tasks)


def write_table(export: Path, out: Path) -> tuple[int, int]:
    """Write the labels of a project's export (format "JSON") as CSV.

    Of several annotations of a task the last that was not cancelled counts. A finished task without a failure type
    names none; one without a risk reason is not at risk.

    Returns:
        Rows written, and tasks passed over because nobody labelled them.

    Raises:
        InputFileError: the file is missing or no such export.
    """
    tasks = _tasks(export)
    rows = []
    for number, task in enumerate(tasks, start=1):
        try:
            row = _row(task)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputFileError(
                f"{export}, task {number} is none of a Label Studio export ({error!r}); "
                "export the project as JSON (not JSON-MIN), labelled with our interface"
            ) from None
        if row is not None:
            rows.append(row)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return len(rows), len(tasks) - len(rows)


def _tasks(export: Path) -> Sequence[Mapping[str, Any]]:
    try:
        tasks = json.loads(export.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputFileError(f"{export} does not exist") from None
    except (OSError, ValueError) as error:
        raise InputFileError(f"{export} is no JSON: {error}") from None
    if not isinstance(tasks, list):
        raise InputFileError(f"{export} must hold a list of tasks; export the project as JSON")
    return tasks


def _row(task: Mapping[str, Any]) -> dict[str, str] | None:
    finished = [each for each in task["annotations"] if not each.get("was_cancelled")]
    if not finished:
        return None
    chosen: dict[str, list[str]] = {}
    for result in finished[-1]["result"]:
        if result.get("type") == "choices":
            chosen[result["from_name"]] = [_label_id(result["from_name"], name) for name in result["value"]["choices"]]
    row = {name: ";".join(chosen.get(name, ())) for name in _QUESTIONS}
    row["failure_types"] = row["failure_types"] or NONE
    row["at_risk"] = str(int(bool(row["risk_reasons"])))
    row["risk_reasons"] = row["risk_reasons"] or NONE
    source = task["data"]
    known = {name: str(source[name]) for name in ("id", "language") if name in source}
    return {**row, **known, "text": str(source["text"])}


def _label_id(question: str, name: str) -> str:
    """Id of a chosen label; older versions export the name shown instead of its alias."""
    labels = _QUESTIONS[question][2].values()
    return next((label.id for label in labels if name in label.names.values()), name)
