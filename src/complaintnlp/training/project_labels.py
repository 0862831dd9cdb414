"""Labels made for this project, beside those of the annotations folder.

``labels/{language}.csv`` holds labels of public texts by id: the texts are not ours to publish and are read from the
corpora. ``written/{language}.csv`` holds texts that were written for the project, with their labels.

`add_labels` takes what annotators write, JSON Lines: ``{"id": ..., "types": [primary first], "intensity": 0-4,
"nps": class, "at_risk": 0 or 1, "reasons": [R1-R4]}``, or with ``text`` and ``lang`` in place of ``id`` for a text of
their own, and ``source`` where it is not simply ``written``; ``{"id": ..., "skip": 1}`` passes over a text.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from datasets import Dataset

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training.corpus_text import text_id
from complaintnlp.training.dataset import (
    HeldOut,
    check_labels,
    hand_dataset,
    is_out_of_domain_test,
    near_duplicate_key,
    read_annotations,
    read_corpora,
    read_labels,
)
from complaintnlp.training.sources import OWN_SOURCES, WRITTEN

_TRAIN_BELOW: Final = 70
_DEV_BELOW: Final = 85

logger = logging.getLogger(__name__)

LABEL_COLUMNS: Final = (
    *("id", "split", "origin", "source", "failure_types", "primary", "intensity"),
    *("nps_class", "at_risk", "risk_reasons"),
)
"""Columns of labels by id; files of written texts have ``text`` as well."""


def read_project_labels(folder: Path, corpora: Path) -> Iterator[dict[str, str]]:
    """Labelled rows with their texts, in the shape of `read_annotations`; those not in the corpora are left out.

    Raises:
        ConfigurationError: a column is missing, or a label is none of the taxonomy's.
    """
    keyed: dict[str, dict[str, str]] = {}
    for row in read_known_labels(folder):
        if "text" in row:
            yield row
        else:
            keyed[row["id"]] = row
    if not keyed:
        return
    for text in read_corpora(corpora):
        if text["id"] in keyed:
            yield {**keyed.pop(text["id"]), "text": text["text"]}
    if keyed:
        logger.warning("%d labels of %s have no text in %s and teach nothing", len(keyed), folder / "labels", corpora)


def read_known_labels(folder: Path) -> Iterator[dict[str, str]]:
    """All labels of the project as they stand, with their language; only those of written texts have a text.

    Raises:
        ConfigurationError: a column is missing, or a label is none of the taxonomy's.
    """
    for language in LANGUAGES:
        for kind, columns in (("written", (*LABEL_COLUMNS, "text")), ("labels", LABEL_COLUMNS)):
            path = folder / kind / f"{language}.csv"
            if path.is_file():
                for row in read_labels(path, columns):
                    yield {"language": language, **row}


def load_training_labels(annotations: Path, project: Path | None, corpora: Path) -> Dataset:
    """All hand-labelled training texts: of the annotations, and of the project where a folder is given.

    A text is left out where the annotations hold it, or one that starts alike, for evaluation or with labels already.
    """
    rows = list(read_annotations(annotations, "train"))
    if project is not None:
        held_out = HeldOut.of(annotations)
        seen = {near_duplicate_key(row["text"]) for row in rows}
        for row in read_project_labels(project, corpora):
            key = near_duplicate_key(row["text"])
            if row["split"] == "train" and key not in seen and not held_out.holds(row["id"], row["text"]):
                seen.add(key)
                rows.append(row)
    return hand_dataset(rows)


def load_written_texts(project: Path, split: str) -> Dataset:
    """Texts of one split that were written for the project, with their labels; dev and test ones teach nothing.

    Raises:
        ConfigurationError: the folder holds none, or a label is none of the taxonomy's.
    """
    rows = [row for row in read_known_labels(project) if "text" in row and row["split"] == split]
    if not rows:
        raise ConfigurationError(f"{project / 'written'} holds no text of the {split} split")
    return hand_dataset(rows)


def split_of(text_id: str) -> str:
    """The split of a newly labelled text, by a hash of its id: 70 train, 15 dev, 15 test in a hundred."""
    value = int(hashlib.sha1(b"split" + text_id.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 100
    return "train" if value < _TRAIN_BELOW else "dev" if value < _DEV_BELOW else "test"


def add_labels(files: Iterable[Path], project: Path, corpora: Path) -> Counter[str]:
    """Check annotators' files and add their labels to the project; a known text gets its new labels.

    Args:
        files: JSON Lines.
        project: folder with ``labels/`` and ``written/``.
        corpora: where the language and source of an id are looked up.

    Returns:
        Labels added per file of the project, and ``skipped``.

    Raises:
        ConfigurationError: names the file, the line and what is wrong; nothing is written then.
    """
    counts: Counter[str] = Counter()
    by_id: dict[str, dict[str, str]] = {}
    tables: dict[Path, dict[str, dict[str, str]]] = {}
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            place = f"{path}, line {number}"
            answer = parse_answer(line, place)
            if answer.get("skip"):
                counts["skipped"] += 1
            elif "text" in answer:
                row = _own_text_row(answer, place)
                tables.setdefault(project / "written" / f"{answer['lang']}.csv", {})[row["id"]] = row
            else:
                # Public texts are labelled to be learned from: dev and test splits of them are the annotations'.
                row = _row(answer, place, str(answer.get("id")), "real", "") | {"split": "train"}
                by_id[row["id"]] = row
    if by_id:
        for text in read_corpora(corpora):
            found = by_id.pop(text["id"], None)
            if found is not None and is_out_of_domain_test(text):
                logger.warning(
                    "label of %s left out: its text tests that no failure is found where none is", text["id"]
                )
                counts["skipped"] += 1
            elif found is not None:
                table = tables.setdefault(project / "labels" / f"{text['lang']}.csv", {})
                table[found["id"]] = found | {"source": text["source"]}
    if by_id:
        some = ", ".join(list(by_id)[:5])
        raise ConfigurationError(
            f"{len(by_id)} ids stand in no file of {corpora}: {some}; labels by id need their text"
        )
    for path, rows in tables.items():
        _merge(path, rows)
        counts[str(path)] += len(rows)
    return counts


def parse_answer(line: str, place: str) -> dict[str, Any]:
    """One line of an annotator's file.

    Raises:
        ConfigurationError: it is no JSON object.
    """
    try:
        answer = json.loads(line)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{place} is no JSON: {error}") from None
    if not isinstance(answer, dict):
        raise ConfigurationError(f"{place} must be one JSON object")
    return answer


def _own_text_row(answer: Mapping[str, Any], place: str) -> dict[str, str]:
    source = answer.get("source", WRITTEN)
    for name, value, allowed in (("source", source, OWN_SOURCES), ("lang", answer.get("lang"), LANGUAGES)):
        if value not in allowed:
            raise ConfigurationError(f"{place}: {name} {value!r} is not one of {', '.join(allowed)}")
    text = str(answer["text"])
    return _row(answer, place, text_id(text), "written", source) | {"text": text}


def _row(answer: Mapping[str, Any], place: str, identity: str, origin: str, source: str) -> dict[str, str]:
    absent = [name for name in ("types", "intensity", "nps", "at_risk", "reasons") if name not in answer]
    if absent:
        raise ConfigurationError(f"{place} lacks {', '.join(absent)}")
    for name in ("types", "reasons"):
        if not isinstance(answer[name], list) or not all(isinstance(part, str) for part in answer[name]):
            raise ConfigurationError(f'{place}: {name} must be a list of ids, such as [] or ["R1"]')
    types = answer["types"]
    row = {
        "id": identity,
        "split": split_of(identity),
        "origin": origin,
        "source": source,
        "failure_types": ";".join(types),
        "primary": types[0] if types else "",
        "intensity": str(answer["intensity"]),
        "nps_class": str(answer["nps"]),
        "at_risk": str(answer["at_risk"]),
        "risk_reasons": ";".join(answer["reasons"]),
    }
    check_labels(row, place)
    return row


def _merge(path: Path, rows: Mapping[str, dict[str, str]]) -> None:
    columns = LABEL_COLUMNS if path.parent.name == "labels" else (*LABEL_COLUMNS, "text")
    known = {row["id"]: row for row in read_labels(path, columns)} if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in sorted({**known, **rows}.items()))
    part.replace(path)
