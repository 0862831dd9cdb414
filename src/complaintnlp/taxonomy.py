"""What the labels are: failure types, intensity levels, NPS classes, risk reasons, severities.

The data stand in ``taxonomy.toml``; the definitions follow the annotation guide. Ids never change
meaning: a model folder records the taxonomy version that it was trained with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

LANGUAGES: Final = ("tr", "zh", "hy", "en")
"""ISO 639-1 codes of the supported languages."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label of the taxonomy.

    Attributes:
        id: stable identifier, as used in data files and answers.
        names: display name per language code (``tr``, ``zh``, ``hy``, ``en``).
        definition: one English sentence.
    """

    id: str
    names: Mapping[str, str]
    definition: str

    def name(self, language: str = "en") -> str:
        """Display name in ``language``, in English where the language has none."""
        return self.names.get(language, self.names["en"])


@dataclass(frozen=True, slots=True)
class FailureType(Label):
    """A service-failure type.

    Attributes:
        kind: ``outcome`` (what was delivered) or ``process`` (how), after Smith, Bolton & Wagner 1999.
        base_severity: severity that the type has before any cue raises or lowers it.
    """

    kind: str
    base_severity: str


def _load() -> dict[str, list[dict[str, object]]]:
    source = resources.files(__package__).joinpath("taxonomy.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def _labels(entries: list[dict[str, object]], kind: type[Label] = Label) -> Mapping[str, Label]:
    labels = {}
    for entry in entries:
        fields = {key: value for key, value in entry.items() if key != "name"}
        labels[str(entry["id"])] = kind(names=MappingProxyType(entry["name"]), **fields)  # type: ignore[arg-type]
    return MappingProxyType(labels)


_DATA = _load()

VERSION: Final[str] = str(_DATA["version"])
FAILURE_TYPES: Final[Mapping[str, FailureType]] = _labels(_DATA["failure_type"], FailureType)  # type: ignore[assignment]
INTENSITY_LEVELS: Final = _labels(_DATA["intensity"])
NPS_CLASSES: Final = _labels(_DATA["nps_class"])
RISK_REASONS: Final = _labels(_DATA["risk_reason"])
SEVERITIES: Final = _labels(_DATA["severity"])

FAILURE_TYPE_IDS: Final = tuple(FAILURE_TYPES)
NPS_CLASS_IDS: Final = tuple(NPS_CLASSES)
RISK_REASON_IDS: Final = tuple(RISK_REASONS)
SEVERITY_IDS: Final = tuple(SEVERITIES)
MAX_INTENSITY: Final = len(INTENSITY_LEVELS) - 1
