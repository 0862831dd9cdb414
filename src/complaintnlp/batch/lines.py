r"""Streams the physical lines of a text file, plain or gzipped, with their numbers.

Bytes that the encoding cannot decode are not replaced: each one arrives as the lone surrogate
U+DC00 + byte, so that the row can be rejected and still be written down in full (`escape_undecodable`).
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, TextIO, cast

from complaintnlp.errors import InputFileError

FileKind = Literal["csv", "tsv", "jsonl"]

KINDS: Final[dict[str, FileKind]] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
ALLOWED_SUFFIXES: Final = f"{', '.join(KINDS)}, each also with .gz"

MAX_RECORD_CHARS: Final = 2_000_000
"""Longest record held in memory. It bounds how far the search for a closing quote goes."""

_KEEP_BYTES: Final = "complaintnlp.keep_bytes"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


# "surrogateescape" would do for 8-bit encodings, but it refuses bytes below 128, which UTF-16 can hold.
codecs.register_error(_KEEP_BYTES, _keep_bytes)


class Line(NamedTuple):
    """A physical line with its end; ``whole`` is False for a piece of a line over `MAX_RECORD_CHARS`."""

    number: int
    text: str
    whole: bool


def file_kind(path: Path) -> FileKind | None:
    """Format that the suffix names, None where it names none of ours."""
    name = path.name.casefold()
    return KINDS.get(Path(name.removesuffix(".gz")).suffix)


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is gzipped."""
    return path.name.casefold().endswith(".gz")


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unzipped where its name ends in ``.gz``.

    Raises:
        InputFileError: the file is missing, not a regular file, unreadable, or a damaged gzip file.
    """
    if not path.exists():
        raise InputFileError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise InputFileError(f"{path}: not a regular file; give the path of one {ALLOWED_SUFFIXES} file")
    try:
        with gzip.open(path, "rb") if is_gzip(path) else path.open("rb") as stream:
            yield cast(BinaryIO, stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputFileError(f"{path}: damaged or incomplete gzip file ({error}); export it again") from error
    except OSError as error:
        raise InputFileError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions and the disk"
        ) from error


def read_lines(path: Path, encoding: str) -> Generator[Line, None, None]:
    r"""Yield the lines of a file, ended by ``\n``, ``\r`` or ``\r\n``, without a byte order mark.

    Raises:
        InputFileError: the file cannot be read.
    """
    with open_binary(path) as raw, io.TextIOWrapper(raw, encoding, errors=_KEEP_BYTES, newline="") as stream:
        number, whole, at_start = 1, True, True
        while text := _read_piece(path, stream):
            ends = text.endswith(("\n", "\r"))
            whole = whole and (ends or len(text) < MAX_RECORD_CHARS)
            if at_start:
                text = text.removeprefix("\ufeff")
                at_start = False
            if text:
                yield Line(number, text, whole)
            if ends:
                number, whole = number + 1, True


def _read_piece(path: Path, stream: TextIO) -> str:
    try:
        return stream.readline(MAX_RECORD_CHARS)
    except UnicodeError as error:  # only of codecs that refuse the file as a whole, such as utf-16 without its mark
        raise InputFileError(
            f"{path}: cannot be read as {stream.encoding} ({error}); give another --encoding, such as utf-16-le"
        ) from None


def count_lines(path: Path, encoding: str) -> int:
    """Number of physical lines, for a progress bar."""
    number = 0
    for line in read_lines(path, encoding):
        number = line.number
    return number


def has_undecodable(text: str) -> bool:
    """Whether a decoded text holds bytes that its encoding does not know."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def escape_undecodable(text: str) -> str:
    r"""The text with each undecodable byte written as ``\xNN``."""
    return _SURROGATE.sub(lambda match: f"\\x{ord(match[0]) & 0xFF:02x}", text)
