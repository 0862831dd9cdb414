"""Finds the encoding of an export: UTF-8, UTF-16, cp1254 (Turkish) or gb18030 (Chinese).

Signs are weighed from the surest to the weakest: a byte order mark, the zero bytes of UTF-16, valid UTF-8.
cp1254 and gb18030 are never tried in turn, because Turkish in cp1254 often decodes as gb18030 without an
error: charset-normalizer scores which of the two reads like text.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from pathlib import Path
from typing import Final

from charset_normalizer import from_bytes

from complaintnlp.batch.lines import open_binary
from complaintnlp.errors import InputFileError, InvalidInputError

_CHUNK: Final = 65_536
_ASCII: Final = bytes(range(128))
_LEGACY: Final = ["cp1254", "gb18030"]
_UTF8_SHARE: Final = 0.9
"""Share of non-ASCII bytes in valid UTF-8 sequences from which a file with damaged rows still is UTF-8."""

_EXPECTED: Final = re.compile(
    "[\\x01-\u06ff\u2000-\u206f\u20a0-\u20cf\u2100-\u27bf\u3000-\u30ff\u4e00-\u9fff\ufe00-\ufe0f\uff00-\uffef\U0001f000-\U0001faff]"
)
"""Blocks that feedback is written in: Latin to Arabic, punctuation, symbols, Chinese, full-width forms, emoji."""


def check_encoding(name: str) -> str:
    """The name of a text encoding that Python knows, unchanged.

    Raises:
        InvalidInputError: there is no such text encoding.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise InvalidInputError(
            f"encoding {name!r} is unknown; give a name such as utf-8, utf-16, cp1254 or gb18030"
        ) from None
    return name


def detect_encoding(path: Path) -> str:
    """Name of the encoding, one of ``utf-8``, ``utf-16``, ``utf-16-le``, ``utf-16-be``, ``cp1254``, ``gb18030``.

    Raises:
        InputFileError: the file is unreadable or its encoding cannot be told.
    """
    with open_binary(path) as stream:
        sample = stream.read(_CHUNK)
        wide = _utf16(sample)
        if wide:
            return wide
        # The first accented letter may stand megabytes into an English export.
        while sample.isascii():
            sample = stream.read(_CHUNK)
            if not sample:
                return "utf-8"
        sample += stream.read(_CHUNK)
    if _utf8_share(sample) >= _UTF8_SHARE:
        return "utf-8"
    encoding = _legacy(sample)
    if encoding is None:
        raise InputFileError(
            f"{path}: the encoding is none of utf-8, utf-16, cp1254 and gb18030; "
            "save the file as UTF-8 or name its encoding with --encoding"
        )
    return encoding


def _utf16(sample: bytes) -> str | None:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Line ends and delimiters carry a zero byte; letters carry 00 (English), 01 (Turkish) or 05 (Armenian) or are
    # no valid UTF-8 (Chinese). UTF-8 with a few stray control characters is told apart by their number.
    controls = sum(map(sample.count, range(8)))
    if 0 not in sample or (_utf8_share(sample) >= _UTF8_SHARE and controls * 5 < len(sample)):
        return None
    marks = {encoding: _wide_marks(sample, encoding) for encoding in ("utf-16-le", "utf-16-be")}
    best = max(marks, key=lambda encoding: marks[encoding])
    return best if marks[best] else None


def _wide_marks(sample: bytes, encoding: str) -> int:
    """Line ends and delimiters in the sample read as UTF-16; 0 where the reading makes no sense."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return 0
    # Letter pairs of an 8-bit file read as wide characters fall outside these blocks too often.
    if len(_EXPECTED.findall(text)) < 0.97 * len(text):
        return 0
    return sum(map(text.count, '\n\r\t,;"{'))


def _utf8_share(sample: bytes) -> float:
    total = len(sample.translate(None, _ASCII))
    if not total:
        return 1.0
    try:
        # Not final: a character cut by the end of the sample is no error.
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        valid = sample.decode("utf-8", "ignore").encode().translate(None, _ASCII)
        return min(len(valid) / total, 0.999)
    return 1.0


def _legacy(sample: bytes) -> str | None:
    # No byte below 0x30 is part of a longer character in either encoding, so the cut is safe there.
    end = max(sample.rfind(byte) for byte in range(0x30)) + 1
    lines = [line for line in sample[:end].split(b"\n") if not line.isascii()]
    if lines:
        votes = Counter(map(_best, lines[:200]))
        del votes[None]
        # The lines together say more than one by one, but a single damaged line would spoil them.
        return _best(b"\n".join(lines)) or (votes.most_common(1)[0][0] if votes else None)
    # One huge line without a single space is Chinese, cut somewhere inside a character of up to four bytes.
    found = [_best(sample[: len(sample) - cut]) for cut in range(4)]
    return "gb18030" if "gb18030" in found else found[0]


def _best(sample: bytes) -> str | None:
    # threshold=1: the two are compared with each other; emoji must not make both look too messy.
    match = from_bytes(sample, cp_isolation=_LEGACY, threshold=1.0, enable_fallback=False).best()
    return match.encoding if match else None
