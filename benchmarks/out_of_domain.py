"""How often does a model find a failure in what is no customer feedback?

    python benchmarks/out_of_domain.py [--model FOLDER] [--corpora FOLDER]

Texts: ``data/out_of_domain.csv`` (news, chat, encyclopaedic and notices, written for this project) and, from the
corpora, voice commands and treebank sentences that are kept out of all training.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from complaintnlp import Analyzer
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training.dataset import is_out_of_domain_test, read_corpora

ROOT: Final = Path(__file__).resolve().parent.parent
SAMPLE: Final = 1000
"""Corpus texts of each kind and language, chosen by a hash of the id."""

Texts = dict[tuple[str, str], list[str]]


def written() -> Texts:
    """The committed texts by kind and language."""
    texts: Texts = defaultdict(list)
    with (ROOT / "data" / "out_of_domain.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            texts[row["kind"], row["language"]].append(row["text"])
    return texts


def collected(corpora: Path) -> Texts:
    """Held-out voice commands and treebank sentences by kind and language."""
    rows: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in read_corpora(corpora):
        if is_out_of_domain_test(row):
            kind = "voice command" if row["source"] == "massive" else "treebank"
            order = hashlib.sha1(row["id"].encode(), usedforsecurity=False).hexdigest()
            rows[kind, row["lang"]].append((order, row["text"]))
    return {group: [text for _, text in sorted(pairs)[:SAMPLE]] for group, pairs in rows.items()}


def share_with_types(analyzer: Analyzer, texts: list[str]) -> tuple[int, int]:
    """How many of the texts were given a failure type, and how many of those without the flag for review."""
    answers = [analysis for analysis in analyzer.analyze_many(texts) if analysis.failure_types]
    return len(answers), sum(not analysis.needs_review for analysis in answers)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    arguments = parser.parse_args()
    analyzer = Analyzer.load(arguments.model)
    texts = written() | (collected(arguments.corpora) if arguments.corpora.is_dir() else {})
    print("| what | language | texts | with a failure type | of those not sent to review |")
    print("| --- | --- | --- | --- | --- |")
    totals = {language: np.zeros(3, dtype=int) for language in LANGUAGES}
    for (kind, language), group in sorted(texts.items()):
        found, certain = share_with_types(analyzer, group)
        print(f"| {kind} | {language} | {len(group)} | {found / len(group):.1%} | {certain / len(group):.1%} |")
        totals[language] += len(group), found, certain
    for language, (count, found, certain) in totals.items():
        print(f"| all | {language} | {count} | {found / count:.1%} | {certain / count:.1%} |")


if __name__ == "__main__":
    main()
