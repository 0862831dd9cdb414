"""What do 1,000 labels of another kind win on their own texts, what do they cost on ours, and how long does it take?

    python benchmarks/retraining.py [--init FOLDER] [--corpora FOLDER] [--annotations FOLDER] [--out FOLDER]

English airline tweets with the labels of their data set (reason of the complaint, sentiment), none of them in the
samples that the released model was trained on; ``complaintnlp train --data`` prints the report. The released model has
seen other tweets of the same source. For a source held out entirely, start from a model that has seen none of them:

    complaintnlp export runs/permissive -o /tmp/permissive && python benchmarks/retraining.py --init /tmp/permissive
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from complaintnlp.training.dataset import HeldOut, read_annotations, sample_corpora
from complaintnlp.training.project_labels import read_project_labels

SOURCE: Final = "twitter-us-airline"
SEEN: Final = 2000
"""The recipes take fewer texts of a source than this, the first ones in the order of `sample_corpora`."""

COUNT: Final = 1000
REASONS: Final = {
    "Late Flight": "delay_wait",
    "longlines": "delay_wait",
    "Cancelled Flight": "cancel_unavailable",
    "Lost Luggage": "wrong_missing",
    "Damaged Luggage": "damaged_defective",
    "Bad Flight": "poor_quality",
    "Customer Service Issue": "support_unresolved",
    "Flight Attendant Complaints": "staff_conduct",
    "Flight Booking Problems": "booking_digital",
}
CLASSES: Final = {"negative": "detractor", "neutral": "passive", "positive": "promoter"}


def unseen(corpora: Path, annotations: Path, project: Path) -> list[dict[str, str]]:
    """Rows of texts that no recipe has seen; a complaint whose reason has no name of ours is left out."""
    known = {row["id"] for row in (*read_annotations(annotations), *read_project_labels(project, corpora))}
    pool = sample_corpora(corpora, HeldOut.of(annotations), per_source=10**6, sources=frozenset({SOURCE}))
    rows = []
    for rank, row in enumerate(pool):
        labels = row["labels"]
        reason = _reason(labels)
        if rank < SEEN or row["id"] in known or labels.get("sentiment") not in CLASSES or reason is None:
            continue
        rows.append({"text": row["text"], "failure_types": reason, "nps_class": CLASSES[labels["sentiment"]]})
    return rows[:COUNT]


def _reason(labels: dict[str, Any]) -> str | None:
    if labels.get("sentiment") != "negative":
        return "none"
    return REASONS.get(str(labels.get("negative_reason")))


def main() -> None:
    """Write the file, train on it, print report and time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--init", type=Path, default=None, help="model to go on from; the released one by default")
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--annotations", type=Path, default=Path("../shared/annotations"))
    parser.add_argument("--project", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-retraining"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = arguments.out / "airline.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ("text", "failure_types", "nps_class"))
        writer.writeheader()
        writer.writerows(unseen(arguments.corpora, arguments.annotations, arguments.project))
    command = [sys.executable, "-m", "complaintnlp", "train", "--data", str(table), "-o", str(arguments.out / "model")]
    if arguments.init is not None:
        command += ["--init", str(arguments.init)]
    begun = time.perf_counter()
    subprocess.run([*command, "--annotations", str(arguments.annotations)], check=True)  # noqa: S603 - our own command
    print(f"{time.perf_counter() - begun:.0f} seconds, figures before and after included")


if __name__ == "__main__":
    main()
