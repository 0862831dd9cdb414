"""The words that a label rests on, as ranges in the customer's own text.

A logit of the model is a weighted mean of what its tokens say, so the logit of the text without one clause can be
computed from the weights and votes of a single pass. The clause whose absence would lower the logit most is the
evidence. ``benchmarks/evidence.py`` checks against the model itself that deleting it matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.model.runtime import Runtime, TokenVotes
from complaintnlp.model.scores import HEADS, OWN_PART
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, RISK_REASON_IDS

INTENSITY: Final = "intensity"

_CLAUSE_END: Final = re.compile(r"[.!?…。！？；;,，、:：։՝՜՞\n]+[\"'»”)\]]*|(?=\s[–—-]\s)")
_LONGEST: Final = 14
"""Tokens of the longest clause; a longer one is cut where a word begins."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the text with what its absence would take from the logit."""

    start: int
    end: int
    drop: float


def outputs_of(
    failure_types: Iterable[str], reasons: Iterable[str], *, emotional: bool, own_types: Sequence[str] = ()
) -> dict[str, tuple[int, ...]]:
    """The model's outputs that stand behind each label of an answer.

    Args:
        failure_types: of the answer.
        reasons: of the answer.
        emotional: whether its intensity is above 0.
        own_types: ids of all failure types of the model's own.
    """
    columns = {name: HEADS["failure_types"].start + i for i, name in enumerate(FAILURE_TYPE_IDS)}
    columns |= {name: OWN_PART.start + i for i, name in enumerate(own_types)}
    outputs: dict[str, tuple[int, ...]] = {name: (columns[name],) for name in failure_types}
    outputs |= {name: (HEADS["risk_reasons"].start + RISK_REASON_IDS.index(name),) for name in reasons}
    if emotional:
        outputs[INTENSITY] = tuple(range(HEADS["intensity"].start, HEADS["intensity"].stop))
    return outputs


def find_evidence(runtime: Runtime, text: str, outputs: Mapping[str, Sequence[int]]) -> dict[str, Span]:
    """The clause that each label rests on most.

    Args:
        runtime: a model that gives token votes.
        text: as the model reads it.
        outputs: as `outputs_of` names them.

    Returns:
        A span in ``text`` per label; none for a label that no clause speaks for.
    """
    if not outputs:
        return {}
    windows = [(window, clauses(text, window.spans)) for window in runtime.token_votes(text)]
    found = {}
    for label, columns in outputs.items():
        # The window that speaks for the label most is the one that the answer rests on.
        window, parts = max(windows, key=lambda pair: float(pair[0].logits[list(columns)].sum()))
        span = _strongest(text, window, parts, list(columns))
        if span is not None:
            found[label] = span
    return found


def clauses(text: str, spans: NDArray[np.int64]) -> list[list[int]]:
    """Tokens of each clause: cut after punctuation, and where a word begins if a clause grows long."""
    ends = {match.end() for match in _CLAUSE_END.finditer(text)}
    parts: list[list[int]] = [[]]
    previous = 0
    for token, (start, end) in enumerate(spans.tolist()):
        if start == end:
            continue
        crossed = any(position in ends for position in range(previous, start + 1))
        begins_word = start > previous or text[start].isspace() or "\u3400" <= text[start] <= "\u9fff"
        if parts[-1] and (crossed or (len(parts[-1]) >= _LONGEST and begins_word)):
            parts.append([])
        parts[-1].append(token)
        previous = end
    return [part for part in parts if part]


def drops(window: TokenVotes, parts: Sequence[Sequence[int]], columns: Sequence[int]) -> NDArray[np.float64]:
    """What the absence of each part would take from the sum of the columns' logits, ``(parts,)``."""
    weights = window.weights[:, columns].astype(np.float64)
    said = weights * window.votes[:, columns]
    total, values = said.sum(axis=0), []
    for part in parts:
        rest = np.maximum(1.0 - weights[part].sum(axis=0), 1e-3)
        values.append(float((total - (total - said[part].sum(axis=0)) / rest).sum()))
    return np.array(values)


def _strongest(text: str, window: TokenVotes, parts: list[list[int]], columns: list[int]) -> Span | None:
    if not parts:
        return None
    values = drops(window, parts, columns)
    best = int(values.argmax())
    if values[best] <= 0:
        return None
    start, end = int(window.spans[parts[best][0], 0]), int(window.spans[parts[best][-1], 1])
    while start < end and text[start].isspace():
        start += 1
    return Span(start, end, float(values[best])) if start < end else None
