"""A teacher's probabilities as training targets for unlabelled texts.

The file holds ids and logits only, never texts; the texts are read from the corpora again by id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, SOFTMAX_HEADS, sigmoid, softmax
from complaintnlp.training.dataset import (
    FEATURES,
    HeldOut,
    is_out_of_domain_test,
    model_text,
    read_corpora,
)

_ID_LENGTH: Final = 12


def save_soft_labels(path: Path, ids: list[str], logits: NDArray[np.float32]) -> None:
    """Write teacher logits keyed by text id (12 hex digits each)."""
    codes = np.frombuffer("".join(ids).encode("ascii"), dtype=np.uint8).reshape(len(ids), _ID_LENGTH)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"ids": codes, "logits": np.ascontiguousarray(logits, dtype=np.float16)}, path)


def read_soft_labels(path: Path) -> dict[str, NDArray[np.float32]]:
    """Teacher logits by text id.

    Raises:
        ConfigurationError: the file does not exist.
    """
    if not path.is_file():
        raise ConfigurationError(f"soft labels {path} do not exist; make them with: complaintnlp soft-label RUN")
    content = load_file(path)
    codes = [row.tobytes().decode("ascii") for row in content["ids"]]
    return dict(zip(codes, content["logits"].astype(np.float32), strict=True))


def soft_targets(logits: Sequence[NDArray[np.float32]], weight: float) -> dict[str, Any]:
    """Targets in the columns of a data set: the mean of the teachers' probabilities for one text.

    Args:
        logits: of each teacher, ``(LOGIT_COUNT,)``.
        weight: of the row in the loss.
    """
    values = np.stack(logits).astype(np.float64)
    targets: dict[str, Any] = {"weight": weight}
    for head, part in HEADS.items():
        outputs = values[:, part]
        probabilities = (softmax(outputs) if head in SOFTMAX_HEADS else sigmoid(outputs)).mean(axis=0)
        targets[head] = float(probabilities[0]) if head == "at_risk" else probabilities.tolist()
    return targets


def load_soft_labels(
    paths: Sequence[Path], corpora: Path, held_out: HeldOut, hand: Dataset, *, share: float
) -> Dataset:
    """Soft-labelled texts; for hand-labelled ones the teachers' view is a further row of weight ``share``.

    Of a text that only some of the teachers have scored, those count.
    """
    teachers: dict[str, list[NDArray[np.float32]]] = {}
    for path in paths:
        for text_id, logits in read_soft_labels(path).items():
            teachers.setdefault(text_id, []).append(logits)
    labelled = frozenset(hand["id"])
    rows = [
        _row(
            row["id"],
            row["lang"],
            row["source"],
            model_text(row["text"], row["lang"]),
            soft_targets(teachers[row["id"]], share if row["id"] in labelled else 1.0),
        )
        for row in read_corpora(corpora)
        if row["id"] in teachers and not is_out_of_domain_test(row) and not held_out.holds(row["id"], row["text"])
    ]
    seen = {row["id"] for row in rows}
    rows += [
        _row(row["id"], row["language"], row["source"], row["text"], soft_targets(teachers[row["id"]], share))
        for row in hand
        if row["id"] in teachers and row["id"] not in seen
    ]
    return Dataset.from_list([row for row in rows if row["text"]], features=FEATURES)


def _row(text_id: str, language: str, source: str, text: str, targets: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": text_id, "language": language, "source": source, "origin": "weak", "text": text, **targets}
