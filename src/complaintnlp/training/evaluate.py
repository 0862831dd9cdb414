"""Evaluate a model folder on a split of the hand labels, per language, beside two baselines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions, Policy, decide
from complaintnlp.model.folder import MODEL_FILE, SETTINGS_FILE, TOKENIZER_FILE, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import HEADS, Scores
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.training import dataset as data
from complaintnlp.training.baselines import run_baselines
from complaintnlp.training.calibrate import combined_scores, fit_thresholds, window_logits
from complaintnlp.training.encoder import PACKAGED_ENCODER, load_encoder
from complaintnlp.training.intervals import bounds, resampled_sums
from complaintnlp.training.metrics import (
    Gold,
    by_group,
    confusion_tables,
    evaluate_group,
    group_of,
    json_ready,
    select,
)
from complaintnlp.training.reliability import calibration, risk_coverage
from complaintnlp.training.tables import number, table_row

FIGURES: Final = {
    "texts": "texts",
    "type_micro_f1": "type micro-F1",
    "type_macro_f1": "type macro-F1",
    "primary_accuracy": "primary acc.",
    "intensity_qwk": "intensity QWK",
    "intensity_mae": "intensity MAE",
    "nps_macro_f1": "NPS macro-F1",
    "detractor_f1": "detractor F1",
    "at_risk_auroc": "risk AUROC",
    "at_risk_auprc": "risk AUPRC",
    "at_risk_f1": "risk F1",
    "type_ece": "ECE types",
    "nps_ece": "ECE NPS",
    "at_risk_ece": "ECE risk",
    "reviewed": "needs review",
}
"""Figures of the report with their column titles."""


def evaluate_model(
    model: Path | None,
    annotations: Path,
    split: str,
    *,
    train: Callable[[], Dataset] | None = None,
    baselines: Path | None = None,
    note: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Measure a model folder through the runtime that serves it.

    Args:
        model: folder; the released model if None.
        annotations: the hand labels.
        split: ``dev`` or ``test``. Tune on dev; test is for releases.
        train: gives the training texts; where it is given, the two baselines are trained on them and measured too.
        baselines: an earlier report on the same texts, whose baselines are taken over instead.
        note: told what is going on.

    Raises:
        ConfigurationError: ``baselines`` is no such report.

    Returns:
        ``model``, ``split``, ``fingerprint`` of the texts, ``groups`` (figures per group), ``intervals`` (95%
        bootstrap of type micro-F1), ``confusion``, ``language``, ``review``, ``calibration`` and ``risk_coverage`` (see
        `complaintnlp.training.reliability`), and ``baselines`` (figures per baseline and group).
    """
    folder = read_model_folder(model)
    texts = data.load_hand_labels(annotations, split)
    gold = gold_of(texts)
    groups = groups_of(texts)
    note(f"scoring {len(texts)} texts with {folder.name} {folder.version}")
    scores, decisions = answers(Runtime(folder), texts)
    policy = Policy.from_dict(folder.thresholds, str(folder.path))
    misread = _misread(annotations, split)
    report: dict[str, Any] = {
        "model": {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)},
        "split": split,
        "fingerprint": data.fingerprint(texts),
        "groups": figures(scores, gold, groups, decisions),
        "intervals": by_group(groups, lambda rows: _interval(select(gold, rows), select(decisions, rows))),
        "confusion": confusion_tables(gold, decisions),
        "language": by_group(groups, lambda rows: {"misread": float(misread[rows].mean())}),
        "review": by_group(groups, lambda rows: _review(select(gold, rows), select(decisions, rows))),
        "calibration": calibration(scores, gold, decisions, groups),
        "risk_coverage": risk_coverage(scores, gold, decisions, groups, policy.review_below),
        "baselines": {},
    }
    if baselines is not None:
        report["baselines"] = _earlier_baselines(baselines, report["fingerprint"])
    elif train is not None:
        note("training the baselines (a few minutes)")
        development = data.load_hand_labels(annotations, "dev", evaluation_only=False)
        encoder, tokenizer = load_encoder(PACKAGED_ENCODER)
        scored = run_baselines(train(), development, texts, encoder, tokenizer)
        for name, (dev_scores, test_scores) in scored.items():
            baseline_policy = fit_thresholds(dev_scores, gold_of(development), development["language"])
            answered = decide(test_scores, baseline_policy, texts["language"])
            report["baselines"][name] = figures(test_scores, gold, groups, answered)
    return report


def answers(runtime: Runtime, texts: Dataset) -> tuple[Scores, Decisions]:
    """What a loaded model makes of a hand-labelled data set, by its own thresholds, the languages known."""
    folder = runtime.folder
    scores = combined_scores(window_logits(runtime, texts["text"]), folder.calibration)
    return scores, decide(scores, Policy.from_dict(folder.thresholds, str(folder.path)), texts["language"])


def gold_of(texts: Dataset) -> Gold:
    """Labels of a hand-labelled data set."""
    return Gold.of({name: texts[name] for name in HEADS})


def groups_of(texts: Dataset) -> list[str]:
    """The report's line of each text."""
    return [group_of(language, origin) for language, origin in zip(texts["language"], texts["origin"], strict=True)]


def figures(scores: Scores, gold: Gold, groups: list[str], decisions: Decisions) -> dict[str, dict[str, float]]:
    """Figures per group."""
    return by_group(
        groups, lambda rows: evaluate_group(select(scores, rows), select(gold, rows), select(decisions, rows))
    )


def _interval(gold: Gold, decisions: Decisions) -> dict[str, float]:
    said = decisions.failure_types
    counts = np.stack([(said & gold.failure_types).sum(1), said.sum(1), gold.failure_types.sum(1)], axis=1)
    totals = resampled_sums(counts)
    return bounds(2 * totals[:, 0] / np.maximum(totals[:, 1] + totals[:, 2], 1.0))


def weights_hash(folder: Path) -> str:
    """SHA-256 over weights and settings: a report belongs to exactly these."""
    digest = hashlib.sha256()
    for name in (MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _misread(annotations: Path, split: str) -> NDArray[np.bool_]:
    """Where the language step, which the other figures take as right, would have misled the analyzer."""
    rows = data.read_annotations(annotations, split)
    return np.array([detect(normalize(row["text"]).text).code != row["language"] for row in rows])


def _review(gold: Gold, decisions: Decisions) -> dict[str, float]:
    """Share sent to review, and how often the list of types is exactly right with and without review."""
    exact = (decisions.failure_types == gold.failure_types).all(axis=1)
    flagged = decisions.needs_review
    return {
        "share": float(flagged.mean()),
        "exact_if_flagged": float(exact[flagged].mean()) if flagged.any() else float("nan"),
        "exact_otherwise": float(exact[~flagged].mean()) if (~flagged).any() else float("nan"),
    }


def markdown_tables(report: dict[str, Any]) -> str:
    """The report as markdown: figures per group, baselines, review."""
    names = list(report["groups"])
    split = "dev split, on which epoch and thresholds were chosen" if report["split"] == "dev" else "test split"
    lines = [
        f"{report['model']['name']} {report['model']['version']}, {split}",
        "",
        table_row(["", *names]),
        table_row(["---"] * (len(names) + 1)),
    ]
    for key, title in FIGURES.items():
        lines.append(table_row([title, *(_number(report["groups"][name][key], key) for name in names)]))
    intervals = (report["intervals"][name] for name in names)
    lines.append(table_row(["type micro-F1, 95% interval", *(f"{b['low']:.3f}-{b['high']:.3f}" for b in intervals)]))
    for key, title in (
        ("exact_if_flagged", "all types exact, flagged"),
        ("exact_otherwise", "all types exact, others"),
    ):
        lines.append(table_row([title, *(_number(report["review"][name][key], key) for name in names)]))
    lines.append(table_row(["language misread", *(_number(report["language"][name]["misread"], "") for name in names)]))
    if report["baselines"]:
        lines += ["", table_row(["type micro-F1", *names]), table_row(["---"] * (len(names) + 1))]
        rows = {report["model"]["name"]: report["groups"], **report["baselines"]}
        for title, groups in rows.items():
            lines.append(table_row([title, *(_number(groups[name]["type_micro_f1"], "") for name in names)]))
    return "\n".join(lines)


def confusion_markdown(report: dict[str, Any]) -> str:
    """Confusion tables as markdown; rows are gold, columns answers."""
    lines: list[str] = []
    for name, table in report["confusion"].items():
        lines += ["", f"{name} (rows: gold, columns: answer)", "", table_row(["", *table["labels"]])]
        lines.append(table_row(["---"] * (len(table["labels"]) + 1)))
        lines += [
            table_row([label, *map(str, counts)])
            for label, counts in zip(table["labels"], table["counts"], strict=True)
        ]
    return "\n".join(lines)


def _earlier_baselines(path: Path, fingerprint: str) -> dict[str, Any]:
    earlier = read_report(path)
    if earlier.get("fingerprint") != fingerprint or not earlier.get("baselines"):
        raise ConfigurationError(f"{path} holds no baselines on these texts; leave the option out to train them")
    return dict(earlier["baselines"])


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write the report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json_ready(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_report(path: Path) -> dict[str, Any]:
    """A report that `write_report` wrote.

    Raises:
        ConfigurationError: the file is missing or holds no report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is no report that can be read: {error}; write one with -o") from None
    if not isinstance(report, dict) or "model" not in report:
        raise ConfigurationError(f"{path} is no report of a model; write one with -o")
    return report


def _number(value: float | None, key: str) -> str:
    return f"{value:.0f}" if key == "texts" and value is not None else number(value)
