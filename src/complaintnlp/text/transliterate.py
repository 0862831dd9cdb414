"""Armenian in Latin letters, rewritten in Armenian letters.

Customers type Armenian on Latin keyboards, each with a spelling of their own. An encoder that learned
Armenian from Armenian letters reads such a text as noise, so it is given the letters that it knows. Latin
letters stand for several Armenian ones (t for տ and թ, p for պ and փ); the commoner one is taken, apart from
frequent short words, whose spelling is known. Training and serving call the same function.
"""

from __future__ import annotations

import re
from typing import Final

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
    "tch": "ճ", "sh": "շ", "ch": "չ", "zh": "ժ", "kh": "խ", "gh": "ղ", "ts": "ց", "tz": "ծ", "dz": "ձ",
    "dj": "ջ", "th": "թ", "ph": "փ", "rr": "ռ", "ou": "ու", "oo": "ու", "ye": "ե", "a": "ա", "b": "բ",
    "c": "ց", "d": "դ", "e": "ե", "f": "ֆ", "g": "գ", "h": "հ", "i": "ի", "j": "ջ", "k": "կ", "l": "լ",
    "m": "մ", "n": "ն", "o": "ո", "p": "պ", "q": "ք", "r": "ր", "s": "ս", "t": "տ", "u": "ու", "v": "վ",
    "w": "վ", "x": "խ", "y": "ը", "z": "զ", "@": "ը", "ə": "ը", "ë": "ը",
}  # fmt: skip
_AT_START: Final = {"vo": "ո", "e": "է", "o": "օ"}
_VOWELS: Final = frozenset("aeiouëə@")

_LATIN_WORD: Final = re.compile(r"[A-Za-zëəË][A-Za-zëəË@]*")
_MASK: Final = re.compile(r"<(?:url|email|number)>")
_PIECE: Final = re.compile("|".join(sorted(_LETTERS, key=len, reverse=True)))
_ARMENIAN_LETTER: Final = re.compile("[\u0531-\u0556\u0561-\u0587]")
_LATIN_LETTER: Final = re.compile("[A-Za-z]")


def text_for_model(text: NormalizedText, language: str) -> NormalizedText:
    """What the encoder reads: the normalised text, Armenian always in Armenian letters."""
    return armenian_letters(text) if language == "hy" else text


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
    armenian = _WORDS.get(lower) or _spell(lower)
    if len(latin) > 1 and latin.isupper():
        return armenian.upper()
    return armenian[:1].upper() + armenian[1:] if latin[0].isupper() else armenian


def _spell(word: str) -> str:
    """Letter by letter; ``y`` is a consonant beside a vowel and the schwa elsewhere."""
    letters = []
    position = 0
    for start, armenian in _AT_START.items():
        if word.startswith(start):
            letters.append(armenian)
            position = len(start)
            break
    while position < len(word):
        match = _PIECE.match(word, position)
        if match is None:
            letters.append(word[position])
            position += 1
            continue
        piece = match[0]
        if piece == "y" and _beside_vowel(word, position):
            letters.append("յ")
        else:
            letters.append(_LETTERS[piece])
        position = match.end()
    return "".join(letters)


def _beside_vowel(word: str, position: int) -> bool:
    return word[position - 1 : position] in _VOWELS or word[position + 1 : position + 2] in _VOWELS
