"""Texts per second of the whole path: language, tokenizer, model, judgement, plan.

    python benchmarks/throughput.py
    python benchmarks/throughput.py --model models/complaintnlp-small --workers 2

Reads 2,000 texts of about 30 tokens on average, the four languages in equal parts, from the corpora beside
the repository; without them, the sample reviews again and again, which the output then says.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import platform
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from complaintnlp import Analyzer
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.text.normalize import normalize

REPOSITORY = Path(__file__).parents[1]
FEEDBACK_SOURCES = {
    "en": ("ride-hailing", "uber-googleplay", "twitter-us-airline", "food-delivery-appstore", "uk-telecom-tweets"),
    "tr": ("ecommerce-reviews", "store-reviews", "telecom-tweets", "trendyol-electronics", "hotel-aspects"),
    "zh": ("online-shopping", "jd-appliances", "jd-phones", "waimai-10k", "dianping"),
    "hy": ("social-comments", "shop-reviews-written", "ud-armenian", "clinic-intents-written"),
}


def corpus_texts(folder: Path, language: str) -> Iterator[str]:
    """Texts of one language's feedback sources, in an order drawn by a hash of their ids."""
    rows = []
    with gzip.open(folder / f"{language}.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            if row["source"] in FEEDBACK_SOURCES[language]:
                rows.append((hashlib.sha1(row["id"].encode(), usedforsecurity=False).hexdigest(), row["text"]))
    for _, text in sorted(rows):
        yield text


def choose(runtime: Runtime, texts: Iterator[str], count: int, mean_tokens: float) -> list[str]:
    """The first ``count`` texts that keep the running mean of tokens near ``mean_tokens``."""
    chosen: list[str] = []
    total = 0
    for text in texts:
        tokens = sum(map(len, runtime.windows(normalize(text).text)))
        new_mean = (total + tokens) / (len(chosen) + 1)
        if abs(new_mean - mean_tokens) <= 1.0 or (new_mean > mean_tokens) != (tokens > mean_tokens):
            chosen.append(text)
            total += tokens
        if len(chosen) == count:
            break
    return chosen


def load_texts(runtime: Runtime, corpora: Path, count: int, mean_tokens: float) -> tuple[list[str], str]:
    """Texts to time, and where they come from."""
    if corpora.is_dir():
        parts = [choose(runtime, corpus_texts(corpora, code), count // 4, mean_tokens) for code in LANGUAGES]
        return [text for group in zip(*parts, strict=True) for text in group], "corpora"
    with (REPOSITORY / "data/samples/reviews.csv").open(encoding="utf-8", newline="") as stream:
        reviews = [row["text"] for row in csv.DictReader(stream)]
    return list(islice(cycle(reviews), count)), "sample reviews, repeated"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="model folder; the released one by default")
    parser.add_argument("--corpora", type=Path, default=REPOSITORY.parent / "shared" / "corpora")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--mean-tokens", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2, help="texts analysed at once, one thread each")
    parser.add_argument("--rounds", type=int, default=3, help="the best round counts")
    options = parser.parse_args()

    runtime = Runtime(read_model_folder(options.model))
    texts, origin = load_texts(runtime, options.corpora, options.texts, options.mean_tokens)
    tokens = [sum(map(len, runtime.windows(normalize(text).text))) for text in texts]
    analyzer = Analyzer.load(options.model)
    for text in texts[:50]:
        analyzer.analyze(text)
    rates = []
    for _ in range(options.rounds):
        start = time.perf_counter()
        done = sum(1 for _ in analyzer.analyze_many(texts, workers=options.workers))
        rates.append(done / (time.perf_counter() - start))
    single = []
    for text in texts[:1000]:
        start = time.perf_counter()
        analyzer.analyze(text)
        single.append((time.perf_counter() - start) * 1000)
    p50, p99 = np.percentile(single, [50, 99])
    print(f"model        {analyzer.info.name} {analyzer.info.version}")
    print(f"machine      {platform.processor() or platform.machine()}, AVX-512 VNNI: {has_vnni()}")
    print(f"texts        {len(texts)} ({origin}), mean {np.mean(tokens):.1f} tokens, longest {max(tokens)}")
    print(f"throughput   {max(rates):.0f} texts/s with {options.workers} workers (rounds: {_list(rates)})")
    print(f"single text  p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def has_vnni() -> str:
    """Whether the CPU has 8-bit dot products, which make int8 far faster."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return "unknown"
    flags = path.read_text(encoding="utf-8")
    return "yes" if "avx512_vnni" in flags or "avx_vnni" in flags else "no"


def _list(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)


if __name__ == "__main__":
    main()
