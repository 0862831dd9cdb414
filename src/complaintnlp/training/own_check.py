"""Looks at a user's own labels before anything is trained: what they hold, what is wrong, what is left out and why.

Texts with the same `near_duplicate_key` always stand in the same part, so that nothing measured was learned by heart.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rich.table import Table

from complaintnlp.errors import InvalidInputError
from complaintnlp.model.own_type import OwnType
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, INTENSITY_LEVELS, LANGUAGES, NPS_CLASS_IDS, RISK_REASON_IDS
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.text.scripts import stands_in_script_of
from complaintnlp.training.corpus_text import text_id
from complaintnlp.training.dataset import HeldOut, near_duplicate_key
from complaintnlp.training.own_data import LABEL_COLUMNS, OwnText

HELD_OUT_PERCENT: Final = 20
RARE_BELOW: Final = 10
"""Texts below which a label teaches little and is measured badly."""

NEW_TYPE_BELOW: Final = 30
"""Texts below which a new failure type, of which the model knows nothing yet, is learned by heart at best."""

MIN_TRAIN: Final = 20
MIN_HELD_OUT: Final = 5
_SHOWN: Final = 8

EMPTY: Final = "nothing to read"
UNSUPPORTED: Final = "another language"
UNLABELLED: Final = "no label"
DUPLICATE: Final = "same text again, its labels merged"
CONFLICT: Final = "same text with other labels"
LEAKAGE: Final = "train, but like a held-out text"
OURS: Final = "like a text that our own figures are measured on"


@dataclass
class OwnData:
    """Checked texts in their two parts.

    Attributes:
        train, held_out: usable texts, each in one of the four languages.
        left_out: lines by reason.
        stated_otherwise: lines whose stated language the text's script speaks against.
        near_duplicates: texts that start like an earlier one; they are kept.
        rows: rows of the file.
        own_types: failure types of the user's own.
    """

    rows: int
    train: list[OwnText] = field(default_factory=list)
    held_out: list[OwnText] = field(default_factory=list)
    left_out: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    stated_otherwise: list[int] = field(default_factory=list)
    near_duplicates: int = 0
    own_types: tuple[OwnType, ...] = ()

    @property
    def texts(self) -> list[OwnText]:
        """Both parts."""
        return [*self.train, *self.held_out]

    @property
    def types(self) -> tuple[str, ...]:
        """Failure types that some text names; about all others these labels say nothing."""
        named = {name for text in self.texts for name in text.labels.failure_types or ()}
        return tuple(name for name in (*FAILURE_TYPE_IDS, *(own.id for own in self.own_types)) if name in named)

    def require_enough(self, kept: Collection[str] = ()) -> None:
        """Refuse what cannot be trained on or measured.

        Args:
            kept: ids of the own failure types that the model to start from knows already.

        Raises:
            InvalidInputError: no row has a label, too few texts are left in a part, or no text to train on names a
                new failure type.
        """
        if 0 < self.rows == len(self.left_out.get(UNLABELLED, ())):
            raise InvalidInputError(f"no row has a label; columns that teach: {', '.join(LABEL_COLUMNS)}")
        if len(self.train) < MIN_TRAIN or len(self.held_out) < MIN_HELD_OUT:
            raise InvalidInputError(
                f"{len(self.train)} texts to train on and {len(self.held_out)} held out are left of {self.rows} rows; "
                f"at least {MIN_TRAIN} and {MIN_HELD_OUT} are needed (useful results begin at some hundred)"
            )
        counts = label_counts(self.train)
        for own in self.own_types:
            if own.id not in kept and not counts[f"failure_types: {own.id}"]:
                raise InvalidInputError(
                    f"no text to train on names the new failure type {own.id}; label some {NEW_TYPE_BELOW} texts with "
                    "it, or take it out of the taxonomy file"
                )


def check(texts: Sequence[OwnText], ours: HeldOut | None = None, own_types: Sequence[OwnType] = ()) -> OwnData:
    """Find out what can be used, and split it: 20 in a hundred are held out, by a hash of how the text starts.

    Args:
        texts: as `own_data.read_own_texts` gives them. A stated split counts before the hash.
        ours: texts that our own figures are measured on, which no training may see.
        own_types: failure types of the user's own, as `own_types.load_own_types` gives them.
    """
    data = OwnData(rows=len(texts), own_types=tuple(own_types))
    usable = _merged(_readable(texts, data), data)
    if ours is not None:
        known = {text.line for text in usable if ours.holds(text.id, text.text)}
        data.left_out[OURS] += sorted(known)
        usable = [text for text in usable if text.line not in known]
    groups: dict[str, list[OwnText]] = defaultdict(list)
    for text in usable:
        groups[near_duplicate_key(text.text)].append(text)
    for key, group in groups.items():
        _split(key, group, data)
    data.near_duplicates = len(usable) - len(groups)
    data.left_out = {reason: lines for reason, lines in data.left_out.items() if lines}
    return data


def _readable(texts: Sequence[OwnText], data: OwnData) -> Iterator[OwnText]:
    """Labelled texts in one of the four languages, with that language."""
    for text in texts:
        if not text.labels.teaches:
            data.left_out[UNLABELLED].append(text.line)
            continue
        plain = normalize(text.text).text
        found = detect(plain)
        if found.code is None:
            data.left_out[EMPTY].append(text.line)
            continue
        language = text.language or found.code
        if language in LANGUAGES and language != found.code and not stands_in_script_of(plain, language):
            data.stated_otherwise.append(text.line)
            language = found.code
        if language not in LANGUAGES:
            data.left_out[UNSUPPORTED].append(text.line)
            continue
        yield replace(text, language=language)


def _merged(texts: Iterator[OwnText], data: OwnData) -> list[OwnText]:
    """One row a text; a text whose rows contradict each other is left out."""
    merged: dict[str, OwnText] = {}
    lines: dict[str, list[int]] = defaultdict(list)
    conflicts: set[str] = set()
    for text in texts:
        key = text_id(text.text)
        first = merged.setdefault(key, text)
        lines[key].append(text.line)
        if first.labels.contradicts(text.labels):
            conflicts.add(key)
        else:
            merged[key] = replace(first, labels=first.labels.completed_by(text.labels), split=first.split or text.split)
    for key, found in lines.items():
        data.left_out[CONFLICT if key in conflicts else DUPLICATE] += found if key in conflicts else found[1:]
    return [text for key, text in merged.items() if key not in conflicts]


def _split(key: str, group: list[OwnText], data: OwnData) -> None:
    stated = {text.split for text in group} - {""}
    drawn = "held_out" if _is_held_out(key) else "train"
    part = "held_out" if "held_out" in stated else "train" if stated else drawn
    for text in group:
        if part == "held_out" and text.split == "train":
            data.left_out[LEAKAGE].append(text.line)
        else:
            (data.held_out if part == "held_out" else data.train).append(text)


def _is_held_out(key: str) -> bool:
    digest = hashlib.sha1(b"held-out" + key.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    return int(digest[:8], 16) % 100 < HELD_OUT_PERCENT


def check_tables(data: OwnData) -> Iterator[Table]:
    """The check for a person: parts and languages, what was left out, what each label has, what to look at."""
    yield _parts_table(data)
    if data.left_out or data.stated_otherwise or data.near_duplicates:
        yield _left_out_table(data)
    yield _labels_table(data)


def _parts_table(data: OwnData) -> Table:
    table = Table("language", "train", "held out", title=f"{data.rows:,} rows, {len(data.texts):,} usable texts")
    parts = [Counter(text.language for text in part) for part in (data.train, data.held_out)]
    for code in LANGUAGES:
        if any(part[code] for part in parts):
            table.add_row(code, *(f"{part[code]:,}" for part in parts))
    return table


def _left_out_table(data: OwnData) -> Table:
    table = Table("rows", "why", "lines", title="Left out")
    for reason, lines in sorted(data.left_out.items(), key=lambda item: -len(item[1])):
        table.add_row(f"{len(lines):,}", reason, _lines(lines))
    if data.stated_otherwise:
        lines = data.stated_otherwise
        table.add_row(f"{len(lines):,}", "kept, but read in another language than stated", _lines(lines))
    if data.near_duplicates:
        table.add_row(f"{data.near_duplicates:,}", "kept, in the same part as a text that starts alike", "")
    return table


def _labels_table(data: OwnData) -> Table:
    table = Table("label", "train", "held out", "note", title="Labels")
    counts = [label_counts(part) for part in (data.train, data.held_out)]
    for head, labels in HEAD_LABELS.items():
        known = [part[head] for part in counts]
        if not any(known):
            table.add_row(head, "-", "-", "unknown: stays as it is")
            continue
        table.add_row(head, *(f"{n:,}" for n in known), "texts with this label known", style="bold")
        for label in labels:
            _add_label(table, head, label, counts)
        for own in data.own_types if head == "failure_types" else ():
            _add_label(table, head, own.id, counts, rare_below=NEW_TYPE_BELOW)
    return table


def _add_label(
    table: Table, head: str, label: str, counts: Sequence[Counter[str]], *, rare_below: int = RARE_BELOW
) -> None:
    train, held_out = (part[f"{head}: {label}"] for part in counts)
    note = f"rare: fewer than {rare_below}" if train < rare_below else ""
    if train + held_out == 0:
        note = "never: stays as it is" if head == "failure_types" else "never"
    table.add_row(f"  {label}", f"{train:,}", f"{held_out:,}", note)


HEAD_LABELS: Final[dict[str, tuple[str, ...]]] = {
    "failure_types": FAILURE_TYPE_IDS,
    "primary": (),
    "intensity": tuple(INTENSITY_LEVELS),
    "nps_class": NPS_CLASS_IDS,
    "at_risk": ("1",),
    "risk_reasons": RISK_REASON_IDS,
}


def label_counts(texts: Sequence[OwnText]) -> Counter[str]:
    """Texts that know each head, under its name, and texts with each label, under ``"head: label"``."""
    counts: Counter[str] = Counter()
    for text in texts:
        for head in HEAD_LABELS:
            value = getattr(text.labels, head)
            if value is not None:
                labels = value if isinstance(value, tuple) else (str(int(value)) if head == "at_risk" else str(value),)
                counts.update([head, *(f"{head}: {label}" for label in labels)])
    return counts


def _lines(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - _SHOWN:,} more" if len(lines) > _SHOWN else ""
    return ", ".join(map(str, lines[:_SHOWN])) + more
