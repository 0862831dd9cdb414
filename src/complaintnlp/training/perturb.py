"""Texts changed as customers write: misspelt, without diacritics, in capitals, in other letters, with other words.

Every change takes a normalised text, its language and a random generator, and gives the changed text, or None where it
does not apply. What the text complains of stays the same. The words and letters stand in ``perturb.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from random import Random
from types import MappingProxyType
from typing import Any, Final

import opencc

Perturbation = Callable[[str, str, Random], str | None]

TYPO_SHARE: Final = 0.08
"""Share of the longer words that get a typing error, at least one; of Chinese characters half as many do."""

_MOST_MIXED: Final = 4
_LENGTHENED: Final = 4
_LENGTHENED_SHARE: Final = 0.05
_SHORT: Final = {"zh": 12}
_LONG: Final = {"zh": 250}
_SHORT_WORDS: Final = 5
_LONG_WORDS: Final = 120

_MASK: Final = re.compile("(<(?:url|email|number)>)")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_WORD: Final = re.compile(r"(?<!<)\b[^\W\d_]{4,}\b(?!>)")
_SENTENCE_END: Final = re.compile("[.!?。！？։:](?=\\s|$|[\u4e00-\u9fff])")
_ARMENIAN_WORD: Final = re.compile("[\u0531-\u0556\u0561-\u0587]+")
_PLAIN_TURKISH: Final = str.maketrans("çÇğĞıİöÖşŞüÜâÂîÎûÛ", "cCgGiIoOsSuUaAiIuU")
_ENDINGS: Final = {
    "tr": r"(?:['’]?(?P<ending>[ymnsdltaeıiuü]\w{0,7}))?",
    "hy": "(?P<ending>(?:ներ)?(?:ը|ն|ի|ին|ից|ով|ում|ս|դ))?",
}


def perturb(name: str, text: str, language: str, key: str) -> str | None:
    """One change of one text, always the same for the same arguments.

    Args:
        name: one of `PERTURBATIONS`.
        text: normalised.
        language: its code.
        key: seeds the random choices; the text's id.

    Returns:
        The changed text; None where the change does not apply or changes nothing.
    """
    changed = PERTURBATIONS[name](text, language, Random(f"{name}:{key}"))  # noqa: S311 - nothing secret
    return None if changed == text else changed


def typos(text: str, language: str, rng: Random) -> str | None:
    """Letters swapped, dropped, doubled or mistaken for a neighbour; in Chinese, characters dropped or swapped."""
    if language == "zh":
        return _han_slips(text, rng)
    words = list(_WORD.finditer(text))
    return _at_some(text, words, TYPO_SHARE, rng, lambda word: _slip(word, language, rng))


def no_diacritics(text: str, language: str, rng: Random) -> str | None:  # noqa: ARG001 - one signature for all
    """Turkish as typed on a foreign keyboard."""
    return text.translate(_PLAIN_TURKISH) if language == "tr" else None


def capitals(text: str, language: str, rng: Random) -> str | None:  # noqa: ARG001
    """The whole text in capitals, by the rules of the language."""
    if language == "zh":
        return None
    small, capital = ("i", "İ") if language == "tr" else ("և", "ԵՎ")
    parts = _MASK.split(text)
    return "".join(part if _MASK.fullmatch(part) else part.replace(small, capital).upper() for part in parts)


def latin_armenian(text: str, language: str, rng: Random) -> str | None:
    """Armenian in Latin letters, every letter by one habit throughout the text."""
    if language != "hy" or not _ARMENIAN_WORD.search(text):
        return None
    habit = {
        letter: rng.choices(list(spellings), list(spellings.values()))[0]
        for letter, spellings in _data()["latin_armenian"].items()
    }
    latin = _ARMENIAN_WORD.sub(lambda match: _latin_word(match[0], habit), text)
    return latin.translate(str.maketrans({sign: spelling for sign, spelling in habit.items() if len(sign) == 1}))


def traditional(text: str, language: str, rng: Random) -> str | None:  # noqa: ARG001
    """Chinese in Traditional characters, as in Taiwan."""
    return _traditional_converter().convert(text) if language == "zh" else None


def emoji(text: str, language: str, rng: Random) -> str | None:  # noqa: ARG001
    """One or two pictures of things at the end and, in a text of several sentences, one behind another sentence."""
    pictures = rng.sample(_data()["emoji"]["all"], 3)
    ends = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() < len(text)]
    if ends:
        place = rng.choice(ends)
        text = f"{text[:place]} {pictures.pop()}{text[place:]}"
    return f"{text} {''.join(pictures[: rng.randint(1, 2)])}"


def elongation(text: str, language: str, rng: Random) -> str | None:
    """A vowel of some words, or a Chinese word of degree, written several times over."""
    letters = _data()["elongation"][language]
    if language == "zh":
        words = list(re.finditer(f"[{letters}]", text))
        return _at_some(text, words, 0.0, rng, lambda word: word * (_LENGTHENED - 1))
    last_vowel = re.compile(f"[{letters}](?=[^{letters}]*$)")
    words = [match for match in _WORD.finditer(text) if last_vowel.search(match[0])]
    return _at_some(
        text, words, _LENGTHENED_SHARE, rng, lambda word: last_vowel.sub(lambda vowel: vowel[0] * _LENGTHENED, word)
    )


def code_mixing(text: str, language: str, rng: Random) -> str | None:
    """Some service words in English, in Armenian in Russian; no such habit is known of English."""
    if language not in _data()["code_mixing"]:
        return None
    pattern, words = _mixing(language)
    found = list(pattern.finditer(text))
    if not found:
        return None
    chosen = sorted(rng.sample(found, min(_MOST_MIXED, len(found))), key=lambda match: match.start())
    return _replaced(text, [(match, _mixed(match, words, language)) for match in chosen])


PERTURBATIONS: Final[Mapping[str, Perturbation]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            *(typos, no_diacritics, capitals, latin_armenian),
            *(traditional, emoji, elongation, code_mixing),
        )
    }
)
"""The changes by name, in the order of the report."""

RAISE_INTENSITY: Final = frozenset({"capitals", "elongation"})
"""Changes that count as strong emotion by the annotation guide: the labelled intensity no longer holds."""


def length(text: str, language: str) -> int:
    """Words of a text, in Chinese its letters and digits."""
    return len(re.findall(r"\w", text)) if language == "zh" else len(text.split())


def is_very_short(text: str, language: str) -> bool:
    """At most 5 words or 12 Chinese characters."""
    return length(text, language) <= _SHORT.get(language, _SHORT_WORDS)


def is_very_long(text: str, language: str) -> bool:
    """At least 120 words or 250 Chinese characters."""
    return length(text, language) >= _LONG.get(language, _LONG_WORDS)


SLICES: Final[Mapping[str, Callable[[str, str], bool]]] = MappingProxyType(
    {"very_short": is_very_short, "very_long": is_very_long}
)
"""Kinds of texts that are measured as they stand."""


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("complaintnlp.training").joinpath("perturb.toml").read_text(encoding="utf-8"))


@cache
def _traditional_converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2tw")


@cache
def _neighbours(language: str) -> Mapping[str, str]:
    """Keys beside each key."""
    beside: dict[str, str] = {}
    for row in _data()["keyboard"][language]:
        for place, letter in enumerate(row):
            beside[letter] = row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    return beside


@cache
def _mixing(language: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Pattern of the words to replace (``stem`` with its ``ending``, or ``whole``), and what replaces each."""
    words: dict[str, str] = {}
    for word, mixed in _data()["code_mixing"][language].items():
        words |= {_capitalized(word, language): _capitalized(mixed, "en"), word: mixed}
    ordered = sorted(words, key=len, reverse=True)
    stems = "|".join(re.escape(word.removesuffix("*")) for word in ordered if word.endswith("*"))
    whole = "|".join(re.escape(word) for word in ordered if not word.endswith("*"))
    if language == "zh":
        return re.compile(f"(?P<whole>{whole})(?P<stem>)(?P<ending>)"), words
    pattern = rf"\b(?:(?P<whole>{whole})|(?P<stem>{stems}){_ENDINGS[language]})\b"
    return re.compile(pattern), {word.removesuffix("*"): mixed for word, mixed in words.items()}


def _mixed(match: re.Match[str], words: Mapping[str, str], language: str) -> str:
    mixed = words[match["whole"] or match["stem"]]
    if language == "zh":
        return f" {mixed} "
    joint = "'" if language == "tr" and match["ending"] else ""
    return f"{mixed}{joint}{match['ending'] or ''}"


def _capitalized(word: str, language: str) -> str:
    first = "İ" if language == "tr" and word[0] == "i" else word[0].upper()
    return first + word[1:]


def _at_some(
    text: str, matches: Sequence[re.Match[str]], share: float, rng: Random, change: Callable[[str], str]
) -> str | None:
    """Change a share of the matches, at least one; None where there are none."""
    if not matches:
        return None
    count = max(1, round(share * len(matches)))
    chosen = sorted(rng.sample(list(matches), count), key=lambda match: match.start())
    return _replaced(text, [(match, change(match[0])) for match in chosen])


def _replaced(text: str, changes: Sequence[tuple[re.Match[str], str]]) -> str:
    parts, position = [], 0
    for match, new in changes:
        parts += [text[position : match.start()], new]
        position = match.end()
    return "".join((*parts, text[position:]))


def _slip(word: str, language: str, rng: Random) -> str:
    """One typing error, never in the first letter."""
    place = rng.randrange(1, len(word))
    letter = word[place]
    beside = _neighbours(language).get(letter.lower(), "")
    kind = rng.choice(("swap", "drop", "double", "neighbour"))
    if kind == "swap":
        place = min(place, len(word) - 2)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == "drop":
        return word[:place] + word[place + 1 :]
    if kind == "double" or not beside:
        return word[:place] + letter * 2 + word[place + 1 :]
    other = rng.choice(beside)
    return word[:place] + (other.upper() if letter.isupper() else other) + word[place + 1 :]


def _han_slips(text: str, rng: Random) -> str | None:
    """Characters dropped, or swapped with the next one."""
    places = [match.start() for match in _HAN.finditer(text)]
    if len(places) < 2:
        return None
    characters = list(text)
    for place in rng.sample(places, max(1, round(TYPO_SHARE / 2 * len(places)))):
        if rng.random() < 0.5:
            characters[place] = ""
        elif place + 1 < len(text) and _HAN.match(text[place + 1]):
            characters[place : place + 2] = characters[place + 1], characters[place]
    return "".join(characters)


def _latin_word(word: str, habit: Mapping[str, str]) -> str:
    """A word spelt by habit; its capitals stay."""
    marked = "^" + word.lower().replace("եւ", "և")
    latin = _spellings().sub(lambda match: habit[match[0]], marked).removeprefix("^")
    if len(word) > 1 and word.isupper():
        return latin.upper()
    return latin[:1].upper() + latin[1:] if word[0].isupper() else latin


@cache
def _spellings() -> re.Pattern[str]:
    letters = sorted(_data()["latin_armenian"], key=len, reverse=True)
    return re.compile("|".join(map(re.escape, letters)))
