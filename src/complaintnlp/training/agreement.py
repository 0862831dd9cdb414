"""How far two annotators agree who labelled the same texts independently."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import cohen_kappa_score, f1_score

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, INTENSITY_LEVELS, LANGUAGES, NPS_CLASS_IDS
from complaintnlp.training.project_labels import parse_answer, read_known_labels


def agreement(second: Path, project: Path) -> list[dict[str, Any]]:
    """Agreement of a second annotator's file with the project's labels, a row per language and one over all.

    Args:
        second: JSON Lines as `complaintnlp.training.project_labels.add_labels` takes them, by id.
        project: folder with ``labels/`` and ``written/``.

    Returns:
        ``language``, ``texts``, ``types_f1`` (micro), ``primary`` (share alike where both name a type),
        ``intensity_qwk``, ``nps_kappa`` and ``at_risk_kappa``.

    Raises:
        ConfigurationError: no id of the file has a label in the project.
    """
    first = {row["id"]: row for row in read_known_labels(project)}
    pairs: dict[str, list[tuple[dict[str, str], dict[str, Any]]]] = defaultdict(list)
    for number, line in enumerate(second.read_text(encoding="utf-8").split("\n"), start=1):
        answer = parse_answer(line, f"{second}, line {number}") if line.strip() else {"skip": 1}
        if not answer.get("skip") and answer.get("id") in first:
            row = first[str(answer["id"])]
            pairs[row["language"]].append((row, answer))
            pairs["all"].append((row, answer))
    if not pairs:
        raise ConfigurationError(f"{second} names no id that {project} has labels for")
    return [{"language": code, **_figures(pairs[code])} for code in (*LANGUAGES, "all") if pairs[code]]


def _figures(pairs: list[tuple[dict[str, str], dict[str, Any]]]) -> dict[str, float]:
    def types(names: list[str]) -> list[bool]:
        return [name in names for name in FAILURE_TYPE_IDS]

    ours = np.array([types(row["failure_types"].split(";")) for row, _ in pairs])
    theirs = np.array([types(answer["types"]) for _, answer in pairs])
    named = [(row["primary"], answer["types"][0]) for row, answer in pairs if row["primary"] and answer["types"]]
    return {
        "texts": len(pairs),
        "types_f1": float(f1_score(ours, theirs, average="micro")),
        "primary": float(np.mean([a == b for a, b in named])) if named else float("nan"),
        "intensity_qwk": _kappa(
            [(row["intensity"], str(answer["intensity"])) for row, answer in pairs],
            tuple(INTENSITY_LEVELS),
            "quadratic",
        ),
        "nps_kappa": _kappa([(row["nps_class"], answer["nps"]) for row, answer in pairs], NPS_CLASS_IDS),
        "at_risk_kappa": _kappa([(row["at_risk"], str(answer["at_risk"])) for row, answer in pairs], ("0", "1")),
    }


def _kappa(pairs: list[tuple[str, str]], labels: tuple[str, ...], weights: str | None = None) -> float:
    """Cohen's kappa; 1 where both gave one and the same label throughout, for which it is not defined."""
    if len(set(chain.from_iterable(pairs))) == 1:
        return 1.0
    ours, theirs = zip(*pairs, strict=True)
    return float(cohen_kappa_score(ours, theirs, labels=labels, weights=weights))
