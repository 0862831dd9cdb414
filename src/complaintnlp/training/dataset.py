"""Hand labels and weak labels as one data set with masked targets.

Every row has the same columns; what a row does not teach is NaN, and the losses
skip it. Hand labels come from ``annotations/*.csv``, weak ones from ``corpora/*.jsonl.gz`` through
`complaintnlp.training.label_mapping`.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import heapq
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from datasets import Dataset, Features, List, Value

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import (
    FAILURE_TYPE_IDS,
    INTENSITY_LEVELS,
    LANGUAGES,
    MAX_INTENSITY,
    NPS_CLASS_IDS,
    RISK_REASON_IDS,
)
from complaintnlp.text.model_text import text_for_model
from complaintnlp.text.normalize import normalize
from complaintnlp.training.label_mapping import LabelMapping, WeakTargets

SPLITS: Final = ("train", "dev", "test")
EVALUATION_ONLY: Final = "real-evaluation-only"
COLUMNS: Final = (
    *("id", "split", "origin", "source", "source_id", "failure_types", "primary", "intensity"),
    *("nps_class", "at_risk", "risk_reasons", "text"),
)
"""Columns that a file of hand labels must have."""

_UNKNOWN: Final = math.nan
_LONGEST_FIELD: Final = 10_000_000
_FEWEST_TRANSLATIONS: Final = 2

FEATURES: Final = Features(
    {
        "id": Value("string"),
        "language": Value("string"),
        "source": Value("string"),
        "origin": Value("string"),
        "text": Value("string"),
        "weight": Value("float32"),
        "failure_types": List(Value("float32"), length=len(FAILURE_TYPE_IDS)),
        "primary": List(Value("float32"), length=len(FAILURE_TYPE_IDS)),
        "intensity": List(Value("float32"), length=MAX_INTENSITY),
        "nps": List(Value("float32"), length=len(NPS_CLASS_IDS)),
        "at_risk": Value("float32"),
        "risk_reasons": List(Value("float32"), length=len(RISK_REASON_IDS)),
    }
)
"""Columns of every data set. ``intensity`` holds P(level > 0) to P(level > 3); ``origin`` is ``real``,
``adapted``, ``real-evaluation-only``, ``written`` or ``weak``."""


def model_text(text: str, language: str) -> str:
    """What the encoder reads of a text, in training as in serving."""
    return text_for_model(normalize(text), language).text


def near_duplicate_key(text: str) -> str:
    """Texts with the same key count as one text when splits are drawn: the first 60 word characters, casefolded."""
    return re.sub(r"\W+", "", text.casefold())[:60]


def read_annotations(folder: Path, split: str | None = None) -> Iterator[dict[str, str]]:
    """Rows of the hand-labelled files, as they stand, in one split or in all.

    Raises:
        ConfigurationError: a file or a column is missing, or a label is none of the taxonomy's.
    """
    for language in LANGUAGES:
        path = folder / f"{language}.csv"
        if not path.is_file():
            raise ConfigurationError(f"{path} is missing; --annotations must name the folder of hand labels")
        for row in read_labels(path, COLUMNS):
            if split is None or row["split"] == split:
                yield {"language": language, **row}


def read_labels(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows of one file of hand labels, checked.

    Raises:
        ConfigurationError: a column is missing, or a label is none of the taxonomy's.
    """
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigurationError(f"{path} lacks the columns {', '.join(missing)}")
            for row in reader:
                check_labels(row, f"{path}, id {row['id']}")
                yield row
    finally:
        csv.field_size_limit(limit)


def check_labels(row: Mapping[str, str], place: str) -> None:
    """Refuse a label that is none: read as zeros, a typing error would teach the opposite.

    Raises:
        ConfigurationError: names the place, the column and what is allowed.
    """
    allowed: dict[str, tuple[str, ...]] = {
        "split": SPLITS,
        "intensity": tuple(INTENSITY_LEVELS),
        "nps_class": NPS_CLASS_IDS,
        "at_risk": ("0", "1"),
    }
    for column, values in allowed.items():
        if row[column] not in values:
            raise _wrong_label(place, column, row[column], values)
    for column, ids in (("failure_types", FAILURE_TYPE_IDS), ("risk_reasons", RISK_REASON_IDS)):
        for part in filter(None, row[column].split(";")):
            if part not in ids:
                raise _wrong_label(place, column, part, ids)
    types = tuple(filter(None, row["failure_types"].split(";")))
    if row["primary"] not in (types or ("",)):
        raise _wrong_label(place, "primary", row["primary"], types or ("an empty cell",))


def _wrong_label(place: str, column: str, value: str, allowed: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(f"{place}: {column} {value!r} is not one of {', '.join(allowed)}")


def _one_hot(primary: str | None) -> list[float]:
    return [float(name == primary) if primary else _UNKNOWN for name in FAILURE_TYPE_IDS]


def hand_targets(row: Mapping[str, str]) -> dict[str, Any]:
    """Targets of one hand-labelled row; every head is known, apart from the primary type of an empty list."""
    types = [part for part in row["failure_types"].split(";") if part]
    reasons = {part for part in row["risk_reasons"].split(";") if part}
    level = int(row["intensity"])
    return {
        "weight": 1.0,
        "failure_types": [float(name in types) for name in FAILURE_TYPE_IDS],
        "primary": _one_hot(row["primary"]),
        "intensity": [float(level > k) for k in range(MAX_INTENSITY)],
        "nps": [float(row["nps_class"] == name) for name in NPS_CLASS_IDS],
        "at_risk": float(row["at_risk"]),
        "risk_reasons": [float(name in reasons) for name in RISK_REASON_IDS],
    }


def weak_targets(targets: WeakTargets) -> dict[str, Any]:
    """The same columns from mapped native labels; what the mapping leaves open is NaN."""
    levels = targets.intensity
    return {
        "weight": targets.weight,
        "failure_types": [targets.failure_types.get(name, _UNKNOWN) for name in FAILURE_TYPE_IDS],
        "primary": _one_hot(targets.primary),
        "intensity": [sum(levels[k + 1 :]) if levels else _UNKNOWN for k in range(MAX_INTENSITY)],
        "nps": list(targets.nps) if targets.nps else [_UNKNOWN] * len(NPS_CLASS_IDS),
        "at_risk": _UNKNOWN if targets.at_risk is None else targets.at_risk,
        "risk_reasons": [targets.risk_reasons.get(name, _UNKNOWN) for name in RISK_REASON_IDS],
    }


def load_hand_labels(folder: Path, split: str, *, evaluation_only: bool = True) -> Dataset:
    """Hand-labelled texts of one split, as the model reads them.

    Args:
        folder: the annotations.
        split: ``train``, ``dev`` or ``test``.
        evaluation_only: keep the texts that may only be measured on. They never stand in the training split,
            and whoever chooses an epoch or a threshold leaves them out.
    """
    return hand_dataset(
        row
        for row in read_annotations(folder, split)
        if row["origin"] != EVALUATION_ONLY or (evaluation_only and split != "train")
    )


def hand_dataset(rows: Iterable[Mapping[str, str]]) -> Dataset:
    """Hand-labelled rows in the columns of `FEATURES`, their texts as the model reads them."""
    return Dataset.from_list(
        [
            {
                "id": row["id"],
                "language": row["language"],
                "source": row["source"],
                "origin": row["origin"],
                "text": model_text(row["text"], row["language"]),
                **hand_targets(row),
            }
            for row in rows
        ],
        features=FEATURES,
    )


class HeldOut:
    """Ids and near-duplicate keys of the dev and test texts, which no training set may hold."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self._ids: set[str] = set()
        self._keys: set[str] = set()
        for row in rows:
            if row["split"] == "train":
                continue
            self._ids.update(part for part in (row["id"], row.get("source_id", "")) if part)
            self._keys.add(near_duplicate_key(row["text"]))

    @classmethod
    def of(cls, folder: Path) -> HeldOut:
        """Held-out texts of an annotations folder."""
        return cls(read_annotations(folder))

    def holds(self, text_id: str, text: str) -> bool:
        """Whether this text, or one that starts alike, is held out for evaluation."""
        return text_id in self._ids or near_duplicate_key(text) in self._keys


def read_corpora(folder: Path, languages: Sequence[str] = LANGUAGES) -> Iterator[dict[str, Any]]:
    """Rows of the corpora, as they stand.

    Raises:
        ConfigurationError: a file is missing.
    """
    for language in languages:
        path = folder / f"{language}.jsonl.gz"
        if not path.is_file():
            raise ConfigurationError(f"{path} is missing; --corpora must name the folder of corpora")
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)


def is_out_of_domain_test(row: Mapping[str, Any]) -> bool:
    """Texts that are no feedback and kept out of all training, to test that no failure is found in them.

    They are voice commands with an odd ``massive_id`` and treebank sentences with an odd id.
    """
    massive_id = row["labels"].get("massive_id")
    if massive_id is not None:
        return int(massive_id) % 2 == 1
    return row["source"] == "ud-armenian" and int(row["id"][-1], 16) % 2 == 1


def sample_corpora(
    folder: Path,
    held_out: HeldOut,
    *,
    per_source: int,
    exclude: frozenset[str] = frozenset(),
    sources: frozenset[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Corpus rows that may be trained on: at most ``per_source`` of each language and source.

    Which ones is decided by a hash of the id, so a larger sample holds the smaller one.

    Args:
        folder: the corpora.
        held_out: texts that must not appear.
        per_source: rows of one source in one language.
        exclude: further ids to leave out, for example those with hand labels.
        sources: only these sources; all if None.
    """
    groups: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for row in read_corpora(folder):
        if sources is not None and row["source"] not in sources:
            continue
        if row["id"] in exclude or is_out_of_domain_test(row) or held_out.holds(row["id"], row["text"]):
            continue
        groups[row["lang"], row["source"]].append((_sample_order(row["id"]), row))
    for rows in groups.values():
        rows.sort(key=lambda pair: pair[0])
        for _, row in rows[:per_source]:
            yield row


def sample_language(
    folder: Path, language: str, count: int, held_out: HeldOut, *, exclude: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """At most ``count`` corpus rows of a language, of its sources as often as they stand there.

    Which ones is decided by the same hash as in `sample_corpora`. Only the sample is kept in memory.
    """
    rows = (
        row
        for row in read_corpora(folder, (language,))
        if row["id"] not in exclude and not is_out_of_domain_test(row) and not held_out.holds(row["id"], row["text"])
    )
    return heapq.nsmallest(count, rows, key=lambda row: _sample_order(row["id"]))


def _sample_order(text_id: str) -> str:
    return hashlib.sha1(b"sample" + text_id.encode(), usedforsecurity=False).hexdigest()


def load_weak_labels(
    folder: Path,
    held_out: HeldOut,
    mapping: LabelMapping,
    *,
    per_source: int,
    exclude: frozenset[str] = frozenset(),
    sources: frozenset[str] | None = None,
) -> Dataset:
    """Sampled corpus texts whose native labels teach at least one head, normalised; of ``sources`` alone if given.

    Raises:
        ConfigurationError: the mapping has no rule for a source.
    """
    labelled = mapping.sources if sources is None else sources
    unknown = sorted(labelled - mapping.sources)
    if unknown:
        raise ConfigurationError(
            f"weak_sources: {', '.join(unknown)} stand in no rule of label_mapping.toml; "
            f"it knows {', '.join(sorted(mapping.sources))}"
        )

    def rows() -> Iterator[dict[str, Any]]:
        for row in sample_corpora(folder, held_out, per_source=per_source, exclude=exclude, sources=labelled):
            targets = mapping.apply(row["source"], row["labels"])
            text = model_text(row["text"], row["lang"])
            if targets is None or not text:
                continue
            yield {
                "id": row["id"],
                "language": row["lang"],
                "source": row["source"],
                "origin": "weak",
                "text": text,
                **weak_targets(targets),
            }

    return Dataset.from_list(list(rows()), features=FEATURES)


def load_translations(folder: Path, held_out: HeldOut) -> list[list[str]]:
    """Voice commands that say the same in two languages or more, as the model reads them; test texts left out.

    Raises:
        ConfigurationError: there are not two of them.
    """
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read_corpora(folder):
        number = row["labels"].get("massive_id")
        if number is None or is_out_of_domain_test(row) or held_out.holds(row["id"], row["text"]):
            continue
        if text := model_text(row["text"], row["lang"]):
            groups[str(number)][row["lang"]] = text
    translations = [list(texts.values()) for texts in groups.values() if len(texts) > 1]
    if len(translations) < _FEWEST_TRANSLATIONS:
        raise ConfigurationError(
            f"alignment needs texts that say the same in two languages; {folder} has {len(translations)} of them "
            "(rows with a massive_id): leave alignment out, or name other --corpora"
        )
    return translations


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 over ids, texts and targets in id order: the same data give the same fingerprint anywhere."""
    digest = hashlib.sha256()
    columns = sorted(name for name in dataset.column_names if name != "id")
    for row in sorted(dataset, key=lambda row: str(row["id"])):
        digest.update(repr((row["id"], *(row[name] for name in columns))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
