"""The rules of the at-risk score as data: points and names of the signals, bands, value factors, cues.

They stand in ``risk_policy.toml``, or in a company's own file of the same format, and are checked when read.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Formatter
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import Customer, LanguageCode, RiskBand, Tier, explain
from complaintnlp.taxonomy import LANGUAGES

REASON_SIGNALS: Final = (
    *("explicit_exit", "conditional_exit", "escalation_threat", "unresolved_repeat", "broken_relationship"),
)
"""Signals that rest on the reasons R1-R4; the text's probability scales their points."""

TEXT_SIGNALS: Final = (
    *REASON_SIGNALS,
    *("detractor", "intensity_3", "intensity_4", "severity_s3", "severity_s4", "repaired_satisfied"),
)
CONTEXT_SIGNALS: Final = (
    *("repeat_contact", "repeat_failure", "open_case", "reopened_case", "low_survey", "falling_use"),
    "contract_end_near",
)
SIGNALS: Final = (*TEXT_SIGNALS, *CONTEXT_SIGNALS)
LOWERING_SIGNALS: Final = frozenset({"repaired_satisfied"})
"""Signals that lower the risk: their points are 0 or less, those of all others 0 or more."""

_PLACEHOLDERS: Final[Mapping[str, frozenset[str]]] = {
    "repeat_contact": frozenset({"count", "days"}),
    "contract_end_near": frozenset({"days"}),
}
_FILE: Final = "risk_policy.toml"

Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Signal(_Section):
    """Points of one signal, -100 to 100, and its name; see ``_PLACEHOLDERS`` for what a name may hold."""

    points: int = Field(ge=-100, le=100)
    name: dict[LanguageCode, str]


class TextRule(_Section):
    """How points read in a text shrink: with its doubt (probability) and with its age (days)."""

    full_points_from: float = Field(gt=0, le=1)
    half_life_days: Positive


class ContextRule(_Section):
    """From when on a signal of the customer context counts."""

    contacts_30d: int = Field(ge=2)
    contacts_90d: int = Field(ge=2)
    same_failure_days: Positive
    csat_at_most: float = Field(ge=1, le=5)
    nps_at_most: int = Field(ge=0, le=10)
    contract_end_days: Positive
    loyal_after_months: Positive


class Bands(_Section):
    """First score of each band."""

    watch: int = Field(ge=1, le=100)
    high: int = Field(ge=1, le=100)
    critical: int = Field(ge=1, le=100)

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.watch < self.high < self.critical:
            raise ValueError(f"must rise: watch {self.watch} < high {self.high} < critical {self.critical}")
        return self


class ExitCues(_Section):
    """Cues of a conditional exit in one language; the policy file says how they are written."""

    conditions: tuple[str, ...]
    exits: tuple[str, ...]
    decided: tuple[str, ...]


class ChurnFit(_Section):
    """Where fitted points come from, and what they are worth (`complaintnlp.training.fit_risk`).

    Attributes:
        rows, churners: size of the data.
        auroc, brier: of the score, by cross-validation.
        intercept, slope: log-odds of churn = intercept + slope x score.
    """

    rows: Positive
    churners: Positive
    auroc: float = Field(ge=0, le=1)
    brier: float = Field(ge=0, le=1)
    intercept: float = Field(allow_inf_nan=False)
    slope: float = Field(ge=0, allow_inf_nan=False)


class RiskPolicy(_Section):
    """All rules of the at-risk score; read it with `load_risk_policy` or `read_risk_policy`."""

    version: Annotated[int, Field(ge=1, le=1)]
    text: TextRule
    context: ContextRule
    bands: Bands
    value_factors: dict[Tier, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    tier_from_lifetime_value: dict[Tier, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    signals: dict[str, Signal]
    conditional_exit: dict[LanguageCode, ExitCues]
    fit: ChurnFit | None = None

    def band(self, score: int) -> RiskBand:
        """Band of a score 0-100."""
        if score >= self.bands.critical:
            return "critical"
        if score >= self.bands.high:
            return "high"
        return "watch" if score >= self.bands.watch else "low"

    def value_factor(self, customer: Customer | None) -> float:
        """Factor of the customer's tier, or of the highest tier that the lifetime value reaches."""
        if customer is None:
            return self.value_factors["standard"]
        if customer.tier is None and customer.lifetime_value is not None:
            value = customer.lifetime_value
            reached = [tier for tier, least in self.tier_from_lifetime_value.items() if value >= least]
            return max((self.value_factors[tier] for tier in reached), default=self.value_factors["standard"])
        return self.value_factors[customer.tier or "standard"]

    def churn_probability(self, score: int) -> float | None:
        """Probability that a customer with this score leaves; None where the points are not fitted."""
        if self.fit is None:
            return None
        return 0.5 * (1.0 + math.tanh(0.5 * (self.fit.intercept + self.fit.slope * score)))


@cache
def load_risk_policy() -> RiskPolicy:
    """The policy of the package, checked; read once.

    Raises:
        ConfigurationError: as `read_risk_policy` says.
    """
    return read_risk_policy(resources.files(__package__).joinpath(_FILE))


def read_risk_policy(source: Traversable) -> RiskPolicy:
    """Read and check a policy file.

    Args:
        source: a ``Path``, or a file of a package.

    Raises:
        ConfigurationError: the file is no TOML, or an entry is missing, unknown or out of range; the message names
            the file, the key and what is allowed.
    """
    file = source.name
    try:
        policy = RiskPolicy.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {explain(error, RiskPolicy)}") from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    _check_keys(file, "signals", SIGNALS, policy.signals)
    _check_keys(file, "value_factors", ("standard", "valued", "vip"), policy.value_factors)
    _check_keys(file, "conditional_exit", LANGUAGES, policy.conditional_exit)
    for name, signal in policy.signals.items():
        _check_signal(file, name, signal)
    for language, cues in policy.conditional_exit.items():
        for kind in ("conditions", "exits", "decided"):
            if not all(cue.strip(" *…") for cue in getattr(cues, kind)):
                raise ConfigurationError(f"{file}: conditional_exit.{language}.{kind} holds a cue without letters")
    return policy


def _check_keys(file: str, where: str, wanted: Collection[str], found: Iterable[str]) -> None:
    given = set(found)
    if missing := [key for key in wanted if key not in given]:
        raise ConfigurationError(f"{file}: {where} lacks {', '.join(missing)}")
    if unknown := sorted(given.difference(wanted)):
        raise ConfigurationError(f"{file}: {where}.{unknown[0]} is unknown; allowed: {', '.join(wanted)}")


def _check_signal(file: str, name: str, signal: Signal) -> None:
    lowers = name in LOWERING_SIGNALS
    if signal.points > 0 if lowers else signal.points < 0:
        allowed = "-100 to 0: it lowers the risk" if lowers else "0 to 100: it raises the risk"
        raise ConfigurationError(f"{file}: signals.{name}.points is {signal.points}; allowed: {allowed}")
    _check_keys(file, f"signals.{name}.name", LANGUAGES, signal.name)
    allowed_fields = _PLACEHOLDERS.get(name, frozenset())
    for language, text in signal.name.items():
        where = f"{file}: signals.{name}.name.{language}"
        try:
            used = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
        except ValueError as error:
            raise ConfigurationError(f"{where}: {error}; write {{{{ and }}}} for plain braces") from None
        if wrong := sorted(used - allowed_fields):
            allowed = ", ".join(f"{{{field}}}" for field in sorted(allowed_fields)) or "none"
            raise ConfigurationError(f"{where} holds {{{wrong[0]}}}; placeholders allowed here: {allowed}")
