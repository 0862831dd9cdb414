"""What the label mapping teaches: its rates measured again on hand labels, and its coverage of the sources."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from complaintnlp.taxonomy import FAILURE_TYPE_IDS, INTENSITY_LEVELS
from complaintnlp.training.label_mapping import HEADS, NPS_ORDER, LabelMapping, Rule

PSEUDO_COUNT: Final = 2.0
"""How many texts of the wider group (the source, then all sources) each measured rate is mixed with."""

_Row = tuple[str, Mapping[str, Any], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class RuleRates:
    """Smoothed rates of our labels among the ``n`` hand-labelled texts that one rule matches."""

    rule: Rule
    n: int
    failure_types: Mapping[str, float]
    primary: Mapping[str, float]
    intensity: tuple[float, ...]
    nps: tuple[float, ...]
    at_risk: float

    def __str__(self) -> str:
        types = " ".join(f"{name}={rate:.2f}" for name, rate in self.failure_types.items() if rate >= 0.005)
        levels = "/".join(f"{rate:.2f}" for rate in self.intensity)
        classes = "/".join(f"{rate:.2f}" for rate in self.nps)
        what = f"{self.rule.number:4} {','.join(self.rule.sources)} {self.rule.label}"
        value = (
            ",".join(self.rule.condition.values) or f"{self.rule.condition.minimum:g}..{self.rule.condition.maximum:g}"
        )
        return f"{what} [{value}] n={self.n} nps={classes} intensity={levels} at_risk={self.at_risk:.2f} {types}"


def measured_rates(mapping: LabelMapping, labelled: Iterable[_Row]) -> list[RuleRates]:
    """Measure every rule again, to check the numbers in the file.

    A rate is ``(k + 2 * wider rate) / (n + 2)``, the wider rate being that of the rule's sources, smoothed
    in the same way with that of all texts.

    Args:
        mapping: the rules.
        labelled: per hand-labelled text of the train split: its source, its native labels, and its row of
            the annotation file (``failure_types``, ``primary``, ``intensity``, ``nps_class``, ``at_risk``).

    Returns:
        One entry a rule, in file order; ``str`` of it is a line of the table.
    """
    everything: Counter[str] = Counter()
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    by_rule: dict[int, Counter[str]] = defaultdict(Counter)
    for source, labels, row in labelled:
        marks = [f"type {name}" for name in row["failure_types"].split(";") if name]
        marks += ["n", f"primary {row['primary']}", f"level {int(row['intensity'])}", f"nps {row['nps_class']}"]
        marks += ["risk"] * int(row["at_risk"])
        for counter in [everything, by_source[source], *(by_rule[r.number] for r in mapping.matching(source, labels))]:
            counter.update(marks)
    return [_rates(rule, everything, by_source, by_rule[rule.number]) for rule in mapping.rules]


def _rates(rule: Rule, everything: Counter[str], by_source: Mapping[str, Counter[str]], own: Counter[str]) -> RuleRates:
    wider = sum((by_source.get(source, Counter()) for source in rule.sources), Counter[str]())

    def rate(mark: str) -> float:
        value = everything[mark] / max(everything["n"], 1)
        for counts in (wider, own):
            value = (counts[mark] + PSEUDO_COUNT * value) / (counts["n"] + PSEUDO_COUNT)
        return value

    return RuleRates(
        rule=rule,
        n=own["n"],
        failure_types={name: rate(f"type {name}") for name in FAILURE_TYPE_IDS},
        primary={name: rate(f"primary {name}") for name in FAILURE_TYPE_IDS},
        intensity=tuple(rate(f"level {level}") for level in range(len(INTENSITY_LEVELS))),
        nps=tuple(rate(f"nps {name}") for name in NPS_ORDER),
        at_risk=rate("risk"),
    )


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """How many rows of one source carry a native label, how many of them a rule reads, and what that teaches."""

    source: str
    label: str
    rows: int
    mapped: int
    heads: tuple[str, ...]


def coverage(mapping: LabelMapping, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[LabelCoverage]:
    """Coverage per (source, native label) over ``rows`` of (source, native labels), sorted by name."""
    total: Counter[tuple[str, str]] = Counter()
    mapped: Counter[tuple[str, str]] = Counter()
    heads: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source, labels in rows:
        total.update((source, label) for label in labels)
        read = mapping.matching(source, labels)
        mapped.update({(source, rule.label) for rule in read})
        for rule in read:
            heads[source, rule.label].update(rule.heads)
    return [
        LabelCoverage(*key, total[key], mapped[key], tuple(head for head in HEADS if head in heads[key]))
        for key in sorted(total)
    ]


def unmapped_labels(mapping: LabelMapping, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[LabelCoverage]:
    """The (source, native label) pairs of ``rows`` that no rule reads."""
    return [entry for entry in coverage(mapping, rows) if not entry.mapped]
