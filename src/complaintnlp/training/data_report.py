"""What the training data teach, as tables for a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training import dataset as data
from complaintnlp.training.label_mapping import HEADS, load_mapping
from complaintnlp.training.label_rates import measured_rates


def report_tables(annotations: Path, corpora: Path, permissive: frozenset[str] = frozenset()) -> Iterator[Table]:
    """Tables: hand labels per language and split, hand labels per failure type, and what each corpus teaches.

    Args:
        annotations: folder of hand labels.
        corpora: folder of corpora with native labels.
        permissive: sources to mark as permissive.
    """
    rows = list(data.read_annotations(annotations))
    yield _hand_table(rows)
    yield _type_table(rows)
    yield _corpora_table(annotations, corpora, permissive)


def _hand_table(rows: list[dict[str, str]]) -> Table:
    counts = Counter((row["language"], row["origin"], row["split"]) for row in rows)
    table = Table("language", "origin", *data.SPLITS, title="Hand labels")
    for language, origin in sorted({key[:2] for key in counts}):
        table.add_row(language, origin, *(f"{counts[language, origin, split]:,}" for split in data.SPLITS))
    return table


def _type_table(rows: list[dict[str, str]]) -> Table:
    counts = Counter((name, row["language"]) for row in rows for name in row["failure_types"].split(";") if name)
    languages = sorted({row["language"] for row in rows})
    table = Table("failure type", *languages, title="Hand labels per failure type, all splits")
    for name in FAILURE_TYPE_IDS:
        table.add_row(name, *(f"{counts[name, language]:,}" for language in languages))
    return table


def _corpora_table(annotations: Path, corpora: Path, permissive: frozenset[str]) -> Table:
    mapping, held_out = load_mapping(), data.HeldOut.of(annotations)
    total: Counter[tuple[str, str]] = Counter()
    usable: Counter[tuple[str, str]] = Counter()
    taught: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in data.read_corpora(corpora):
        key = (row["lang"], row["source"])
        total[key] += 1
        if data.is_out_of_domain_test(row) or held_out.holds(row["id"], row["text"]):
            continue
        usable[key] += 1
        targets = mapping.apply(row["source"], row["labels"])
        if targets is not None:
            known = (head for head in HEADS if getattr(targets, head) not in (None, {}, ()))
            taught[key].update(["any", *known])
    columns = ("language", "source", "rows", "usable", "taught", *HEADS, "permissive")
    table = Table(*columns, title="Corpora: rows that teach each head")
    for key in sorted(total):
        cells = (f"{taught[key][head]:,}" if taught[key][head] else "-" for head in ("any", *HEADS))
        licence = "yes" if key[1] in permissive else "-"
        table.add_row(*key, f"{total[key]:,}", f"{usable[key]:,}", *cells, licence)
    return table


def rate_lines(annotations: Path, corpora: Path) -> Iterator[str]:
    """One line per rule of the label mapping, measured again on the hand-labelled training texts."""
    labelled = {row["id"]: row for row in data.read_annotations(annotations, "train")}
    rows = (
        (row["source"], row["labels"], labelled[row["id"]])
        for row in data.read_corpora(corpora)
        if row["id"] in labelled
    )
    return map(str, measured_rates(load_mapping(), rows))
