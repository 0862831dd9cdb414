"""Texts per second of the whole path: language, tokenizer, model, judgement, plan.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --model models/complaintnlp-small --workers 2

Reads 2,000 texts of about 30 tokens on average, the four languages in equal parts, from the corpora beside
the repository; without them, the sample reviews again and again, which the output then says.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from complaintnlp import Analyzer
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training import throughput

REPOSITORY = Path(__file__).parents[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; the released one by default")
    parser.add_argument("--corpora", type=Path, default=REPOSITORY.parent / "shared" / "corpora")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--mean-tokens", type=float, default=throughput.MEAN_TOKENS)
    parser.add_argument("--workers", type=int, default=2, help="texts analysed at once, one thread each")
    parser.add_argument("--rounds", type=int, default=3, help="the best round counts")
    options = parser.parse_args()

    timed = throughput.load_timed_texts(
        Runtime(read_model_folder(options.model)),
        options.corpora,
        REPOSITORY / "data/samples/reviews.csv",
        count=options.texts,
        mean_tokens=options.mean_tokens,
    )
    analyzer = Analyzer.load(options.model)
    throughput.warm_up(analyzer, timed.texts)
    rates = [throughput.path_rate(analyzer, timed.texts, options.workers) for _ in range(options.rounds)]
    p50, p99 = throughput.single_times(analyzer, timed.texts)
    tokens = timed.tokens
    print(f"model        {analyzer.info.name} {analyzer.info.version}")
    print(f"machine      {throughput.machine()}")
    print(f"texts        {len(tokens)} ({timed.origin}), mean {np.mean(tokens):.1f} tokens, longest {max(tokens)}")
    print(f"throughput   {max(rates):.0f} texts/s with {options.workers} workers (rounds: {_list(rates)})")
    print(f"single text  p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


if __name__ == "__main__":
    main()
