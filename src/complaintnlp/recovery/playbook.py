"""The playbook: what to do for each failure type and severity, and what changes it, as data.

A company's own file holds only what differs; it is laid over the packaged one and checked as a whole.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.records import Channel, Element, LanguageCode, NpsClass, RiskReason, Severity, Tier, explain
from complaintnlp.recovery.timing import ALLOWED, duration_of
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, NPS_CLASS_IDS, SEVERITY_IDS

Band = Literal["C0", "C1", "C2", "C3", "C4", "CS"]
AFTER_INQUIRY: Final = "after inquiry"
"""In place of a band: nothing is said before the facts are known."""

_BAND_WORD: Final = re.compile(r"\bC\w\b")
Flag = Literal[
    "named",
    "complaint",
    "at_risk",
    "double_deviation",
    "repaired",
    "satisfied",
    "safety_beside",
    "public_threat",
]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
Table = Annotated[dict[_Key, _Value], AfterValidator(MappingProxyType)]
"""A TOML table that nobody can change after loading."""

Texts = Table[LanguageCode, str]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(_Part):
    """One action of the catalogue."""

    element: Element
    owner: str
    text: Texts


class Row(_Part):
    """The plan for one failure type at one severity, as the playbook words it."""

    actions: tuple[str, ...]
    owner: str
    first_reply: str
    fix: str
    channel: str
    band: str


class When(_Part):
    """Conditions of a modifier: all must hold; of a list one value must match, of the flags all; empty ones hold."""

    flags: tuple[Flag, ...] = ()
    types: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    intensity: tuple[int, ...] = ()
    nps: tuple[NpsClass, ...] = ()
    reasons: tuple[RiskReason, ...] = ()
    tiers: tuple[Tier, ...] = ()
    channels: tuple[Channel, ...] = ()
    not_channels: tuple[Channel, ...] = ()


class Modifier(_Part):
    """What changes a row, and when.

    Attributes:
        when: its conditions.
        only: actions that replace all others; no later modifier applies.
        replace: actions exchanged for others; where the other stands already, the first goes.
        add: actions put in by `Steps.order`.
        faster: one step down the ladders of `Times`.
        time_factor: multiplies both time targets.
        fix_words: replaces the words of the fix target.
        channel: exchanges the words of the row's channel.
        owner_above: the case goes to who stands above the row's owner.
        public: the reply is read by everyone.
        no_offer: why nothing beyond legal rights may be offered.
        approver: who must agree to any compensation, besides the band's approver.
        person: why a person must send the reply.
        new_survey: the customer is asked again later.
    """

    when: When
    only: tuple[str, ...] = ()
    replace: Table[str, str] = Field(default_factory=dict, validate_default=True)
    add: tuple[str, ...] = ()
    faster: bool = False
    time_factor: float = Field(default=1.0, gt=0, le=1)
    fix_words: str | None = None
    channel: Table[str, str] = Field(default_factory=dict, validate_default=True)
    owner_above: bool = False
    public: bool = False
    no_offer: str | None = None
    approver: str | None = None
    person: str | None = None
    new_survey: bool = False


class Times(_Part):
    """Time targets: by channel, the ladders for "one step faster", and when the later steps are due."""

    same_day: str
    untimed: tuple[str, ...]
    row_if_sooner: tuple[Severity, ...]
    faster_reply: tuple[str, ...]
    faster_fix: tuple[str, ...]
    new_survey: str
    with_first_reply: tuple[str, ...]
    after_fix: Table[str, str]
    first_reply: Table[Channel, Table[Severity, str]]

    def duration(self, words: str) -> timedelta | None:
        """The time that ``words`` name; None where they name none."""
        return duration_of(words, duration_of(self.same_day, timedelta()) or timedelta())


class Steps(_Part):
    """How steps are placed (``order``) and carried out."""

    order: tuple[str, ...]
    apologies: tuple[str, ...]
    in_kind: tuple[str, ...]
    goodwill: tuple[str, ...]
    paid_first: tuple[str, ...]
    channel: Table[str, str]
    band: Table[str, Band]


class Compensation(_Part):
    """Rules over all bands; percentages are of the price."""

    cap_percent: int = Field(ge=100, le=150)
    repaired_band: Band


class BandRule(_Part):
    """One compensation band; ``max_percent`` of the price, None where the law sets the amount."""

    text: Texts
    approver: str | None = None
    max_percent: int | None = Field(default=None, ge=0, le=150)


class Owner(_Part):
    """A team that owns cases: its help-desk queue, and the owner above it."""

    queue: str
    above: str | None = None


class Playbook(_Part):
    """Actions, a row for each failure type and severity, rows for texts without failure, and what changes them."""

    actions: Table[str, Action]
    matrix: Table[str, Table[Severity, Row]]
    unnamed: Table[str, Row]
    modifiers: Table[str, Modifier]
    times: Times
    steps: Steps
    compensation: Compensation
    bands: Table[Band, BandRule]
    in_kind: Table[str, Texts]
    no_offer: Table[str, Texts]
    ask_first: Table[str, Texts]
    owners: Table[str, Owner]


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a company's playbook that differs from the packaged one; ``before`` is None where it is new."""

    place: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.place}: {self.before!r} -> {self.after!r}"


_FILE: Final = "playbook.toml"
_OVERRIDABLE: Final = ("actions", "matrix", "unnamed", "modifiers", "times", "bands", "compensation", "owners")
_FIXED_NAMES: Final = ("actions", "matrix", "unnamed", "modifiers", "bands")
"""Sections to which a company adds no entries; owners it may add."""


def load_playbook(path: Path | None = None) -> Playbook:
    """The packaged playbook, read once; with ``path`` a company's file laid over it.

    Raises:
        ConfigurationError: as `read_playbook` says; also where the company's file names a section, action, type,
            severity or field that does not exist.
    """
    return _packaged() if path is None else _checked(path.name, _merged(path.name, _raw(_source()), _raw(path)))


def read_playbook(source: Traversable) -> Playbook:
    """Read and check a whole playbook file.

    Raises:
        ConfigurationError: the file is no TOML, a row or a language is missing, a time cannot be read, or a row
            names an action, a band or an owner that does not exist.
    """
    return _checked(source.name, _raw(source))


def check_playbook(path: Path) -> list[Change]:
    """What a company's file changes, value by value, in the order of the file.

    Raises:
        ConfigurationError: as `load_playbook` says.
    """
    load_playbook(path)
    return list(_changes("", _raw(_source()), _raw(path)))


def playbook_row(failure_type: str, severity: str, playbook: Playbook | None = None) -> Row:
    """The row of one failure type at one severity, before any modifier.

    Raises:
        InvalidInputError: there is no such type or severity; the message names those that exist.
    """
    for name, value, allowed in (
        ("failure type", failure_type, FAILURE_TYPE_IDS),
        ("severity", severity, SEVERITY_IDS),
    ):
        if value not in allowed:
            raise InvalidInputError(f"unknown {name} {value!r}; allowed: {', '.join(allowed)}")
    return (playbook or load_playbook()).matrix[failure_type][severity]  # type: ignore[index]


@cache
def _packaged() -> Playbook:
    return read_playbook(_source())


def _source() -> Traversable:
    return resources.files(__package__).joinpath(_FILE)


def _raw(source: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{source.name} cannot be read: {error}") from error


def _merged(file: str, base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """``own`` over ``base``. Names of things are checked here, fields of things by the models."""
    _check_known(file, "playbook", own, _OVERRIDABLE)
    for section, content in own.items():
        if isinstance(content, dict) and section in _FIXED_NAMES:
            _check_known(file, section, content, base[section])
            if section == "matrix":
                for failure_type, rows in content.items():
                    _check_known(file, f"matrix.{failure_type}", rows if isinstance(rows, dict) else (), SEVERITY_IDS)
    return _over(base, own)


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        before = base.get(key)
        merged[key] = _over(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _changes(place: str, base: dict[str, Any], own: dict[str, Any]) -> Iterable[Change]:
    for key, value in own.items():
        here = f"{place}.{key}".lstrip(".")
        before = base.get(key)
        if isinstance(value, dict):
            yield from _changes(here, before if isinstance(before, dict) else {}, value)
        elif value != before:
            yield Change(here, before, value)


def _checked(file: str, data: dict[str, Any]) -> Playbook:
    try:
        playbook = Playbook.model_validate(data)
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {explain(error, Playbook)}") from None
    for name, action in playbook.actions.items():
        _check_complete(file, f"actions.{name}.text", LANGUAGES, action.text)
    for failure_type in FAILURE_TYPE_IDS:
        _check_complete(file, f"matrix.{failure_type}", SEVERITY_IDS, playbook.matrix.get(failure_type, {}))
        _check_rows(file, f"matrix.{failure_type}", playbook.matrix[failure_type], playbook)
    _check_known(file, "matrix", playbook.matrix, FAILURE_TYPE_IDS)
    _check_complete(file, "unnamed", NPS_CLASS_IDS, playbook.unnamed)
    _check_rows(file, "unnamed", playbook.unnamed, playbook)
    _check_complete(file, "bands", get_args(Band), playbook.bands)
    _check_complete(file, "in_kind", FAILURE_TYPE_IDS, playbook.in_kind)
    tables = {"in_kind": playbook.in_kind, "no_offer": playbook.no_offer, "ask_first": playbook.ask_first}
    tables["bands"] = {name: rule.text for name, rule in playbook.bands.items()}
    for section, table in tables.items():
        for name, text in table.items():
            _check_complete(file, f"{section}.{name}", LANGUAGES, text)
    _check_modifiers(file, playbook)
    _check_times(file, playbook.times, playbook.actions)
    steps = playbook.steps
    _check_complete(file, "steps.order", playbook.actions, steps.order)
    for key in ("order", "apologies", "in_kind", "goodwill", "paid_first", "channel", "band"):
        _check_known(file, f"steps.{key}", getattr(steps, key), playbook.actions)
    for name, owner in playbook.owners.items():
        _check_known(file, f"owners.{name}.above", [owner.above] if owner.above else [], playbook.owners)
    return playbook


def _check_complete(file: str, where: str, wanted: Iterable[str], found: Container[str]) -> None:
    missing = [key for key in wanted if key not in found]
    if missing:
        raise ConfigurationError(f"{file}: {where} lacks {', '.join(missing)}")


def _check_known(file: str, where: str, names: Iterable[str], allowed: Iterable[str], kind: str = "name") -> None:
    known = list(allowed)
    for name in names:
        if name not in known:
            raise ConfigurationError(f"{file}, {where}: unknown {kind} {name!r}; allowed: {', '.join(known)}")


def _check_rows(file: str, where: str, rows: Mapping[Any, Row], playbook: Playbook) -> None:
    for key, row in rows.items():
        place = f"{where}.{key}"
        _check_known(file, place, row.actions, playbook.actions, "action")
        if len(set(row.actions)) < len(row.actions) or not row.actions:
            raise ConfigurationError(f"{file}, {place}.actions: name at least one action, and none twice")
        _check_known(file, f"{place}.owner", [row.owner], playbook.owners, "owner")
        unknown = [word for word in _BAND_WORD.findall(row.band) if word not in get_args(Band)]
        if unknown or (row.band != AFTER_INQUIRY and not _BAND_WORD.search(row.band)):
            raise ConfigurationError(
                f"{file}, {place}.band: {row.band!r} must name compensation bands, and only known ones; allowed: "
                f"{', '.join(get_args(Band))}, or {AFTER_INQUIRY!r}"
            )
        _check_time(file, f"{place}.first_reply", row.first_reply, playbook.times)
        if row.fix not in playbook.times.untimed:
            _check_time(file, f"{place}.fix", row.fix, playbook.times, *playbook.times.untimed)


def _check_modifiers(file: str, playbook: Playbook) -> None:
    for name, modifier in playbook.modifiers.items():
        place = f"modifiers.{name}"
        used = (*modifier.only, *modifier.replace, *modifier.replace.values(), *modifier.add)
        _check_known(file, place, used, playbook.actions, "action")
        _check_known(file, f"{place}.when.types", modifier.when.types, FAILURE_TYPE_IDS, "failure type")
        _check_known(file, f"{place}.no_offer", [modifier.no_offer] if modifier.no_offer else [], playbook.no_offer)
        if modifier.fix_words is not None and modifier.fix_words not in playbook.times.untimed:
            _check_time(file, f"{place}.fix_words", modifier.fix_words, playbook.times, *playbook.times.untimed)


def _check_times(file: str, times: Times, actions: Iterable[str]) -> None:
    _check_complete(file, "times.first_reply", get_args(Channel), times.first_reply)
    _check_known(file, "times.after_fix", times.after_fix, actions, "action")
    _check_known(file, "times.with_first_reply", times.with_first_reply, actions, "action")
    for channel, targets in times.first_reply.items():
        _check_complete(file, f"times.first_reply.{channel}", SEVERITY_IDS, targets)
        for severity, words in targets.items():
            _check_time(file, f"times.first_reply.{channel}.{severity}", words, times)
    for key in ("faster_reply", "faster_fix"):
        for words in getattr(times, key):
            _check_time(file, f"times.{key}", words, times)
    for action, words in times.after_fix.items():
        _check_time(file, f"times.after_fix.{action}", words, times)
    if "same day" in times.same_day or not times.duration(times.same_day):
        raise ConfigurationError(f"{file}, times.same_day: {times.same_day!r} is no time; write for example '12 h'")


def _check_time(file: str, where: str, words: str, times: Times, *untimed: str) -> None:
    if times.duration(words) is None:
        allowed = "".join(f", {phrase!r}" for phrase in untimed)
        raise ConfigurationError(f"{file}, {where}: {words!r} names no time; allowed: {ALLOWED}{allowed}")
