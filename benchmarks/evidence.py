"""Faithfulness and cost of the evidence: does deleting it lower the label more than deleting other words would?

    python benchmarks/evidence.py [--split dev|test] [--model FOLDER] [--annotations FOLDER]

For every predicted label of every text of at least three clauses: the probability is computed again without the
evidence, and without a random stretch of the same number of characters elsewhere.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.judgement.evidence import INTENSITY, clauses, find_evidence, outputs_of
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, RISK_REASON_IDS
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.metrics import group_of


def value(scores: Scores, label: str) -> float:
    """Probability of a label; of intensity its expected level."""
    if label == INTENSITY:
        return float(scores.expected_intensity[0])
    if label in FAILURE_TYPE_IDS:
        return float(scores.failure_types[0, FAILURE_TYPE_IDS.index(label)])
    return float(scores.risk_reasons[0, RISK_REASON_IDS.index(label)])


def without(text: str, start: int, end: int) -> str:
    """The text without a range."""
    return f"{text[:start].rstrip()} {text[end:].lstrip()}".strip()


def other_stretch(text: str, start: int, end: int, source: random.Random) -> tuple[int, int] | None:
    """A random stretch of the same length that does not touch the range; None where there is no room."""
    length = end - start
    places = [*range(start - length + 1), *range(end, len(text) - length + 1)]
    if not places:
        return None
    begin = source.choice(places)
    return begin, begin + length


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--annotations", type=Path, default=Path("../shared/annotations"))
    arguments = parser.parse_args()
    folder = read_model_folder(arguments.model)
    runtime, policy = Runtime(folder), Policy.from_dict(folder.thresholds, str(folder.path))
    source = random.Random(0)  # noqa: S311 - not for secrets
    drops: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    plain, explained = [], []
    for row in load_hand_labels(arguments.annotations, arguments.split):
        text = row["text"]
        begun = time.perf_counter()
        scores = runtime.scores(text)
        decisions = decide(scores, policy)
        middle = time.perf_counter()
        types = [name for name, given in zip(FAILURE_TYPE_IDS, decisions.failure_types[0], strict=True) if given]
        reasons = [name for name, given in zip(RISK_REASON_IDS, decisions.risk_reasons[0], strict=True) if given]
        outputs = outputs_of(types, reasons, emotional=bool(decisions.intensity[0] > 0))
        found = find_evidence(runtime, text, outputs)
        if outputs:
            plain.append(middle - begun)
            explained.append(time.perf_counter() - begun)
        votes = runtime.token_votes(text)
        if len(votes) != 1 or len(clauses(text, votes[0].spans)) < 3:
            continue
        for label, span in found.items():
            other = other_stretch(text, span.start, span.end, source)
            if other is None:
                continue
            before = value(scores, label)
            kind = "type" if label in FAILURE_TYPE_IDS else "intensity" if label == INTENSITY else "risk reason"
            gained = before - value(runtime.scores(without(text, span.start, span.end)), label)
            chance = before - value(runtime.scores(without(text, *other)), label)
            drops[group_of(row["language"], row["origin"]), kind].append((gained, chance))
    print("| group | label | cases | drop without evidence | without other words | evidence matters more |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (group, kind), pairs in sorted(drops.items()):
        values = np.array(pairs)
        more = float((values[:, 0] > values[:, 1]).mean())
        print(
            f"| {group} | {kind} | {len(pairs)} | {values[:, 0].mean():.3f} | {values[:, 1].mean():.3f} | {more:.0%} |"
        )
    ratio = np.sum(explained) / np.sum(plain)
    print(f"\nmodel time with evidence: {ratio:.2f} times that of the plain answer ({len(plain)} texts)")


if __name__ == "__main__":
    main()
