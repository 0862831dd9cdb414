"""Reads the labels that public sources gave their texts as soft targets for our heads.

The rules are data (``label_mapping.toml``, whose header defines their meaning); this module checks
and applies them; `complaintnlp.training.label_rates` measures them.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, INTENSITY_LEVELS, NPS_CLASS_IDS, RISK_REASON_IDS

DEFAULT_PATH: Final = Path(__file__).with_name("label_mapping.toml")
HEADS: Final = ("failure_types", "primary", "intensity", "nps", "at_risk", "risk_reasons")
NPS_ORDER: Final = ("detractor", "passive", "promoter")

_KEYS: Final = frozenset(
    {*HEADS, "source", "label", "value", "min", "max", "when", "other_types", "unknown_types", "weight", "why"}
)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Condition:
    """Native values that a rule asks for: exact texts, ``fnmatch`` patterns, or a closed range of numbers."""

    values: tuple[str, ...] = ()
    minimum: float = float("-inf")
    maximum: float = float("inf")

    def holds(self, texts: Sequence[str]) -> bool:
        """Whether any of ``texts`` (as ``native_values`` gives them) fulfils the condition."""
        if self.values:
            return any(text == value or fnmatchcase(text, value) for text in texts for value in self.values)
        return any(_NUMBER.fullmatch(text) and self.minimum <= float(text) <= self.maximum for text in texts)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the mapping file; ``number`` counts from 1, a head that is None or empty is not taught."""

    number: int
    sources: tuple[str, ...]
    label: str
    condition: Condition
    when: tuple[tuple[str, Condition], ...]
    failure_types: Mapping[str, float]
    other_types: float | None
    unknown_types: tuple[str, ...]
    primary: str | None
    intensity: tuple[float, ...] | None
    nps: tuple[float, float, float] | None
    at_risk: float | None
    risk_reasons: Mapping[str, float]
    weight: float
    why: str

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads that the rule teaches, in the order of ``HEADS``."""
        taught = {head for head in HEADS if getattr(self, head) not in (None, {})}
        if self.other_types is not None:
            taught.add("failure_types")
        return tuple(head for head in HEADS if head in taught)


@dataclass(frozen=True, slots=True)
class WeakTargets:
    """Soft targets of one text; a failure type or risk reason that is absent, or a head that is None, is unknown.

    Attributes:
        failure_types: probability per failure type.
        primary: the primary type, where all matching rules that name one agree.
        intensity: probabilities of the levels 0-4.
        nps: probabilities of detractor, passive, promoter.
        at_risk: probability that the writer is at risk.
        risk_reasons: probability per risk reason.
        weight: how much the text counts against a hand-labelled one, in (0, 1].
    """

    failure_types: Mapping[str, float]
    primary: str | None
    intensity: tuple[float, ...] | None
    nps: tuple[float, float, float] | None
    at_risk: float | None
    risk_reasons: Mapping[str, float]
    weight: float


def native_values(value: object) -> tuple[str, ...]:
    """Comparable texts of one native label: ``1.0`` -> ``1``, ``[["food", "negative"]]`` -> ``food=negative``."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return tuple(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple("=".join(map(str, x)) if isinstance(x, list | tuple) else native_values(x)[0] for x in value)
    text = str(value)
    return (f"{float(text):.10g}" if _NUMBER.fullmatch(text) else text,)


class LabelMapping:
    """Rules indexed by source and label."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._index: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        self._cache: dict[tuple[str, str, str], tuple[Rule, ...]] = {}
        for rule in rules:
            for source in rule.sources:
                self._index[source, rule.label].append(rule)

    @property
    def sources(self) -> frozenset[str]:
        """Sources that some rule speaks of."""
        return frozenset(source for rule in self.rules for source in rule.sources)

    def matching(self, source: str, labels: Mapping[str, Any]) -> list[Rule]:
        """Rules that match a text of ``source`` with the native ``labels``, in file order, each once."""
        found: dict[int, Rule] = {}
        for label, value in labels.items():
            # Most labels have no rule, and some of those (ids, confidences) have endless values.
            if (source, label) not in self._index:
                continue
            for text in native_values(value):
                for rule in self._rules_for(source, label, text):
                    if all(condition.holds(native_values(labels.get(name))) for name, condition in rule.when):
                        found[rule.number] = rule
        return [found[number] for number in sorted(found)]

    def apply(self, source: str, labels: Mapping[str, Any]) -> WeakTargets | None:
        """Soft targets of a text of ``source`` with the native ``labels``; None where no rule matches."""
        rules = self.matching(source, labels)
        return _merge(rules) if rules else None

    def _rules_for(self, source: str, label: str, text: str) -> tuple[Rule, ...]:
        key = (source, label, text)
        if key not in self._cache:
            self._cache[key] = tuple(rule for rule in self._index[source, label] if rule.condition.holds((text,)))
        return self._cache[key]


def _merge(rules: Sequence[Rule]) -> WeakTargets:
    types = _maximum(rule.failure_types for rule in rules)
    others = [rule.other_types for rule in rules if rule.other_types is not None]
    if others:
        masked = {type_id for rule in rules for type_id in rule.unknown_types}
        types |= {name: max(others) for name in FAILURE_TYPE_IDS if name not in types and name not in masked}
    primaries = {rule.primary for rule in rules if rule.primary is not None}
    nps = _mean([(rule.nps, rule.weight) for rule in rules if rule.nps is not None])
    at_risk = _mean([((rule.at_risk,), rule.weight) for rule in rules if rule.at_risk is not None])
    return WeakTargets(
        failure_types=types,
        primary=primaries.pop() if len(primaries) == 1 else None,
        intensity=_mean([(rule.intensity, rule.weight) for rule in rules if rule.intensity is not None]),
        nps=(nps[0], nps[1], nps[2]) if nps else None,
        at_risk=at_risk[0] if at_risk else None,
        risk_reasons=_maximum(rule.risk_reasons for rule in rules),
        weight=max(rule.weight for rule in rules),
    )


def _maximum(tables: Iterable[Mapping[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for table in tables:
        for name, value in table.items():
            merged[name] = max(value, merged.get(name, 0.0))
    return merged


def _mean(vectors: Sequence[tuple[tuple[float, ...], float]]) -> tuple[float, ...] | None:
    if not vectors:
        return None
    total = sum(weight for _, weight in vectors)
    width = len(vectors[0][0])
    return tuple(sum(vector[i] * weight for vector, weight in vectors) / total for i in range(width))


def load_mapping(path: Path | None = None) -> LabelMapping:
    """Read and check a mapping file, by default the one that comes with the package.

    Raises:
        ConfigurationError: the file is missing, is no TOML, or a rule holds a wrong entry.
    """
    path = path or DEFAULT_PATH
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as TOML ({error}); mend or name another file") from error
    if set(data) != {"rule"} or not isinstance(data["rule"], list):
        raise ConfigurationError(f"{path}: top-level keys {sorted(data)} are not allowed; write [[rule]] tables only")
    return LabelMapping([_RuleReader(f"{path.name}, rule {n}", e).read(n) for n, e in enumerate(data["rule"], 1)])


class _RuleReader:
    """Checks one rule table; every error names the file, the rule, the offending value and what is allowed."""

    def __init__(self, where: str, entry: Mapping[str, Any]) -> None:
        self._where, self._entry = where, entry

    def read(self, number: int) -> Rule:
        entry = self._entry
        self._ids("key", entry, sorted(_KEYS))
        rule = Rule(
            number=number,
            sources=self._texts("source", entry.get("source")),
            label=self._text("label"),
            condition=self._condition("value", {key: entry[key] for key in ("value", "min", "max") if key in entry}),
            when=tuple((name, self._condition("when", value)) for name, value in self._table("when").items()),
            failure_types=self._probabilities("failure_types", FAILURE_TYPE_IDS),
            other_types=self._probability("other_types", entry["other_types"]) if "other_types" in entry else None,
            unknown_types=self._ids("unknown_types", entry.get("unknown_types", ()), FAILURE_TYPE_IDS),
            primary=entry.get("primary"),
            intensity=self._intensity(),
            nps=self._nps(),
            at_risk=self._probability("at_risk", entry["at_risk"]) if "at_risk" in entry else None,
            risk_reasons=self._probabilities("risk_reasons", RISK_REASON_IDS),
            weight=self._probability("weight", entry.get("weight")),
            why=self._text("why"),
        )
        if rule.primary is not None and rule.primary not in rule.failure_types:
            raise self._wrong("primary", rule.primary, f"one of the rule's failure_types {sorted(rule.failure_types)}")
        if rule.weight == 0:
            raise self._wrong("weight", rule.weight, "a number above 0 and at most 1")
        if not rule.heads:
            raise self._wrong("rule", rule.label, f"teaching anything; give at least one of {HEADS}")
        return rule

    def _wrong(self, key: str, value: object, allowed: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}: {key} {value!r} is not {allowed}")

    def _text(self, key: str) -> str:
        return self._texts(key, [self._entry.get(key)])[0]

    def _texts(self, key: str, value: object) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, str) and item.strip() for item in items):
            raise self._wrong(key, value, "a text that is not empty" if key in ("label", "why") else "a text or texts")
        return tuple(items)

    def _table(self, key: str) -> dict[str, Any]:
        table = self._entry.get(key, {})
        if not isinstance(table, dict):
            raise self._wrong(key, table, "a table")
        return table

    def _ids(self, key: str, given: Iterable[str], allowed: Sequence[str]) -> tuple[str, ...]:
        for item in given:
            if item not in allowed:
                raise self._wrong(key, item, f"one of {list(allowed)}")
        return tuple(given)

    def _probability(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self._wrong(key, value, "a number from 0 to 1")
        return float(value)

    def _probabilities(self, key: str, allowed: Sequence[str]) -> dict[str, float]:
        table = self._table(key)
        self._ids(key, table, allowed)
        return {name: self._probability(f"{key}.{name}", value) for name, value in table.items()}

    def _distribution(self, key: str, values: Sequence[object]) -> tuple[float, ...]:
        numbers = [self._probability(key, value) for value in values]
        total = sum(numbers)
        if abs(total - 1) > 0.03:  # two decimals each: five of them may miss 1 by a little
            raise self._wrong(key, list(values), f"a distribution; it adds up to {total:.2f}, not to 1")
        return tuple(number / total for number in numbers)

    def _intensity(self) -> tuple[float, ...] | None:
        if "intensity" not in self._entry:
            return None
        values = self._entry["intensity"]
        if not isinstance(values, list) or len(values) != len(INTENSITY_LEVELS):
            raise self._wrong("intensity", values, f"a list of {len(INTENSITY_LEVELS)} probabilities")
        return self._distribution("intensity", values)

    def _nps(self) -> tuple[float, float, float] | None:
        if "nps" not in self._entry:
            return None
        table = self._probabilities("nps", NPS_CLASS_IDS)
        detractor, passive, promoter = self._distribution("nps", [table.get(name, 0.0) for name in NPS_ORDER])
        return detractor, passive, promoter

    def _condition(self, key: str, given: object) -> Condition:
        table: dict[str, Any] = given if isinstance(given, dict) else {"value": given}
        self._ids(key, table, ("value", "min", "max"))
        if "value" in table:
            values = table["value"] if isinstance(table["value"], list) else [table["value"]]
            if len(table) == 1 and values and all(isinstance(v, str | int | float) and v != "" for v in values):
                return Condition(values=tuple(native_values(value)[0] for value in values))
        elif table and all(isinstance(v, int | float) and not isinstance(v, bool) for v in table.values()):
            low, high = float(table.get("min", float("-inf"))), float(table.get("max", float("inf")))
            if low <= high:
                return Condition(minimum=low, maximum=high)
        raise self._wrong(key, given, "a value, a list of values, or numbers min <= max (not both)")
