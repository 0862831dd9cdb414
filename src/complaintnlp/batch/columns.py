"""Finds the text column and the optional ones of an export, and builds a `Feedback` from a row.

An optional value that cannot be read never costs the row: it is left out and counted.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any, Final, get_args

from complaintnlp.batch.lines import has_undecodable
from complaintnlp.batch.rows import RawJson, Row
from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.records import EARLIEST_YEAR, LATEST_YEAR, MAX_ID_CHARS, Channel, Feedback

TEXT_NAMES: Final = (
    *("text", "review_text", "comment_text", "feedback_text", "review", "comment", "comments", "feedback"),
    *("message", "content", "body", "complaint", "verbatim", "review_body", "review_content", "customer_comment"),
    *("yorum", "yorumlar", "yorum_metni", "müşteri_yorumu", "metin", "şikayet", "şikâyet", "şikayet_metni"),
    *("mesaj", "açıklama", "geri_bildirim", "görüş"),
    *("评论", "评论内容", "评价", "评价内容", "内容", "文本", "反馈", "反馈内容", "留言", "投诉", "投诉内容"),
    *("評論", "評論內容", "內容", "意見"),
    *("մեկնաբանություն", "կարծիք", "տեքստ", "բողոք", "հաղորդագրություն", "կարծիքը", "կարծիքներ"),
)
"""Names of text columns, the more telling first."""

OPTIONAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "id": ("id", "review_id", "feedback_id", "comment_id", "complaint_id", "ticket_id", "case_id", "message_id"),
        "language": ("language", "lang", "language_code", "dil", "语言", "語言", "լեզու"),
        "nps_score": ("nps_score", "nps"),
        "rating": (
            *("rating", "stars", "star", "star_rating", "rating_stars"),
            *("yıldız", "星级", "星級", "评分", "評分", "գնահատական", "աստղ"),
        ),
        "channel": ("channel", "kanal", "渠道", "ալիք"),
        "created_at": (
            *("created_at", "created", "created_date", "date", "datetime", "timestamp", "review_date"),
            *("tarih", "日期", "时间", "時間", "ամսաթիվ"),
        ),
    }
)
"""Names of optional columns per `Feedback` field. Stars are never taken for an NPS score."""

_LANGUAGES: Final = {
    **dict.fromkeys(("tr", "tur", "turkish", "türkçe"), "tr"),
    **dict.fromkeys(("zh", "zho", "chi", "cmn", "chinese", "中文", "汉语"), "zh"),
    **dict.fromkeys(("hy", "hye", "arm", "armenian", "հայերեն"), "hy"),
    **dict.fromkeys(("en", "eng", "english"), "en"),
}
_NPS: Final = re.compile(r"(10|[0-9])(\.0+)?")  # spreadsheets and pandas write whole numbers as "9.0"
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DOTTED_FORMATS: Final = ("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds the text, and which hold the optional `Feedback` fields (field name to column)."""

    text: str
    optional: Mapping[str, str]


def find_columns(path: Path, names: Sequence[str], sample: Sequence[Row], text_column: str | None) -> Columns:
    """Decide what each column is.

    Args:
        path: the input file, for messages.
        names: column names in file order.
        sample: first rows, looked at where no name tells the text column.
        text_column: the user's choice, None to find out.

    Raises:
        InvalidInputError: the file has no column ``text_column``.
        InputFileError: no column is clearly the text.
    """
    by_key = {_key(name): name for name in reversed(names)}
    found = ((field, _first(aliases, by_key)) for field, aliases in OPTIONAL_NAMES.items())
    optional = {field: name for field, name in found if name is not None}
    if text_column is None:
        text = _first(TEXT_NAMES, by_key) or _most_wordy(path, names, sample, optional.values())
    elif text_column in names:
        text = text_column
    elif _key(text_column) in by_key:
        text = by_key[_key(text_column)]
    else:
        raise InvalidInputError(f"{path}: no column {text_column!r}; {_existing(names)}")
    return Columns(text, {field: name for field, name in optional.items() if name != text})


def build_feedback(row: Row, columns: Columns, ignored: Counter[str]) -> Feedback:
    """The row as a `Feedback`; optional values that cannot be read are counted by column in ``ignored``.

    Raises:
        InvalidInputError: the text is missing, no string, too long, or holds broken characters.
    """
    values = row.values()
    text = values.get(columns.text)
    if text is None:
        raise InvalidInputError(f"text column {columns.text!r} is missing")
    if text == "null" and isinstance(text, RawJson):
        text = ""  # an unanswered survey question: the same as an empty CSV cell
    if isinstance(text, RawJson):
        raise InvalidInputError(f"text column {columns.text!r} does not hold a string")
    fields: dict[str, Any] = {"text": text}
    for field, name in columns.optional.items():
        value = values.get(name, "").strip()
        if not value or (value == "null" and isinstance(values[name], RawJson)):
            continue
        try:
            fields[field] = _PARSERS[field](value)
        except ValueError:
            ignored[name] += 1
    return Feedback.parse(fields)


def _existing(names: Iterable[str]) -> str:
    return f"the columns are {', '.join(map(repr, names)) or 'none'}; name the one that holds the text (--text-column)"


def _key(name: str) -> str:
    """A column name reduced to what matters: case, Turkish I, spaces and hyphens do not."""
    folded = unicodedata.normalize("NFKC", name).casefold().replace("\u0307", "").replace("ı", "i")
    return re.sub(r"[\s-]+", "_", folded.strip())


def _first(aliases: Iterable[str], by_key: Mapping[str, str]) -> str | None:
    return next((by_key[key] for key in map(_key, aliases) if key in by_key), None)


def _most_wordy(path: Path, names: Sequence[str], sample: Sequence[Row], taken: Collection[str]) -> str:
    """The column with the longest average text, if that is clearly what customers wrote."""
    rows = [row.values() for row in sample]
    scores: dict[str, float] = {}
    for name in dict.fromkeys(name for name in names if name not in taken):
        texts = [row[name] for row in rows if row.get(name) and not isinstance(row[name], RawJson)]
        varied = len(set(texts)) > len(texts) / 2
        scores[name] = fmean(map(_weight, texts)) if texts and varied else 0.0
    best, *others = sorted(scores, key=lambda name: -scores[name]) or [""]
    if scores.get(best, 0.0) < 12 or (others and scores[best] < 1.5 * scores[others[0]]):
        raise InputFileError(f"{path}: cannot tell which column holds the text; {_existing(names)}")
    numeric = any(re.fullmatch(r"[\d.,\s]+", name) for name in names)
    # A long question is a usual heading in survey exports, a long statement is somebody's answer.
    if numeric or (_weight(best) >= 25 and not best.rstrip().endswith(("?", "？", "՞"))):
        raise InputFileError(
            f"{path}: the first line looks like data; put a line with column names above it, or name the column "
            "that holds the text (--text-column)"
        )
    return best


def _weight(text: str) -> float:
    """Letters of running text: a Han character counts as three letters, a single long token (link, code) as none."""
    han = sum("\u3400" <= char <= "\u9fff" for char in text)
    letters = sum(map(str.isalpha, text)) - han
    return 3 * han + (letters if len(text.split()) > 1 else 0)


def _id(value: str) -> str:
    if len(value) > MAX_ID_CHARS or has_undecodable(value):
        raise ValueError(value)
    return value


def _language(value: str) -> str:
    code = re.split(r"[-_ (]", _key(value), maxsplit=1)[0]
    if code not in _LANGUAGES:
        raise ValueError(value)
    return _LANGUAGES[code]


def _nps_score(value: str) -> int:
    match = _NPS.fullmatch(value)
    if match is None:
        raise ValueError(value)
    return int(match[1])


def _rating(value: str) -> float:
    stars = float(value.replace(",", "."))
    if not 1 <= stars <= 5:
        raise ValueError(value)
    return stars


def _channel(value: str) -> str:
    name = _key(value)
    name = "email" if name in {"e_mail", "mail"} else name
    if name not in get_args(Channel):
        raise ValueError(value)
    return name


def _created_at(value: str) -> datetime:
    moment = _moment(value)
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(value)
    return moment


def _moment(value: str) -> datetime:
    if _ISO_DATE.match(value):
        return datetime.fromisoformat(value)
    for pattern in _DOTTED_FORMATS:  # 31.12.2025, as written in Türkiye and Armenia; slashes are ambiguous
        try:
            return datetime.strptime(value, pattern)
        except ValueError:
            continue
    raise ValueError(value)


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {
        "id": _id,
        "language": _language,
        "nps_score": _nps_score,
        "rating": _rating,
        "channel": _channel,
        "created_at": _created_at,
    }
)
