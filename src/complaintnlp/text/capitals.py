"""Lowers words that are shouted in capitals: the encoder knows them only in small letters."""

from __future__ import annotations

import re
from typing import Final

from complaintnlp.text.normalize import Draft, NormalizedText

_MASK_OR_WORD: Final = re.compile(r"<(?:url|email|number)>|[^\W\d_]+")
MARK: Final = " !"
_RUN: Final = 3
"""So many words in capitals in a row are shouting; fewer may be names and abbreviations."""
_SHORT_SHOUT: Final = 6
"""Letters of a shorter text that is shouted as a whole."""


def lower_capitals(text: NormalizedText, language: str) -> NormalizedText:
    """Put runs of words in capitals into small letters; any other text comes back as it is.

    Args:
        text: normalised.
        language: Turkish lowers I to ı where the writer has İ too; many type I for both.

    Returns:
        The text with offsets into the same original; a mark at its end keeps what the capitals said of the mood.
    """
    shouted = _shouted(text.text)
    if not shouted:
        return text
    dotless = language == "tr" and "İ" in text.text

    def lower(match: re.Match[str]) -> str:
        if match.start() not in shouted:
            return match[0]
        word = match[0].replace("İ", "i")
        return (word.replace("I", "ı") if dotless else word).lower()

    draft = Draft(text)
    draft.replace(_MASK_OR_WORD, lower)
    starts = [*draft.starts, *[draft.starts[-1]] * len(MARK)]
    ends = [*draft.ends, *[draft.ends[-1]] * len(MARK)]
    return NormalizedText(draft.text + MARK, text.original, starts, ends)


def _shouted(text: str) -> frozenset[int]:
    """Where the shouted words begin. A single capital letter neither ends a run nor counts."""
    if not any(character.isupper() for character in text):
        return frozenset()
    found: set[int] = set()
    run: list[re.Match[str]] = []
    words = [match for match in _MASK_OR_WORD.finditer(text) if not match[0].startswith("<")]
    for word in words:
        if word[0].isupper():
            run.append(word)
            continue
        found |= _long_enough(run)
        run = []
    found |= _long_enough(run)
    if len(run) == len(words) and sum(len(word[0]) for word in words) >= _SHORT_SHOUT:
        found |= {word.start() for word in words}
    return frozenset(found)


def _long_enough(run: list[re.Match[str]]) -> set[int]:
    return {word.start() for word in run} if sum(len(word[0]) > 1 for word in run) >= _RUN else set()
