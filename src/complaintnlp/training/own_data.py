"""A user's own labelled texts: cells read and checked, then the columns of `dataset.FEATURES`.

Every label column may be missing, and every cell may be empty: that label is then unknown. Where a text names no
failure, the cell says ``none``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from datasets import Dataset, Features, List, Value

from complaintnlp.errors import InvalidInputError
from complaintnlp.model.scores import OWN_TYPES
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, MAX_INTENSITY, NPS_CLASS_IDS, RISK_REASON_IDS
from complaintnlp.training.corpus_text import text_id
from complaintnlp.training.dataset import FEATURES, model_text
from complaintnlp.training.own_types import NONE, folded

LABEL_COLUMNS: Final = (
    *("failure_types", "primary", "intensity", "nps_class", "nps_score", "at_risk", "risk_reasons"),
)
"""Columns that teach; a file needs at least one."""

COLUMNS: Final = ("text", "id", "language", "split", *LABEL_COLUMNS)
"""All columns that are read; any other is passed over."""

ORIGIN: Final = "own"
"""``origin`` and ``source`` of a user's texts."""

_SHOWN: Final = 5
_TRUE: Final = ("1", "true", "yes")
_FALSE: Final = ("0", "false", "no")
_WHOLE_NUMBER: Final = re.compile(r"(\d{1,2})(\.0+)?")  # spreadsheets and pandas write whole numbers as "9.0"
_SEPARATOR: Final = re.compile(r"[;|]")
_SPLITS: Final = {
    "train": "train",
    **dict.fromkeys(("held_out", "held-out", "heldout", "dev", "test", "validation", "valid"), "held_out"),
}


@dataclass(frozen=True, slots=True)
class OwnLabels:
    """What is known of one text; None is unknown, an empty tuple is "none"."""

    failure_types: tuple[str, ...] | None = None
    primary: str | None = None
    intensity: int | None = None
    nps_class: str | None = None
    at_risk: bool | None = None
    risk_reasons: tuple[str, ...] | None = None

    @property
    def teaches(self) -> bool:
        """Whether anything is known."""
        return self != OwnLabels()

    def contradicts(self, other: OwnLabels) -> bool:
        """Whether both know a label and give it another value."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return any(a is not None and b is not None and _as_set(a) != _as_set(b) for a, b in pairs)

    def completed_by(self, other: OwnLabels) -> OwnLabels:
        """These labels, with what only ``other`` knows."""
        missing = {f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **missing)


@dataclass(frozen=True, slots=True)
class OwnText:
    """One labelled text.

    Attributes:
        line: where it stands in the file, from 1.
        id: the user's own, or a hash of the text.
        text: as written.
        language: as stated; empty where nobody said.
        split: ``train``, ``held_out``, or empty where nobody said.
        labels: what is known.
    """

    line: int
    id: str
    text: str
    labels: OwnLabels
    language: str = ""
    split: str = ""


def read_own_texts(
    rows: Iterable[tuple[int, Mapping[str, str]]], type_names: Mapping[str, str], where: str
) -> list[OwnText]:
    """Rows of a table as labelled texts.

    Args:
        rows: line and cells by column name (`COLUMNS`); a missing cell is an empty one.
        type_names: as `own_types.load_type_names` gives them.
        where: the file, for messages.

    Raises:
        InvalidInputError: a cell is wrong; the message names line, column and what is allowed, of the first few.
    """
    texts, problems = [], []
    for line, cells in rows:
        try:
            texts.append(_own_text(line, cells, type_names))
        except InvalidInputError as error:
            problems.append(f"line {line}, {error}")
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise InvalidInputError(f"{where}, {'; '.join(problems[:_SHOWN])}{more}")
    return texts


def _own_text(line: int, cells: Mapping[str, str], type_names: Mapping[str, str]) -> OwnText:
    text = cells.get("text", "")
    return OwnText(
        line=line,
        id=cells.get("id", "").strip() or text_id(text),
        text=text,
        labels=parse_labels(cells, type_names),
        language=re.split("[-_]", cells.get("language", "").strip().casefold())[0],
        split=_read(cells, "split", lambda cell: _one_of(cell.casefold(), _SPLITS)) or "",
    )


def parse_labels(cells: Mapping[str, str], type_names: Mapping[str, str]) -> OwnLabels:
    """Labels of one row.

    The class of ``nps_class`` counts before that of ``nps_score``. A text with one failure has it as its primary. A
    text that is not at risk has no risk reasons, and one with reasons is at risk.

    Raises:
        InvalidInputError: a cell is wrong; the message names the column and what is allowed.
    """
    types: tuple[str, ...] | None = _read(cells, "failure_types", lambda cell: _types(cell, type_names))
    primary = _read(cells, "primary", lambda cell: _types(cell, type_names)) or ()
    if len(primary) > 1 or (types is not None and not set(primary) <= set(types)):
        allowed = ", ".join(types) if types else "a single type"
        raise InvalidInputError(f"primary: {cells['primary']!r} is not one of the row's failure_types: {allowed}")
    if types is not None and len(types) == 1:
        primary = types
    reasons: tuple[str, ...] | None = _read(cells, "risk_reasons", _reasons)
    at_risk: bool | None = _read(cells, "at_risk", _flag)
    if reasons and at_risk is False:
        raise InvalidInputError(
            f"risk_reasons: {cells['risk_reasons']!r} with at_risk 0; a text with reasons is at risk"
        )
    return OwnLabels(
        failure_types=types,
        primary=primary[0] if primary else None,
        intensity=_read(cells, "intensity", lambda cell: _number(cell, MAX_INTENSITY)),
        nps_class=_read(cells, "nps_class", lambda cell: _one_of(cell.casefold(), {n: n for n in NPS_CLASS_IDS}))
        or _read(cells, "nps_score", lambda cell: nps_class_of(_number(cell, 10))),
        at_risk=True if reasons else at_risk,
        risk_reasons=() if at_risk is False else reasons,
    )


def nps_class_of(score: int) -> str:
    """Class of a survey answer: 0-6 detractor, 7-8 passive, 9-10 promoter (Reichheld 2003)."""
    return "detractor" if score <= 6 else "passive" if score <= 8 else "promoter"


def _read(cells: Mapping[str, str], column: str, parse: Callable[[str], Any]) -> Any:
    cell = cells.get(column, "").strip()
    if not cell:
        return None
    try:
        return parse(cell)
    except InvalidInputError as error:
        raise InvalidInputError(f"{column}: {error}") from None


def _one_of(cell: str, allowed: Mapping[str, str]) -> str:
    if cell not in allowed:
        raise InvalidInputError(f"{cell!r} is not one of {', '.join(allowed)}")
    return allowed[cell]


def _types(cell: str, type_names: Mapping[str, str]) -> tuple[str, ...]:
    found = []
    for part in filter(None, map(folded, _SEPARATOR.split(cell))):
        if part not in type_names:
            own = sorted({*type_names.values()} - {*FAILURE_TYPE_IDS, NONE})
            raise InvalidInputError(
                f"{part!r} is not one of {', '.join((*FAILURE_TYPE_IDS, *own))}, {NONE}; "
                "names of your own are mapped by a taxonomy file (--taxonomy)"
            )
        found.append(type_names[part])
    return tuple(name for name in dict.fromkeys(found) if name != NONE)


def _reasons(cell: str) -> tuple[str, ...]:
    parts = [part.strip().upper() for part in _SEPARATOR.split(cell) if part.strip()]
    wrong = [part for part in parts if part not in (*RISK_REASON_IDS, NONE.upper())]
    if wrong:
        raise InvalidInputError(f"{wrong[0]!r} is not one of {', '.join(RISK_REASON_IDS)}, {NONE}")
    return tuple(part for part in dict.fromkeys(parts) if part in RISK_REASON_IDS)


def _flag(cell: str) -> bool:
    if cell.casefold() not in (*_TRUE, *_FALSE):
        raise InvalidInputError(f"{cell!r} is not one of {', '.join((*_FALSE, *_TRUE))}")
    return cell.casefold() in _TRUE


def _number(cell: str, highest: int) -> int:
    match = _WHOLE_NUMBER.fullmatch(cell)
    if match is None or int(match[1]) > highest:
        raise InvalidInputError(f"{cell!r} is no whole number from 0 to {highest}")
    return int(match[1])


def _as_set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, tuple) else value


def own_dataset(texts: Sequence[OwnText], types: Sequence[str], own_types: Sequence[str] = ()) -> Dataset:
    """Texts in the columns of `dataset.FEATURES`, as the model reads them; what is unknown is NaN.

    Args:
        texts: their ``language`` is one of the four, as `own_check.check` leaves it.
        types: failure types that the labels tell of; all others stay unknown in every text, since a file that never
            names a type may just have no name for it.
        own_types: ids of the model's own failure types; where there are any, the column ``own_types`` holds them.
    """
    features = Features({**FEATURES, OWN_TYPES: List(Value("float32"), length=len(own_types))})
    rows = [
        {
            "id": text.id,
            "language": text.language,
            "source": ORIGIN,
            "origin": ORIGIN,
            "text": model_text(text.text, text.language),
            "weight": 1.0,
            **_targets(text.labels, types, own_types),
        }
        for text in texts
    ]
    return Dataset.from_list(rows, features=features if own_types else FEATURES)


def _targets(labels: OwnLabels, told: Sequence[str], own_types: Sequence[str]) -> dict[str, Any]:
    types, reasons, level = labels.failure_types, labels.risk_reasons, labels.intensity
    # The primary head knows the 13 alone.
    primary = labels.primary if labels.primary in FAILURE_TYPE_IDS else None

    def given(names: Sequence[str]) -> list[float]:
        return [math.nan if types is None or name not in told else float(name in types) for name in names]

    return {
        "failure_types": given(FAILURE_TYPE_IDS),
        **({OWN_TYPES: given(own_types)} if own_types else {}),
        "primary": [math.nan if primary is None else float(name == primary) for name in FAILURE_TYPE_IDS],
        "intensity": [math.nan if level is None else float(level > k) for k in range(MAX_INTENSITY)],
        "nps": [math.nan if labels.nps_class is None else float(name == labels.nps_class) for name in NPS_CLASS_IDS],
        "at_risk": math.nan if labels.at_risk is None else float(labels.at_risk),
        "risk_reasons": [math.nan if reasons is None else float(name in reasons) for name in RISK_REASON_IDS],
    }
