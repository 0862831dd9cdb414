"""Hand-written tests of what a model can do, after CheckList (Ribeiro et al. 2020).

A file for each language holds templates, each with what must be answered, and the words that fill their slots.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions
from complaintnlp.records import NpsClass, explain
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, MAX_INTENSITY, NPS_CLASS_IDS

Capability = Literal[
    "plain",
    "negation",
    "contrast",
    "repaired",
    "sarcasm",
    "quoted",
    "question",
    "praise",
    "intensity",
    "risk",
    "several",
]
CAPABILITIES: Final[tuple[str, ...]] = get_args(Capability)
KINDS: Final = ("types", "intensity", "nps", "at_risk")
"""Kinds of expectations."""

MAX_CASES: Final = 60
"""A template with more combinations of its words is tried on so many of them, drawn by its text."""

_SLOT: Final = re.compile(r"\{(\w+)\}")


def _known_type(name: str) -> str:
    if name not in FAILURE_TYPE_IDS:
        raise ValueError(f"{name!r} is no failure type; allowed: {', '.join(FAILURE_TYPE_IDS)}")
    return name


FailureTypeId = Annotated[str, AfterValidator(_known_type)]
Types = Annotated[tuple[FailureTypeId, ...], Field(min_length=1)]
Level = Annotated[int, Field(ge=0, le=MAX_INTENSITY)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Template(_Part):
    """A text with slots and what must be answered.

    Attributes:
        capability: what it tests.
        text: with slots such as ``{item}``.
        has, lacks: types that must, or must not, be in the list.
        only: the whole list.
        intensity: lowest and highest level allowed.
        nps: classes allowed.
        at_risk: the flag.
    """

    capability: Capability
    text: str = Field(min_length=1)
    has: Types = ()
    lacks: Types = ()
    only: tuple[FailureTypeId, ...] | None = None
    intensity: tuple[Level, Level] | None = None
    nps: Annotated[tuple[NpsClass, ...], Field(min_length=1)] = ()
    at_risk: Literal[0, 1] | None = None

    @model_validator(mode="after")
    def _expects_something(self) -> Self:
        if not self.expected:
            raise ValueError("expects nothing; give has, lacks, only, intensity, nps or at_risk")
        if self.intensity is not None and self.intensity[0] > self.intensity[1]:
            raise ValueError(f"intensity {list(self.intensity)} must be [lowest, highest]")
        return self

    @property
    def expected(self) -> dict[str, Any]:
        """What the file says must be answered."""
        return self.model_dump(mode="json", include=self.model_fields_set - {"capability", "text"})

    def outcome(self, answer: Mapping[str, Any]) -> dict[str, bool]:
        """Whether each kind of expectation that the template has is met by an answer."""
        types = set(answer["types"])
        met: dict[str, bool] = {}
        if self.has or self.lacks or self.only is not None:
            whole = self.only is None or types == set(self.only)
            met["types"] = whole and types >= set(self.has) and not types & set(self.lacks)
        if self.intensity is not None:
            met["intensity"] = self.intensity[0] <= answer["intensity"] <= self.intensity[1]
        if self.nps:
            met["nps"] = answer["nps"] in self.nps
        if self.at_risk is not None:
            met["at_risk"] = answer["at_risk"] == self.at_risk
        return met


class Checklist(_Part):
    """The templates of one language and the words that fill their slots."""

    fill: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    template: list[Template] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        seen: set[str] = set()
        for template in self.template:
            missing = set(_SLOT.findall(template.text)) - set(self.fill)
            if missing:
                raise ValueError(f"{template.text!r}: [fill] has no words for {', '.join(sorted(missing))}")
            if template.text in seen:
                raise ValueError(f"{template.text!r} occurs twice")
            seen.add(template.text)
        return self

    def cases(self, template: Template) -> list[str]:
        """The template with every combination of its words, or with `MAX_CASES` of them."""
        slots = list(dict.fromkeys(_SLOT.findall(template.text)))
        combinations = list(product(*(self.fill[slot] for slot in slots)))
        if len(combinations) > MAX_CASES:
            combinations = Random(template.text).sample(combinations, MAX_CASES)  # noqa: S311 - nothing secret
        return [_filled(template.text, dict(zip(slots, words, strict=True))) for words in combinations]


def _filled(text: str, words: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda slot: words[slot[1]], text)


def load_checklists(folder: Path) -> dict[str, Checklist]:
    """The checklists of a folder, by language.

    Raises:
        ConfigurationError: the folder holds none, or a file has a wrong entry; names the file, the entry, and what
            is allowed.
    """
    found = {code: folder / f"{code}.toml" for code in LANGUAGES if (folder / f"{code}.toml").is_file()}
    if not found:
        names = ", ".join(f"{code}.toml" for code in LANGUAGES)
        raise ConfigurationError(f"{folder} holds no checklist ({names}); name its folder with --checklist")
    return {code: _read(path) for code, path in found.items()}


def _read(path: Path) -> Checklist:
    try:
        return Checklist.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"checklist {path} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"checklist {path} is no valid TOML: {error}") from None
    except ValidationError as error:
        raise ConfigurationError(f"checklist {path}: {explain(error, Checklist)}") from None


def run_checklists(
    checklists: Mapping[str, Checklist], decide: Callable[[Sequence[str], Sequence[str]], Decisions]
) -> dict[str, Any]:
    """Try every case.

    Args:
        checklists: by language.
        decide: decisions for texts and their languages.

    Returns:
        ``languages``: per language and capability (and ``all``) the number of ``templates`` and ``cases``, the share
        ``passed``, and the share of met expectations of each of `KINDS`, NaN where there is none. ``failed``: the
        templates with a case that did not pass, and the first such case.
    """
    languages: dict[str, dict[str, dict[str, float]]] = {}
    failed: list[dict[str, Any]] = []
    for language, checklist in checklists.items():
        results: dict[str, list[list[dict[str, bool]]]] = {name: [] for name in ("all", *CAPABILITIES)}
        for template in checklist.template:
            cases = checklist.cases(template)
            answers = _answers(decide(cases, [language] * len(cases)))
            outcomes = [template.outcome(answer) for answer in answers]
            results["all"].append(outcomes)
            results[template.capability].append(outcomes)
            wrong = [i for i, outcome in enumerate(outcomes) if not all(outcome.values())]
            if wrong:
                failed.append(
                    {
                        "language": language,
                        "capability": template.capability,
                        "template": template.text,
                        "expected": template.expected,
                        "cases": len(cases),
                        "passed": len(cases) - len(wrong),
                        "example": {"text": cases[wrong[0]], **answers[wrong[0]]},
                    }
                )
        languages[language] = {name: _rates(tried) for name, tried in results.items() if tried}
    return {"languages": languages, "failed": failed}


def _answers(decisions: Decisions) -> list[dict[str, Any]]:
    return [
        {
            "types": [FAILURE_TYPE_IDS[i] for i in types.nonzero()[0]],
            "intensity": int(level),
            "nps": NPS_CLASS_IDS[nps],
            "at_risk": int(risk),
        }
        for types, level, nps, risk in zip(
            decisions.failure_types, decisions.intensity, decisions.nps, decisions.at_risk, strict=True
        )
    ]


def _rates(templates: Sequence[Sequence[Mapping[str, bool]]]) -> dict[str, float]:
    outcomes = [outcome for cases in templates for outcome in cases]
    return {
        "templates": float(len(templates)),
        "cases": float(len(outcomes)),
        "passed": _share([all(outcome.values()) for outcome in outcomes]),
        **{kind: _share([outcome[kind] for outcome in outcomes if kind in outcome]) for kind in KINDS},
    }


def _share(met: Sequence[bool]) -> float:
    return sum(met) / len(met) if met else float("nan")
