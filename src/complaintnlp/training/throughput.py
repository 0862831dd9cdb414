"""Texts per second and milliseconds a text, of the whole path or of the model alone.

It imports nothing that the extra ``train`` brings, so that a plain installation can be measured too.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import numpy as np

from complaintnlp.analyzer import Analyzer
from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.text.language import detect
from complaintnlp.text.model_text import text_for_model
from complaintnlp.text.normalize import normalize

FEEDBACK_SOURCES: Final = {
    "en": ("ride-hailing", "uber-googleplay", "twitter-us-airline", "food-delivery-appstore", "uk-telecom-tweets"),
    "tr": ("ecommerce-reviews", "store-reviews", "telecom-tweets", "trendyol-electronics", "hotel-aspects"),
    "zh": ("online-shopping", "jd-appliances", "jd-phones", "waimai-10k", "dianping"),
    "hy": ("social-comments", "shop-reviews-written", "ud-armenian", "clinic-intents-written"),
}
"""Sources of the corpora whose texts are timed."""

MEAN_TOKENS: Final = 30.0
WARM_UP: Final = 50
"""Texts that are analysed before the clock starts."""

TIMED_ALONE: Final = 1000
"""Texts that are timed one by one."""


@dataclass(frozen=True, slots=True)
class TimedTexts:
    """Texts to time.

    Attributes:
        texts: as customers wrote them.
        tokens: of each text, as the model reads it.
        origin: where they come from.
    """

    texts: Sequence[str]
    tokens: Sequence[int]
    origin: str


def load_timed_texts(
    runtime: Runtime, corpora: Path, samples: Path, *, count: int = 2000, mean_tokens: float = MEAN_TOKENS
) -> TimedTexts:
    """Texts of the four languages in equal parts, or the sample reviews again and again where there are no corpora.

    Args:
        runtime: counts the tokens.
        corpora: folder of corpora.
        samples: CSV file with a column ``text``, for want of corpora.
        count: number of texts; fewer where the corpora of a language do not hold a fourth of them.
        mean_tokens: about so many tokens a text on average; only corpora can be chosen by it.

    Raises:
        ConfigurationError: neither corpora nor samples are there, or they hold no text to time.
    """
    if corpora.is_dir():
        parts = [_choose(runtime, _corpus_texts(corpora, code), count // 4, mean_tokens) for code in LANGUAGES]
        texts, origin = [text for group in zip(*parts, strict=False) for text in group], "corpora"
    elif samples.is_file():
        with samples.open(encoding="utf-8", newline="") as stream:
            texts = list(islice(cycle([row["text"] for row in csv.DictReader(stream)]), count))
        origin = "sample reviews, repeated"
    else:
        raise ConfigurationError(f"no texts to time: neither the folder {corpora} nor the file {samples} exists")
    if not texts:
        raise ConfigurationError(f"no texts to time in {origin}; ask for at least 4, of corpora that hold feedback")
    return TimedTexts(texts, [_token_count(runtime, text) for text in texts], origin)


def _corpus_texts(folder: Path, language: str) -> Iterator[str]:
    """Texts of one language's feedback sources, in an order drawn by a hash of their ids."""
    rows = []
    with gzip.open(folder / f"{language}.jsonl.gz", "rt", encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            if row["source"] in FEEDBACK_SOURCES[language]:
                rows.append((hashlib.sha1(row["id"].encode(), usedforsecurity=False).hexdigest(), row["text"]))
    for _, text in sorted(rows):
        yield text


def _choose(runtime: Runtime, texts: Iterator[str], count: int, mean_tokens: float) -> list[str]:
    """The first ``count`` texts that keep the running mean of tokens near ``mean_tokens``."""
    chosen: list[str] = []
    total = 0
    for text in texts:
        tokens = _token_count(runtime, text)
        new_mean = (total + tokens) / (len(chosen) + 1)
        if abs(new_mean - mean_tokens) <= 1.0 or (new_mean > mean_tokens) != (tokens > mean_tokens):
            chosen.append(text)
            total += tokens
        if len(chosen) == count:
            break
    return chosen


def _token_count(runtime: Runtime, text: str) -> int:
    return sum(map(len, runtime.windows(normalize(text).text)))


def warm_up(analyzer: Analyzer, texts: Sequence[str]) -> None:
    """Load what is loaded on first use: language profiles, the runtime's memory."""
    for text in texts[:WARM_UP]:
        analyzer.analyze(text)


def path_rate(analyzer: Analyzer, texts: Sequence[str], workers: int) -> float:
    """Texts per second of the whole path, ``workers`` texts side by side with one thread each."""
    start = time.perf_counter()
    done = sum(1 for _ in analyzer.analyze_many(texts, workers=workers))
    return done / (time.perf_counter() - start)


class RememberingAnalyzer(Analyzer):
    """Asks its model about each text once: timed a second time, it shows what everything but the model costs.

    Args:
        analyzer: whose model is asked; playbook and risk policy are the packaged ones.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        super().__init__(analyzer._runtime, analyzer._policy)
        self._known: dict[tuple[str, str], tuple[Scores, Decisions]] = {}

    def _judge(self, text: str, language: str) -> tuple[Scores, Decisions]:
        if (text, language) not in self._known:
            self._known[text, language] = super()._judge(text, language)
        return self._known[text, language]


def model_rate(score: Callable[[str], object], texts: Sequence[str], workers: int) -> float:
    """Texts per second of the model alone, ``workers`` texts side by side with one thread each.

    Args:
        score: reads one text as `model_texts` gives it, such as `Runtime.scores`: tokens, network, calibration.
        texts: as the model reads them.
        workers: texts at once.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        start = time.perf_counter()
        done = sum(1 for _ in pool.map(score, texts))
        return done / (time.perf_counter() - start)


def model_texts(texts: Sequence[str]) -> list[str]:
    """What the model reads of texts; those that the analyzer refuses are left out."""
    clean = [normalize(text) for text in texts]
    found = [detect(text.text) for text in clean]
    return [
        text_for_model(text, language.code).text
        for text, language in zip(clean, found, strict=True)
        if language.code is not None and language.supported
    ]


def single_times(analyzer: Analyzer, texts: Sequence[str]) -> tuple[float, float]:
    """Median and 99th percentile of the milliseconds that one text takes alone; at most `TIMED_ALONE` texts."""
    times = []
    for text in texts[:TIMED_ALONE]:
        start = time.perf_counter()
        analyzer.analyze(text)
        times.append((time.perf_counter() - start) * 1000)
    p50, p99 = np.percentile(times, [50, 99])
    return float(p50), float(p99)


def machine() -> str:
    """The processor's architecture, and whether it has 8-bit dot products, which make int8 far faster."""
    return f"{platform.processor() or platform.machine()}, AVX-512 VNNI: {_has_vnni()}"


def _has_vnni() -> str:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return "unknown"
    flags = path.read_text(encoding="utf-8")
    return "yes" if "avx512_vnni" in flags or "avx_vnni" in flags else "no"
