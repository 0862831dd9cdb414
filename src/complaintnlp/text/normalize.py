"""Normalisation with an offset map back to the original text.

Training and serving call the same function. It removes what carries no meaning (HTML entities, control
and zero-width characters, full-width forms, composed and decomposed spellings of one letter), masks
what must not be learned (links, e-mail addresses, long numbers) and shortens what only repeats. What
carries intensity stays: capitals, a lengthened letter, repeated marks, emoji.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_REPEAT: Final = 3
"""A letter or mark repeated more often is cut to this many: "çooooook" and "çoook" say the same."""

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
# Controls and what renders as nothing. U+200D joins emoji and U+FE0F selects their look: both go, since
# the tokenizer has no piece for a joined emoji and its parts say the same.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)
_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_DECOMPOSED = re.compile("[^\\W\\d_][\u0300-\u036f]+")
_ARMENIAN_LIGATURE = re.compile("\u0565\u0582|[\ufb13-\ufb17]")
_ARMENIAN_MARKS: Final = "\u055b\u055c\u055e"
_UPPER: Final = "\u0531-\u0556"
_LOWER: Final = "\u0561-\u0587"
_ARMENIAN_MARKED_WORD = re.compile(
    f"(?<![{_UPPER}{_LOWER}])(?:[{_UPPER}{_LOWER}]++[{_ARMENIAN_MARKS}][{_LOWER}{_ARMENIAN_MARKS}]*[{_LOWER}]"
    f"|[{_UPPER}]++[{_ARMENIAN_MARKS}][{_UPPER}{_ARMENIAN_MARKS}]*[{_UPPER}](?![{_LOWER}]))"
)
# Chinese follows a link without a space, and its full-width comma is a plain one by now: a Han letter ends a link.
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"'。】\u3400-\u4dbf\u4e00-\u9fff]+", re.IGNORECASE)
# The bounded local part keeps the search linear on a long run of letters.
EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
LONG_NUMBER = re.compile(r"(?<!\d)\d{10,}(?!\d)")
_REPEAT = re.compile(rf"([^\d\s])\1{{{MAX_REPEAT},}}")
_SPACE = re.compile(r"[\s\u3000]+")
_NOT_PLAIN_SPACE = re.compile(r"^\s|\s$|\s{2,}|[^\S ]|\u3000")

_ARMENIAN_LIGATURES: Final = {
    "\u0565\u0582": "\u0587",
    **{chr(c): unicodedata.normalize("NFKC", chr(c)) for c in range(0xFB13, 0xFB18)},
}


@dataclass(frozen=True, slots=True)
class NormalizedText:
    """A normalised text that knows where each character came from.

    Attributes:
        text: what tokenizer, language detection and cues read.
        original: what the customer wrote.
        starts, ends: for each character of ``text`` the half-open range in ``original`` that it stands for.
    """

    text: str
    original: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Range of ``original`` that the range ``[start, end)`` of ``text`` stands for.

        Raises:
            ValueError: the range is empty or reaches outside ``text``.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"range [{start}, {end}) lies outside the text of {len(self.text)} characters or is empty")
        return min(self.starts[start:end]), max(self.ends[start:end])


class Draft:
    """Text under change, with its offsets; begun from an original or from a text normalised before."""

    def __init__(self, text: str | NormalizedText) -> None:
        self.text: str
        self.starts: Sequence[int]
        self.ends: Sequence[int]
        if isinstance(text, str):
            self.text, self.starts, self.ends = text, range(len(text)), range(1, len(text) + 1)
        else:
            self.text, self.starts, self.ends = text.text, text.starts, text.ends

    def replace(self, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]) -> None:
        """Replace each match; every character of a replacement stands for the whole match."""
        match = pattern.search(self.text)
        if match is None:
            return
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        position = 0
        while match is not None:
            begin, end = match.span()
            new = replacement(match)
            parts += (self.text[position:begin], new)
            starts += self.starts[position:begin]
            ends += self.ends[position:begin]
            starts += [min(self.starts[begin:end])] * len(new)
            ends += [max(self.ends[begin:end])] * len(new)
            position = end
            match = pattern.search(self.text, position)
        self.text = "".join((*parts, self.text[position:]))
        self.starts = [*starts, *self.starts[position:]]
        self.ends = [*ends, *self.ends[position:]]

    def move_armenian_marks(self) -> None:
        """Move ՛ ՜ ՞ from inside a word to its end, so that the tokenizer sees a whole word and still the mark."""
        order = list(range(len(self.text)))
        for match in _ARMENIAN_MARKED_WORD.finditer(self.text):
            order[slice(*match.span())] = sorted(range(*match.span()), key=lambda i: self.text[i] in _ARMENIAN_MARKS)
        self.text = "".join(self.text[i] for i in order)
        self.starts = [self.starts[i] for i in order]
        self.ends = [self.ends[i] for i in order]


def _compose(match: re.Match[str]) -> str:
    composed = unicodedata.normalize("NFC", match[0])
    # Lower-casing a Turkish "İ" elsewhere leaves "i" with a second dot, which no font shows.
    return "i" + composed[1:].lstrip("\u0307") if composed.startswith("i\u0307") else composed


def _join_ligature(match: re.Match[str]) -> str:
    return _ARMENIAN_LIGATURES[match[0]]


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(match[0])


def normalize(text: str) -> NormalizedText:
    """Normalise one text.

    Args:
        text: any string; lone surrogates are dropped like other invisible characters.

    Returns:
        The normalised text with offsets into ``text``. It may be empty.
    """
    draft = Draft(text)
    if "&" in text:
        draft.replace(_ENTITY, _unescape)
    draft.replace(_INVISIBLE, lambda _: "")
    if not draft.text.isascii():
        draft.replace(_FULL_WIDTH, lambda match: chr(ord(match[0]) - 0xFEE0))
        draft.replace(_DECOMPOSED, _compose)
        draft.replace(_ARMENIAN_LIGATURE, _join_ligature)
        # More than once where words follow each other without a space: a moved mark parts them.
        while any(mark in draft.text for mark in _ARMENIAN_MARKS) and _ARMENIAN_MARKED_WORD.search(draft.text):
            draft.move_armenian_marks()
            draft.replace(_ARMENIAN_LIGATURE, _join_ligature)  # a mark parted the two letters
    if "://" in draft.text or "ww." in draft.text.lower():
        draft.replace(_URL, lambda _: "<url>")
    if "@" in draft.text:
        draft.replace(EMAIL, lambda _: "<email>")
    draft.replace(LONG_NUMBER, lambda _: "<number>")
    draft.replace(_REPEAT, lambda match: match[1] * MAX_REPEAT)
    if _NOT_PLAIN_SPACE.search(draft.text):
        draft.replace(_SPACE, lambda _: " ")
        kept = range(len(draft.text))[len(draft.text) - len(draft.text.lstrip()) : len(draft.text.rstrip())]
        draft.text = draft.text.strip()
        draft.starts, draft.ends = draft.starts[kept.start : kept.stop], draft.ends[kept.start : kept.stop]
    return NormalizedText(draft.text, text, draft.starts, draft.ends)
