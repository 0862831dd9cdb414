"""Cue phrases that say how bad the loss was: harm, total loss, repetition, small flaws, repairs.

The phrases stand in ``severity_cues.toml`` and follow the cue column and the rule of the severity scale (domain notes,
part b). They are read on the folded text: lower case, Turkish without its diacritics, Chinese in Simplified characters.
Folding never changes the length, so a match is a range of the normalised text.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import LanguageCode, explain
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES
from complaintnlp.text.normalize import NormalizedText

CueKind = Literal["critical", "loss", "repeated", "small", "repaired"]
CUE_KINDS: Final[tuple[CueKind, ...]] = get_args(CueKind)

_FILE: Final = "severity_cues.toml"
_UNSPACED: Final = frozenset({"zh"})
_SYNTAX: Final = re.compile(r"(?:[^\W_]|[ '.()|*?~#-])+")
_CLAUSE_END: Final = re.compile(r"[.!?;,:…。、։՝\n]")
_WINDOW: Final = 80
"""Characters beside a cue in which a word that cancels it is looked for."""
_TREE_DEPTH: Final = 3
_TURKISH: Final = tuple(zip("çğıöşüâîû", "cgiosuaiu", strict=True))


def _phrase(phrase: str) -> str:
    if not _SYNTAX.fullmatch(phrase):
        raise ValueError(f"{phrase!r} is no phrase; allowed: letters, digits, space, ' . - ( | ) * ? ~ #")
    try:
        re.compile(_regex(phrase, LANGUAGES[0]))
    except re.error as error:
        raise ValueError(f"{phrase!r} is no phrase: {error}") from None
    return phrase


def _failure_type(name: str) -> str:
    if name not in FAILURE_TYPE_IDS:
        raise ValueError(f"unknown failure type {name!r}; allowed: {', '.join(FAILURE_TYPE_IDS)}")
    return name


def _cue(phrase: str) -> str:
    if not all(form[:1].isalnum() or form.startswith("#") for form in _without_leading_choice(_phrase(phrase))):
        raise ValueError(f"{phrase!r} must begin with a letter, a digit or #")
    return phrase


Phrases: TypeAlias = tuple[Annotated[str, AfterValidator(_phrase)], ...]
CuePhrases: TypeAlias = tuple[Annotated[str, AfterValidator(_cue)], ...]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CueGroup(_Strict):
    """Phrases of one meaning.

    Attributes:
        phrases: in the notation that the data file explains.
        types: the group counts only beside one of these failure types; empty means beside any.
    """

    phrases: CuePhrases
    types: tuple[Annotated[str, AfterValidator(_failure_type)], ...] = ()


class Canceller(_Strict):
    """Words that take a cue back: negation, a wish, a supposition.

    Attributes:
        kinds: the kinds of cue that it takes back.
        reach: how far it reaches inside the clause, in words (characters in Chinese).
        before, after: words on either side of the cue.
        inside: endings within the cue's own words, read only where a phrase leaves the ending open.
        unless: phrases that hold such a word and mean something else ("not only").
    """

    kinds: tuple[CueKind, ...]
    reach: int = Field(ge=1, le=20)
    before: Phrases = ()
    after: Phrases = ()
    inside: tuple[str, ...] = ()
    unless: Phrases = ()


class LanguageCues(_Strict):
    """All cues of a language; ``near_misses`` are phrases that look like a cue of the kind and are none."""

    critical: dict[str, CueGroup]
    loss: dict[str, CueGroup]
    repeated: dict[str, CueGroup]
    small: dict[str, CueGroup]
    repaired: dict[str, CueGroup]
    near_misses: dict[CueKind, CuePhrases]
    cancellers: tuple[Canceller, ...]


class CueData(_Strict):
    """The whole file; ``traditional`` lists Simplified characters, each followed by its Traditional forms."""

    traditional: str
    languages: dict[LanguageCode, LanguageCues]


@dataclass(frozen=True, slots=True)
class Cue:
    """A cue in the customer's own text.

    Attributes:
        kind: what it says about the loss.
        group: its meaning, as the data file names it ("fire", "discrimination").
        start, end: range in the original text.
        types: failure types beside which it counts; empty means any.
    """

    kind: CueKind
    group: str
    start: int
    end: int
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    group: str | None
    types: tuple[str, ...]
    inside: bool


_Form: TypeAlias = tuple[str, _Entry]
"""What is left of a phrase, and what it stands for."""


@dataclass(frozen=True, slots=True)
class _Cancelling:
    reach: int
    before: re.Pattern[str] | None
    after: re.Pattern[str] | None
    inside: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class _Finder:
    kind: CueKind
    pattern: re.Pattern[str]
    entries: tuple[_Entry, ...]
    cancelling: tuple[_Cancelling, ...]


def find_cues(text: NormalizedText, language: str) -> tuple[Cue, ...]:
    """Every cue that the text states and does not take back.

    Args:
        text: as the model reads it (`complaintnlp.text.model_text.text_for_model`).
        language: one of the supported languages; any other has no cues.

    Returns:
        Cues ordered by kind, then by place, with ranges in the original text.
    """
    if language not in LANGUAGES or not text.text:
        return ()
    folded = fold(text.text, language)
    return tuple(
        Cue(finder.kind, entry.group, *text.original_span(start, end), types=entry.types)
        for finder in _finders(language)
        for entry, start, end in _matches(finder, folded, spaced=language not in _UNSPACED)
        if entry.group is not None
    )


def fold(text: str, language: str) -> str:
    """The form in which cues are compared; as long as ``text``.

    Turkish capitals I and İ both become i, since customers write with and without the dot.
    """
    lower = text.replace("İ", "i").lower().replace("’", "'")
    if language == "tr":
        for letter, plain in _TURKISH:
            lower = lower.replace(letter, plain)
        return lower
    return lower.translate(_simplified()) if language == "zh" else lower


@cache
def load_cues() -> CueData:
    """The cues of the package, checked; read once.

    Raises:
        ConfigurationError: as `read_cues` says.
    """
    return read_cues(resources.files(__package__).joinpath(_FILE))


def read_cues(source: Traversable) -> CueData:
    """Read and check a cue file.

    Raises:
        ConfigurationError: the file is no TOML, a language or a kind is missing, a phrase is malformed, or a group
            names an unknown failure type.
    """
    try:
        data = CueData.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigurationError(f"{source.name}: {explain(error, CueData)}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{source.name} cannot be read: {error}") from error
    missing = [language for language in LANGUAGES if language not in data.languages]
    if missing:
        raise ConfigurationError(f"{source.name}: languages lacks {', '.join(missing)}")
    return data


def _matches(finder: _Finder, text: str, *, spaced: bool) -> Iterator[tuple[_Entry, int, int]]:
    for match in finder.pattern.finditer(text):
        assert match.lastindex is not None  # noqa: S101 - every alternative is a group
        entry = finder.entries[match.lastindex - 1]
        if entry.group is None or not any(
            _takes_back(rule, entry, text, match.start(), match.end(), spaced=spaced) for rule in finder.cancelling
        ):
            yield entry, match.start(), match.end()


def _takes_back(rule: _Cancelling, entry: _Entry, text: str, start: int, end: int, *, spaced: bool) -> bool:
    if rule.inside and entry.inside and rule.inside.search(text, start, end):
        return True
    if rule.before:
        clause = _CLAUSE_END.split(text[max(0, start - _WINDOW) : start])[-1]
        near = " ".join(clause.split()[-rule.reach :]) if spaced else clause[-rule.reach :]
        if _holds(rule.before, near):
            return True
    if rule.after:
        clause = _CLAUSE_END.split(text[end : end + _WINDOW], maxsplit=1)[0]
        near = " ".join(clause.split()[: rule.reach]) if spaced else clause[: rule.reach]
        return _holds(rule.after, near)
    return False


def _holds(pattern: re.Pattern[str], words: str) -> bool:
    return any(match[1] is not None for match in pattern.finditer(words))


@cache
def _simplified() -> dict[int, int]:
    return {ord(form): ord(forms[0]) for forms in load_cues().traditional.split() for form in forms[1:]}


@cache
def _finders(language: str) -> tuple[_Finder, ...]:
    cues = load_cues().languages[language]  # type: ignore[index]
    return tuple(_finder(kind, cues, language) for kind in CUE_KINDS)


def _finder(kind: CueKind, cues: LanguageCues, language: str) -> _Finder:
    rules = [rule for rule in cues.cancellers if kind in rule.kinds]
    inside = [re.compile(ending) for rule in rules for ending in rule.inside]
    groups: Mapping[str, CueGroup] = getattr(cues, kind)
    phrases = [(phrase, _Entry(None, (), inside=False)) for phrase in cues.near_misses.get(kind, ())]
    for name, group in groups.items():
        for phrase in group.phrases:
            stated = any(ending.search(fold(phrase, language)) for ending in inside)
            phrases.append((phrase, _Entry(name, group.types, inside=not stated)))
    pattern, entries = _compile(phrases, language)
    return _Finder(kind, pattern, entries, tuple(_cancelling(rule, language) for rule in rules))


def _cancelling(rule: Canceller, language: str) -> _Cancelling:
    return _Cancelling(
        rule.reach,
        _words(rule.before, rule.unless, language),
        _words(rule.after, rule.unless, language),
        re.compile("|".join(rule.inside)) if rule.inside else None,
    )


def _words(words: Iterable[str], unless: Iterable[str], language: str) -> re.Pattern[str] | None:
    """Pattern whose first group is set by ``words`` and left unset by ``unless``."""
    wanted = "|".join(_regex(fold(word, language), language) for word in words)
    if not wanted:
        return None
    others = "".join(f"{_regex(fold(phrase, language), language)}|" for phrase in unless)
    return re.compile(_bounded(f"(?:{others}({wanted}))", language))


def _compile(phrases: Iterable[tuple[str, _Entry]], language: str) -> tuple[re.Pattern[str], tuple[_Entry, ...]]:
    """One pattern for all phrases, one group each; under a letter near misses stand first, so that they win."""
    by_letter: dict[str, tuple[list[_Form], list[_Form]]] = {}
    for phrase, entry in phrases:
        for form in _without_leading_choice(fold(phrase, language)):
            by_letter.setdefault(form[0], ([], []))[entry.group is not None].append((form[1:], entry))
    entries: list[_Entry] = []
    letters = []
    for letter, sides in by_letter.items():
        trees = [_tree(side, language, entries, depth=1) for side in sides if side]
        letters.append(f"{_regex(letter, language)}(?:{'|'.join(trees)})")
    return re.compile(_bounded(f"(?:{'|'.join(letters)})", language)), tuple(entries)


def _tree(forms: list[_Form], language: str, entries: list[_Entry], depth: int) -> str:
    """Alternatives joined by their first letters, so that few are tried at a place; adds ``entries`` in group order."""
    shared: dict[str, list[_Form]] = {}
    alone: list[_Form] = []
    for form, entry in forms:
        if depth < _TREE_DEPTH and form[:1].isalnum() and form[1:2] != "?":
            shared.setdefault(form[0], []).append((form[1:], entry))
        else:
            alone.append((form, entry))
    parts = [letter + _tree(rest, language, entries, depth + 1) for letter, rest in shared.items()]
    parts += [f"({_regex(form, language)})" for form, _ in alone]
    entries += [entry for _, entry in alone]
    return f"(?:{'|'.join(parts)})"


def _without_leading_choice(phrase: str) -> list[str]:
    """The phrase once for each choice that it may begin with; (a|b)c is ac and bc."""
    if not phrase.startswith("("):
        return [phrase]
    depth, cuts = 0, []
    for position, sign in enumerate(phrase):
        depth += (sign == "(") - (sign == ")")
        if (sign == "|" and depth == 1) or depth == 0:
            cuts.append(position)
        if depth == 0:
            break
    starts = [0, *cuts[:-1]]
    rest = phrase[cuts[-1] + 1 :]
    return [phrase[start + 1 : end] + rest for start, end in zip(starts, cuts, strict=True)]


def _bounded(pattern: str, language: str) -> str:
    return pattern if language in _UNSPACED else rf"(?<!\w){pattern}(?!\w)"


def _regex(phrase: str, language: str) -> str:
    spaced = language not in _UNSPACED
    gap = r"(?:[ -][^\s.!?;:,։]+){0,3}?[ -]" if spaced else r"[^\s,.!?;:。…、]{0,4}?"
    signs = {"*": r"[\w']*", "~": gap, "#": r"\d+", " ": "[ -]", ".": r"\.", "(": "(?:", "|": "|", ")": ")", "?": "?"}
    return "".join(signs.get(sign) or re.escape(sign) for sign in phrase.replace(" ~ ", "~"))
