"""The clause that a label rests on, from token weights and votes."""

from __future__ import annotations

import numpy as np
import pytest

from complaintnlp.judgement.evidence import INTENSITY, clauses, drops, find_evidence, outputs_of
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.runtime import Runtime, TokenVotes
from complaintnlp.model.scores import HEADS, LOGIT_COUNT


def words(text: str) -> np.ndarray:
    """Spans of the words of a text, framed as the tokenizer frames them."""
    spans, position = [(0, 0)], 0
    for word in text.split(" "):
        spans.append((position, position + len(word)))
        position += len(word) + 1
    return np.array([*spans, (0, 0)], dtype=np.int64)


def quoted(text: str, spans: np.ndarray) -> list[str]:
    return [text[spans[part[0], 0] : spans[part[-1], 1]] for part in clauses(text, spans)]


def test_clauses_end_with_punctuation_in_every_language() -> None:
    text = "Late again, nobody cares. Fix it!"
    assert quoted(text, words(text)) == ["Late again,", "nobody cares.", "Fix it!"]
    text = "Առաքիչը ուշացավ, սնունդը սառն էր։ Ամոթ է"
    assert quoted(text, words(text)) == ["Առաքիչը ուշացավ,", "սնունդը սառն էր։", "Ամոթ է"]
    text = "太慢了，客服不理人。退款"
    spans = np.array([(0, 0), *((i, i + 1) for i in range(len(text))), (0, 0)])
    assert quoted(text, spans) == ["太慢了，", "客服不理人。", "退款"]


def test_a_long_clause_is_cut_where_a_word_begins() -> None:
    text = " ".join(f"word{number}" for number in range(40))
    parts = quoted(text, words(text))
    assert " ".join(parts) == text
    assert max(len(part.split()) for part in parts) == 14


def test_a_drop_is_what_the_rest_of_the_text_would_say() -> None:
    generator = np.random.default_rng(3)
    weights = generator.random((6, LOGIT_COUNT)).astype(np.float32)
    weights /= weights.sum(axis=0)
    votes = generator.normal(size=(6, LOGIT_COUNT)).astype(np.float32)
    window = TokenVotes(np.zeros((6, 2), np.int64), weights, votes, (weights * votes).sum(axis=0))
    part, column = [1, 2], 4
    rest = [0, 3, 4, 5]
    without = (weights[rest, column] * votes[rest, column]).sum() / weights[rest, column].sum()
    assert drops(window, [part], [column])[0] == pytest.approx(window.logits[column] - without, abs=1e-5)


def test_outputs_stand_behind_their_labels() -> None:
    outputs = outputs_of(["delay_wait"], ["R2"], emotional=True)
    assert outputs == {
        "delay_wait": (HEADS["failure_types"].start,),
        "R2": (HEADS["risk_reasons"].start + 1,),
        INTENSITY: tuple(range(HEADS["intensity"].start, HEADS["intensity"].stop)),
    }
    assert outputs_of([], [], emotional=False) == {}


def test_evidence_is_the_clause_whose_absence_the_model_feels_most(tiny_folder: ModelFolder) -> None:
    runtime = Runtime(tiny_folder)
    text = "Zzz zzz, kargom geç geldi, çok kötü: bbb."
    column = HEADS["failure_types"].start
    span = find_evidence(runtime, text, {"delay_wait": (column,)})["delay_wait"]
    (window,) = runtime.token_votes(text)
    parts = clauses(text, window.spans)
    before = window.logits[column]
    # The tiny model's logit is a plain mean over characters, so removing them can be computed exactly.
    change = {}
    for part in parts:
        rest = [token for token in range(len(window.spans)) if token not in part]
        start, end = window.spans[part[0], 0], window.spans[part[-1], 1]
        change[text[start:end].strip()] = before - window.votes[rest, column].mean()
    assert text[span.start : span.end] == max(change, key=lambda clause: change[clause])
    assert span.drop == pytest.approx(max(change.values()), abs=1e-4)


def test_nothing_asked_or_nothing_said_gives_no_evidence(tiny_folder: ModelFolder) -> None:
    assert find_evidence(Runtime(tiny_folder), "late", {}) == {}
    assert find_evidence(Runtime(tiny_folder), "", {"delay_wait": (0,)}) == {}


def test_the_window_of_a_long_text_that_speaks_for_the_label_is_quoted(tiny_folder: ModelFolder) -> None:
    runtime = Runtime(tiny_folder)
    text = "aaaa aaaa aaaa aaaa. " * 4 + "kkkk kkkk kkkk. " * 4
    windows = runtime.token_votes(text)
    assert len(windows) > 1
    for column in range(LOGIT_COUNT):
        best = max(windows, key=lambda window: float(window.logits[column]))
        span = find_evidence(runtime, text, {"x": (column,)}).get("x")
        if span is not None:
            assert best.spans[1, 0] <= span.start < span.end <= best.spans[-2, 1]


def test_own_types_stand_behind_the_heads() -> None:
    outputs = outputs_of(["second"], [], emotional=False, own_types=["first", "second"])
    assert outputs == {"second": (LOGIT_COUNT + 1,)}
