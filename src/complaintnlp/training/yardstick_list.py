"""The public yardsticks (``yardsticks.toml``, whose header defines their entries), read and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import explain
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, INTENSITY_LEVELS, NPS_CLASS_IDS
from complaintnlp.training.label_mapping import native_values

DEFAULT_PATH: Final = Path(__file__).with_name("yardsticks.toml")

METRICS: Final = {
    "classification": ("accuracy", "macro_f1"),
    "binary": ("auroc", "f1", "accuracy", "macro_f1"),
    "regression": ("pearson", "r2"),
}
"""Figures that are measured for each task."""

OUTPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "nps": NPS_CLASS_IDS,
    "intensity": tuple(INTENSITY_LEVELS),
    "primary": FAILURE_TYPE_IDS,
}
"""Outputs of each head that a yardstick can be read from."""

_HEADS: Final = {
    "classification": tuple(OUTPUTS),
    "binary": ("nps",),
    "regression": ("nps", "intensity"),
}

Answer = str | bool | float


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Published(_Table):
    """A figure of others: its value between 0 and 1, whose it is and where it was read, and its setting."""

    metric: str
    value: float
    who: str
    setting: str


class Yardstick(_Table):
    """One yardstick; the header of ``yardsticks.toml`` explains each entry."""

    name: str
    source: str
    label: str
    task: Literal["classification", "binary", "regression"]
    positive: tuple[str, ...] = ()
    classes: dict[str, tuple[str, ...]] = {}
    when: dict[str, str] = {}
    head: Literal["nps", "intensity", "primary"]
    metrics: tuple[str, ...] = Field(min_length=1)
    published: tuple[Published, ...] = ()
    difference: str

    @model_validator(mode="after")
    def _fits(self) -> Yardstick:
        _require({*self.metrics, *(each.metric for each in self.published)}, METRICS[self.task], "metric")
        _require({self.head}, _HEADS[self.task], "head")
        _require({name for part in self.classes.values() for name in part}, OUTPUTS[self.head], "output")
        if bool(self.classes) != (self.task == "classification") or bool(self.positive) != (self.task == "binary"):
            raise ValueError("classification needs classes, binary needs positive, and no other task has them")
        return self

    def gold(self, labels: Mapping[str, Any]) -> Answer | None:
        """What a text with these native labels should be answered; None where it is not measured.

        A class by its name, for binary whether it is positive, for regression the number.
        """
        value = labels.get(self.label)
        if value is None or any((wanted,) != native_values(labels.get(name)) for name, wanted in self.when.items()):
            return None
        if self.task == "regression":
            return float(value)
        text = _polarity(value) if isinstance(value, list) else native_values(value)[0]
        if self.task == "binary":
            return text in self.positive
        return text if text in self.classes else None


def _require(found: set[str], allowed: Sequence[str], what: str) -> None:
    wrong = sorted(found - set(allowed))
    if wrong:
        raise ValueError(f"{what} {', '.join(wrong)} is not one of {', '.join(allowed)}")


def _polarity(aspects: list[Any]) -> str:
    """The polarity that all aspects share; empty where there is none or they differ."""
    polarities = {polarity for _, polarity in aspects}
    return str(polarities.pop()) if len(polarities) == 1 else ""


class _List(_Table):
    yardstick: list[Yardstick]


def load_yardsticks(path: Path = DEFAULT_PATH) -> tuple[Yardstick, ...]:
    """Read the yardsticks in their order.

    Raises:
        ConfigurationError: the file is no TOML, or an entry is wrong or stands there twice.
    """
    try:
        yardsticks = tuple(_List.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).yardstick)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read as TOML ({error})") from None
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {explain(error, _List)}") from None
    names = [yardstick.name for yardstick in yardsticks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"{path}: {', '.join(twice)} stands there more than once; keep one entry")
    return yardsticks


def choose(yardsticks: Sequence[Yardstick], names: Sequence[str]) -> tuple[Yardstick, ...]:
    """The named yardsticks in the list's order; all where none is named.

    Raises:
        ConfigurationError: a name is none of the list's.
    """
    known = [yardstick.name for yardstick in yardsticks]
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigurationError(f"yardstick {', '.join(wrong)} is not one of {', '.join(known)}")
    return tuple(yardstick for yardstick in yardsticks if not names or yardstick.name in names)
