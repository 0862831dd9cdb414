"""The table of public yardsticks: our figures, the published ones, and what is different between them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from complaintnlp.training.evaluate import weights_hash
from complaintnlp.training.tables import table_row
from complaintnlp.training.yardstick_list import Yardstick, load_yardsticks

SETTINGS: Final = {
    "base_encoder": "frozen base encoder",
    "model_outputs": "frozen model outputs",
    "as_it_is": "model as it is",
}
"""Ways to answer, with their column titles: regressions on the base encoder's mean-pooled vectors and on the model's
logits, and the model's own heads."""

_FEWEST_UNSEEN: Final = 100
"""Below so many unseen texts a figure over them alone says too little to be shown."""

_INTRODUCTION: Final = """{name} {version}. `complaintnlp benchmark yardsticks NAME` measures one of these again.

The encoder is frozen in all columns: no part of it is fine-tuned for a yardstick. "Frozen base encoder" and "frozen
model outputs" are logistic or ridge regressions on the base encoder's mean-pooled vectors and on this model's logits,
in five folds; texts that start alike are in one fold. "Model as it is" are the model's own heads, nothing fitted.

Figures are over texts that no stage of the model's training has seen. Where these did not fill the sample, the figures
over all of it, seen texts included, stand in brackets (alone, where under {fewest} are unseen); the base encoder itself
was trained on none of these labels. "Seen" is the share of the source's texts that were trained on, by hand labels,
native labels or a teacher's: the model knows these sources, if not these texts. Published figures come from other
splits, and most from models fine-tuned on the very task. An accuracy has a standard error of about 0.01 at 1,500 texts
and of 0.02 at 500."""


def yardsticks_markdown(report: Mapping[str, Any]) -> str:
    """The report as a markdown table with the published figures beside ours, a line for each metric."""
    titles = ("yardstick (source)", "task", "metric", "texts", "seen", *SETTINGS.values(), "published", "difference")
    name, version = report["model"]["name"], report["model"]["version"]
    lines = [
        _INTRODUCTION.format(name=name, version=version, fewest=_FEWEST_UNSEEN),
        "",
        table_row(titles),
        table_row(["---"] * len(titles)),
    ]
    for yardstick in load_yardsticks():
        if yardstick.name in report["yardsticks"]:
            lines += _lines(yardstick, report["yardsticks"][yardstick.name])
    return "\n".join(lines)


def _lines(yardstick: Yardstick, result: Mapping[str, Any]) -> Iterator[str]:
    counts, source = result["texts"], result["source"]
    mixed = counts["unseen"] < counts["all"]
    first = (
        *(f"{yardstick.name} ({yardstick.source})", f"{yardstick.task}: {yardstick.label}"),
        *(f"{counts['unseen']}" + (f" ({counts['all']})" if mixed else ""), f"{source['seen'] / source['texts']:.0%}"),
    )
    for number, metric in enumerate(yardstick.metrics):
        ours = []
        for setting in SETTINGS:
            figure = _number(result[setting]["unseen"][metric]) if counts["unseen"] >= _FEWEST_UNSEEN else "-"
            whole = _number(result[setting]["all"][metric])
            ours.append(f"{figure} ({whole})" if mixed and whole != "-" else figure)
        theirs = [f"{_number(each.value)}, {each.who}: {each.setting}" for each in yardstick.published]
        fitting = [text for text, each in zip(theirs, yardstick.published, strict=True) if each.metric == metric]
        if not theirs and not number:
            fitting = ["no published figure verified"]
        name, task, texts, seen = first if not number else ("", "", "", "")
        published = "; ".join(fitting) or "-"
        yield table_row((name, task, metric, texts, seen, *ours, published, yardstick.difference if not number else ""))


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def yardsticks_of(model: Path, results: Path) -> str:
    """The table for a model card; empty where there is no report or it measures other weights."""
    if not results.is_file():
        return ""
    report: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    return yardsticks_markdown(report) if report["model"]["sha256"] == weights_hash(model) else ""
