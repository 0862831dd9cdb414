"""The two records of the product: `Feedback` goes in, `Analysis` comes out.

Both are immutable, validated and round-trip through JSON
(``Feedback.model_validate_json``, ``analysis.model_dump_json(by_alias=True)`` or ``analysis.to_json()``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from complaintnlp.errors import InvalidInputError

MAX_TEXT_CHARS: Final = 50_000
"""Longest accepted text. A longer one is not one customer's feedback but a file pasted by mistake."""

MAX_ID_CHARS: Final = 200

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_PROBLEMS: Final = {
    "missing": "required, but missing",
    "extra_forbidden": "unknown field",
    "string_unicode": "holds a broken character (a lone surrogate); re-export the text as valid UTF-8",
    "string_too_long": f"too long; a text may have {MAX_TEXT_CHARS:,} characters (split it into single feedbacks), "
    f"an id {MAX_ID_CHARS}",
}

LanguageCode = Literal["tr", "zh", "hy", "en"]
Channel = Literal["email", "form", "chat", "phone", "messaging", "social", "review", "in_person", "survey", "app"]
Status = Literal["scored", "unsupported", "empty"]
NpsClass = Literal["detractor", "passive", "promoter"]
RiskReason = Literal["R1", "R2", "R3", "R4"]
Severity = Literal["S1", "S2", "S3", "S4"]
Element = Literal["speed", "empathy", "ownership", "solution", "compensation", "follow_up"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Record(BaseModel):
    """Base of all records: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self, *, indent: int | None = None) -> str:
        """The record as JSON text with the public field names."""
        return self.model_dump_json(by_alias=True, indent=indent)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready Python data with the public field names."""
        return self.model_dump(mode="json", by_alias=True)


class Feedback(Record):
    """What a customer wrote, and what is known about it.

    Attributes:
        id: the caller's identifier, at most `MAX_ID_CHARS` characters, returned unchanged.
        text: the words of the customer, at most `MAX_TEXT_CHARS` characters.
        language: set it where the language is known; it is detected otherwise, and where the script contradicts it.
        rating: stars 1-5. They never override the text.
        nps_score: answer 0-10 to "how likely are you to recommend us"; it overrides the text's class.
        channel: where the text came in.
        created_at: when it was written.
    """

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS)
    text: str = Field(max_length=MAX_TEXT_CHARS)
    language: LanguageCode | None = None
    rating: float | None = Field(default=None, ge=1, le=5)
    nps_score: int | None = Field(default=None, ge=0, le=10)
    channel: Channel | None = None
    created_at: datetime | None = None

    @classmethod
    def parse(cls, data: Any) -> Feedback:
        """Build a record from a text, a mapping or a `Feedback`.

        Raises:
            InvalidInputError: names each field that is wrong, its value's problem and what is allowed.
        """
        if isinstance(data, cls):
            return data
        try:
            return cls(text=data) if isinstance(data, str) else cls.model_validate(data)
        except ValidationError as error:
            raise InvalidInputError(explain(error, cls)) from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One readable sentence per problem. It never repeats the customer's text."""
    sentences = []
    for problem in error.errors(include_url=False, include_input=False):
        message = describe_problem(problem["type"], problem["msg"])
        if problem["type"] == "extra_forbidden":
            message += f"; allowed: {', '.join(_fields_at(model, problem['loc'][:-1]))}"
        sentences.append(f"{field_name(problem['loc']) or 'input'}: {message}")
    return "; ".join(sentences)


def _fields_at(model: type[BaseModel], place: tuple[int | str, ...]) -> Iterable[str]:
    """Field names of ``model``, or of the model that stands at ``place`` inside it."""
    for part in place:
        if part in model.model_fields:
            inner = _model_in(model.model_fields[str(part)].annotation)
            model = inner or model
    return model.model_fields


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def describe_problem(kind: str, message: str) -> str:
    """What is wrong and what to do, for one of pydantic's error types; ``message`` where pydantic says it well."""
    return _PROBLEMS.get(kind, message)


def field_name(parts: Iterable[object]) -> str:
    """Dotted place of a field (``items.3.rating``).

    A name that the caller made up is shown only where it looks like a field name: mixed-up data may hold
    the customer's words as a key.
    """
    return ".".join(str(part) if isinstance(part, int) or _NAME.fullmatch(str(part)) else "?" for part in parts)


class LanguageResult(Record):
    """Detected (or given) language. ``code`` is None where nothing could be read."""

    code: str | None
    confidence: Probability
    supported: bool


class FailureScore(Record):
    """A failure type that the text names, with its calibrated probability."""

    code: str
    score: Probability


class IntensityResult(Record):
    """Strength of the strongest negative emotion: level 0-4 and its expected value as ``score`` (0.0-4.0)."""

    level: int = Field(ge=0, le=4)
    score: float = Field(ge=0.0, le=4.0)


class NpsResult(Record):
    """NPS class. ``probabilities`` is None where a survey score decided and no text could be scored."""

    nps_class: NpsClass = Field(alias="class")
    probabilities: dict[NpsClass, Probability] | None
    source: Literal["text", "survey"]


class RiskResult(Record):
    """Whether the customer says that they may leave, how probable that is, and why (R1-R4)."""

    flag: bool
    probability: Probability
    reasons: tuple[RiskReason, ...]


class RecoveryStep(Record):
    """One step of a plan: which element of service recovery, which action, who does it, what to do."""

    element: Element
    action: str
    owner: str
    text: dict[LanguageCode, str]


class RecoveryPlan(Record):
    """Ordered steps with the team that owns the case, time targets and the compensation band.

    ``compensation_band`` is C0 (none) to C4 (full plus goodwill) or CS (statutory), as the playbook words it.
    """

    owner: str
    channel: str
    first_reply_within: str
    fix_within: str
    compensation_band: str
    steps: tuple[RecoveryStep, ...]


class ModelInfo(Record):
    """Name and version of the model that answered."""

    name: str
    version: str


class Analysis(Record):
    """The answer for one feedback.

    ``status`` is ``scored``, ``unsupported`` (another language) or ``empty`` (nothing to read). Only a
    scored answer carries scores; the other two hold none, apart from a survey's own NPS class.
    """

    id: str | None
    status: Status
    language: LanguageResult
    failure_types: tuple[FailureScore, ...] = ()
    primary_failure: str | None = None
    intensity: IntensityResult | None = None
    nps: NpsResult | None = None
    at_risk: RiskResult | None = None
    severity: Severity | None = None
    needs_review: bool
    review_reasons: tuple[str, ...] = ()
    recovery: RecoveryPlan | None = None
    model: ModelInfo
