"""Start-up times and memory: import, first answer of a cold process, peak memory of scoring.

python benchmarks/footprint.py
python benchmarks/footprint.py --rows 1000 100000
"""

from __future__ import annotations

import argparse
import csv
import re
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
_COLD = 'from complaintnlp import Analyzer; Analyzer.load().analyze("Kargom iki haftadır gelmedi.")'
_PEAK = (
    "import resource, sys; from complaintnlp.cli import app; app(sys.argv[1:], standalone_mode=False);"
    'print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)'
)


def seconds(code: str, repeats: int = 5) -> float:
    """Median wall time of a fresh Python process that runs ``code``."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - fixed code
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_megabytes(rows: int, scratch: Path) -> float:
    """Peak resident memory of ``complaintnlp score`` on the sample repeated to ``rows`` rows of short text."""
    with (REPOSITORY / "data/samples/reviews.csv").open(encoding="utf-8", newline="") as stream:
        texts = [row["text"][:60] for row in csv.DictReader(stream)]
    source = scratch / f"{rows}.csv"
    with source.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(islice(cycle(texts), rows)))
    result = subprocess.run(  # noqa: S603 - fixed code
        [sys.executable, "-c", _PEAK, "score", str(source), "-o", str(scratch / "out.csv")],
        capture_output=True,
        text=True,
        check=True,
    )
    match = re.search(r"^peak (\d+)$", result.stdout, re.MULTILINE)
    if match is None:
        raise RuntimeError(f"no peak in the output: {result.stdout[-500:]}")
    return int(match[1]) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 100_000], help="file sizes to score")
    options = parser.parse_args()
    python = seconds("pass")
    imported = seconds("import complaintnlp")
    print(f"python alone          {python:.2f} s")
    print(f"import complaintnlp   {imported - python:.2f} s beyond that ({imported:.2f} s in all)")
    print(f"first answer, cold    {seconds(_COLD):.2f} s, process start included")
    with tempfile.TemporaryDirectory() as scratch:
        for rows in options.rows:
            print(f"peak of score         {peak_megabytes(rows, Path(scratch)):.0f} MB on {rows:,} rows", flush=True)


if __name__ == "__main__":
    main()
