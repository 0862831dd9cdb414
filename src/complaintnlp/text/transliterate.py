"""Armenian in Latin letters, rewritten in Armenian letters.

Customers type Armenian on Latin keyboards, each with a spelling of their own. An encoder that learned
Armenian from Armenian letters reads such a text as noise, so it is given the letters that it knows. Latin
letters stand for several Armenian ones (t for տ and թ, p for պ and փ): frequent short words are known, of longer ones
the likeliest spelling is taken. Training and serving call the same function.
"""

from __future__ import annotations

import re
from typing import Final

from complaintnlp.text.armenian_words import likeliest_word
from complaintnlp.text.normalize import Draft, NormalizedText

_WORDS: Final = {
    "a": "ա", "ays": "այս", "bayc": "բայց", "bayts": "բայց", "chem": "չեմ", "chen": "չեն", "chi": "չի",
    "e": "է", "ed": "էդ", "edi": "էդի", "edqan": "էդքան", "ei": "էի", "ein": "էին", "einq": "էինք",
    "eiq": "էիք", "eir": "էիր", "ek": "եք", "el": "էլ", "em": "եմ", "en": "են", "enk": "ենք", "enq": "ենք",
    "eq": "եք", "er": "էր", "es": "ես", "esi": "էսի", "esor": "էսօր", "esqan": "էսքան", "et": "էդ",
    "ete": "եթե", "eti": "էդի", "etqan": "էդքան", "ev": "և", "heto": "հետո", "hetevabar": "հետևաբար",
    "mer": "մեր", "or": "օր", "poxel": "փոխել", "poxec": "փոխեց", "pogh": "փող", "pox": "փող", "te": "թե",
    "tox": "թող", "togh": "թող", "u": "ու", "vor": "որ", "yes": "ես", "yete": "եթե", "yev": "և",
}  # fmt: skip
_LETTERS: Final = {
    "tch": "ճ", "tc": "ծ", "sh": "շ", "ch": "չճ", "zh": "ժ", "kh": "խ", "gh": "ղ", "ts": "ցծ", "tz": "ծ",
    "dz": "ձ", "dj": "ջ", "th": "թ", "ph": "փ", "rr": "ռ", "ye": "ե", "a": "ա", "b": "բ", "c": "ցծ", "d": "դ",
    "e": "եէ", "f": "ֆ", "g": "գ", "h": "հ", "i": "ի", "j": "ջժ", "k": "կք", "l": "լ", "m": "մ", "n": "ն",
    "o": "ոօ", "p": "պփ", "q": "ք", "r": "րռ", "s": "ս", "t": "տթ", "v": "վ", "w": "վ", "x": "խղ", "y": "ը",
    "z": "զ", "@": "ը", "ə": "ը", "ë": "ը", "4": "չ", "6": "շ",
}  # fmt: skip
"""Armenian letters that a Latin spelling may stand for, the commonest first."""
_U: Final = frozenset(("u", "ou", "oo"))
_AT_START: Final = {"vo": "ո", "e": "էե", "o": "օո"}
_VOWELS: Final = frozenset("aeiouëə@")

_LATIN_WORD: Final = re.compile(r"(?<![0-9])(?![0-9]+[gk]\b)(?=[@46]*[A-Za-zëəË])[A-Za-zëəË@46]+", re.ASCII)
"""Digits stand for letters too ("4i", "6at"), but not in "4g"."""
_MASK: Final = re.compile(r"<(?:url|email|number)>")
_PIECE: Final = re.compile("|".join(sorted((*_LETTERS, *_U), key=len, reverse=True)))
_ARMENIAN_LETTER: Final = re.compile("[\u0531-\u0556\u0561-\u0587]")
_LATIN_LETTER: Final = re.compile("[A-Za-z]")


def armenian_letters(text: NormalizedText) -> NormalizedText:
    """Rewrite an Armenian text that stands mostly in Latin letters; any other comes back as it is.

    Args:
        text: normalised, and known to be Armenian.

    Returns:
        The text in Armenian letters, with offsets into the same original.
    """
    plain = _MASK.sub("", text.text)
    if len(_LATIN_LETTER.findall(plain)) <= len(_ARMENIAN_LETTER.findall(plain)):
        return text
    draft = Draft(text)
    draft.replace(_MASK_OR_WORD, lambda match: match[0] if match[0].startswith("<") else _word(match[0]))
    return NormalizedText(draft.text, text.original, draft.starts, draft.ends)


_MASK_OR_WORD: Final = re.compile(f"{_MASK.pattern}|{_LATIN_WORD.pattern}")


def _word(latin: str) -> str:
    lower = latin.lower()
    armenian = _WORDS.get(lower) or likeliest_word(_options(lower))
    if len(latin) > 1 and latin.isupper():
        return armenian.upper()
    return armenian[:1].upper() + armenian[1:] if latin[0].isupper() else armenian


def _options(word: str) -> list[str]:
    """Letters that may stand at each place; ``y`` is a consonant beside a vowel and the schwa elsewhere."""
    options: list[str] = []
    position = 0
    for start, armenian in _AT_START.items():
        if word.startswith(start):
            options.append(armenian)
            position = len(start)
            break
    while position < len(word):
        match = _PIECE.match(word, position)
        if match is None:
            options.append(word[position])
            position += 1
            continue
        piece = match[0]
        if piece in _U:
            options += "ու"
        elif piece == "y" and _beside_vowel(word, position):
            options.append("յ")
        else:
            options.append(_LETTERS[piece])
        position = match.end()
    return options


def _beside_vowel(word: str, position: int) -> bool:
    return word[position - 1 : position] in _VOWELS or word[position + 1 : position + 2] in _VOWELS
