"""The likeliest Armenian spelling of a word whose letters are known only up to their sound.

Latin letters leave open which of two Armenian ones is meant (t for տ and թ, k for կ and ք). A list of Armenian words
decides for those it holds, whatever was meant by the schwa that people write or drop; for other words, how often
letters follow one another in that list does. ``armenian_words.tsv`` is written by ``complaintnlp data armenian-words``.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

_CLASSES: Final = ("տթ", "պփ", "կք", "ցծ", "չճ", "րռ", "եէ", "ոօ", "ջժ", "խղ")
"""Letters that Latin spellings confuse; the first stands for the class in a skeleton."""

_FIRST: Final = str.maketrans({letter: letters[0] for letters in _CLASSES for letter in letters})
_GLIDE: Final = re.compile("[իեէ](?=[աոօ])")
_DOUBLED: Final = re.compile(r"(.)\1+")
_CONTRADICTED: Final = 3.0
"""A letter that the Latin spelling rules out counts as much as a word's being twenty times rarer."""
_BEAM: Final = 24
_EDGE: Final = "#"


def likeliest_word(options: Sequence[str]) -> str:
    """The likeliest word.

    Args:
        options: for each place the Armenian letters that may stand there, the commonest first; lower case.
    """
    candidates = _lexicon().get(skeleton("".join(letters[0] for letters in options)))
    if candidates is None:
        return _by_neighbours(options)
    counts = _counts()
    sounded = [letters for letters in options if letters != "ը"]

    def likelihood(word: str) -> float:
        letters = word.replace("ը", "")
        contradicted = len(letters) == len(sounded) and sum(
            letter not in allowed for letter, allowed in zip(letters, sounded, strict=True)
        )
        return math.log(counts[word]) - _CONTRADICTED * contradicted

    return max(candidates, key=likelihood)


def skeleton(word: str) -> str:
    """What a Latin spelling keeps of a word: confused letters merged, doubling and all schwas but a last dropped."""
    plain = word.replace("և", "եվ")
    plain = plain[:-1].replace("ը", "") + plain[-1:]
    return _DOUBLED.sub(r"\1", _GLIDE.sub("յ", plain).translate(_FIRST))


@cache
def _counts() -> dict[str, int]:
    lines = resources.files("complaintnlp.text").joinpath("armenian_words.tsv").read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in lines.splitlines() if not line.startswith("#"))
    return {word: int(count) for word, count in pairs}


@cache
def _lexicon() -> Mapping[str, Sequence[str]]:
    """Words by skeleton."""
    words: dict[str, list[str]] = defaultdict(list)
    for word in _counts():
        words[skeleton(word)].append(word)
    return dict(words)


@cache
def _neighbours() -> Mapping[str, Mapping[str, float]]:
    """Log-probability of a letter after two others, over the list's words, each weighed by its log count."""
    follow: dict[str, Counter[str]] = defaultdict(Counter)
    for word, count in _counts().items():
        padded = f"{_EDGE}{_EDGE}{word}{_EDGE}"
        for i in range(2, len(padded)):
            follow[padded[i - 2 : i]][padded[i]] += 1 + int(math.log(count))
    return {
        pair: {letter: math.log(n / sum(letters.values())) for letter, n in letters.items()}
        for pair, letters in follow.items()
    }


def _by_neighbours(options: Sequence[str]) -> str:
    table, unseen = _neighbours(), math.log(1e-4)
    beam = [(0.0, f"{_EDGE}{_EDGE}")]
    for choices in (*options, _EDGE):
        beam = [
            (score + table.get(text[-2:], {}).get(choice, unseen), text + choice)
            for score, text in beam
            for choice in choices
        ]
        beam = sorted(beam, reverse=True)[:_BEAM]
    return beam[0][1].strip(_EDGE)
