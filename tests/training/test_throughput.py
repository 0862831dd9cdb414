"""The texts that are timed, and what the clock is put to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from complaintnlp import Analyzer
from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training import throughput
from complaintnlp.training.throughput import FEEDBACK_SOURCES, load_timed_texts

SAMPLES = Path(__file__).parents[2] / "data" / "samples" / "reviews.csv"
WORDS = {"en": "late", "tr": "geç", "zh": "晚", "hy": "ուշ"}


@pytest.fixture
def runtime(tiny_folder: ModelFolder) -> Runtime:
    return Runtime(tiny_folder)


@pytest.fixture
def corpora(
    corpora_folder: Callable[[Mapping[str, Iterable[dict[str, Any]]]], Path], crawled: Callable[..., dict[str, Any]]
) -> Path:
    """Feedback of many lengths, and other texts."""
    rows = {}
    for code in LANGUAGES:
        source = FEEDBACK_SOURCES[code][0]
        rows[code] = [
            crawled(code, source, f"{length} {WORDS[code]} " + ("abcdefgh" * 7)[:length]) for length in range(10, 50)
        ]
        rows[code] += [crawled(code, "massive", f"{number} {WORDS[code]}?") for number in range(50)]
    return corpora_folder(rows)


def test_the_languages_take_turns_and_the_mean_is_as_asked(runtime: Runtime, corpora: Path) -> None:
    timed = load_timed_texts(runtime, corpora, SAMPLES, count=16, mean_tokens=30.0)
    assert timed.origin == "corpora"
    assert len(timed.texts) == len(timed.tokens) == 16
    assert sum(timed.tokens) / 16 == pytest.approx(30.0, abs=1.0)
    assert not any("?" in text for text in timed.texts), "voice commands are no feedback"
    for start, code in enumerate(LANGUAGES):
        assert all(WORDS[code] in text for text in timed.texts[start::4])
    assert load_timed_texts(runtime, corpora, SAMPLES, count=16, mean_tokens=30.0) == timed


def test_without_corpora_the_samples_are_timed_again_and_again(runtime: Runtime, tmp_path: Path) -> None:
    timed = load_timed_texts(runtime, tmp_path / "none", SAMPLES, count=130)
    assert timed.origin == "sample reviews, repeated"
    assert len(timed.texts) == 130
    assert len(set(timed.texts)) < 130


def test_nothing_to_time_is_said(runtime: Runtime, corpora: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"neither the folder .*none nor the file .*lost\.csv exists"):
        load_timed_texts(runtime, tmp_path / "none", tmp_path / "lost.csv")
    with pytest.raises(ConfigurationError, match="no texts to time in corpora; ask for at least 4"):
        load_timed_texts(runtime, corpora, SAMPLES, count=3)


def test_the_model_reads_what_the_analyzer_would_let_it_read() -> None:
    texts = [
        "Kargom üç haftadır gelmedi, çok kızgınım",
        "Поезд опоздал на два часа",
        "😡",
        "barev dzez, shat ushacav",
    ]
    read = throughput.model_texts(texts)
    assert len(read) == 2
    assert read[0] == texts[0]
    assert read[1].startswith("բարև")


def test_rates_count_every_text(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analyzer = Analyzer.load(tiny_model)
    clock = iter(range(1000))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    assert throughput.path_rate(analyzer, ["too late", "çok geç"] * 5, 2) == 10.0
    seen: list[str] = []
    assert throughput.model_rate(seen.append, ["a", "b", "c"], 2) == 3.0
    assert sorted(seen) == ["a", "b", "c"]
    assert throughput.single_times(analyzer, ["too late"] * 3) == (1000.0, 1000.0)


def test_a_model_is_asked_once_about_a_text(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    analyzer = Analyzer.load(tiny_model)
    free = throughput.RememberingAnalyzer(analyzer)
    asked: list[str] = []
    score = Runtime.scores

    def scores(runtime: Runtime, text: str) -> Scores:
        asked.append(text)
        return score(runtime, text)

    monkeypatch.setattr(Runtime, "scores", scores)
    texts = ["too late", "çok geç kaldı"]
    first, second = list(free.analyze_many(texts)), list(free.analyze_many(texts))
    assert sorted(asked) == sorted(texts)
    assert first == second == [analyzer.analyze(text) for text in texts]
