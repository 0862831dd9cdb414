"""The two records of the product: `Feedback` goes in, `Analysis` comes out.

Both are immutable, validated and round-trip through JSON
(``Feedback.model_validate_json``, ``analysis.model_dump_json(by_alias=True)`` or ``analysis.to_json()``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from complaintnlp.errors import InvalidInputError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS

MAX_TEXT_CHARS: Final = 50_000
"""Longest accepted text. A longer one is not one customer's feedback but a file pasted by mistake."""

MAX_ID_CHARS: Final = 200

EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 2200
"""Years of a date of writing. Exports write 0001 or 9999 where there is none."""

OWN_TYPES: Final = "own_types"
"""Key of the validation context that holds the ids of a model's own failure types."""

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
RiskBand = Literal["low", "watch", "high", "critical"]
Tier = Literal["standard", "valued", "vip"]
Element = Literal["speed", "empathy", "ownership", "solution", "compensation", "follow_up"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]
CalendarDate = date
"""A second name, since `PreviousComplaint` has a field ``date``."""


class Record(BaseModel):
    """Base of all records: immutable, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    def to_json(self, *, indent: int | None = None) -> str:
        """The record as JSON text with the public field names."""
        return self.model_dump_json(by_alias=True, indent=indent)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready Python data with the public field names."""
        return self.model_dump(mode="json", by_alias=True)


class PreviousComplaint(Record):
    """An earlier complaint of the same customer: when, and of which failure type where that is known.

    A model's own failure types are allowed where the validation is told of them, as `Feedback.parse` tells it.
    """

    date: CalendarDate
    type: str | None = None

    @field_validator("type")
    @classmethod
    def _is_failure_type(cls, value: str | None, info: ValidationInfo) -> str | None:
        allowed = (*FAILURE_TYPE_IDS, *(info.context or {}).get(OWN_TYPES, ()))
        if value is not None and value not in allowed:
            raise ValueError(f"no failure type; allowed: {', '.join(allowed)}")
        return value


class Customer(Record):
    """What the caller's own systems know about the customer. All of it is optional; None says nothing is known.

    The dated list and the counts speak of complaints *before* this feedback. An empty list says that there were none.

    Attributes:
        id: the caller's identifier of the customer, at most `MAX_ID_CHARS` characters.
        tier: how much the customer matters to the firm; it moves priority, never risk.
        lifetime_value: in the caller's currency, 0 or more; it moves priority, never risk.
        tenure_months: whole months since the customer joined.
        contract_end: last day of a fixed term.
        previous_complaints: the customer's whole complaint history, in any order.
        complaints_30d, complaints_90d: how many of them in the last 30 and 90 days, for callers without dates.
        open_cases: other cases that are open now.
        reopened_cases: cases that were closed and had to be opened again.
        last_nps: newest earlier answer 0-10 to the recommendation question.
        last_csat: newest satisfaction answer 1-5.
        falling_use: whether use or orders are falling.
        preferred_language: language that the customer wants to be answered in.
        preferred_channel: channel that the customer wants to be reached on.
    """

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS)
    tier: Tier | None = None
    lifetime_value: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    tenure_months: Count | None = None
    contract_end: CalendarDate | None = None
    previous_complaints: tuple[PreviousComplaint, ...] | None = None
    complaints_30d: Count | None = None
    complaints_90d: Count | None = None
    open_cases: Count | None = None
    reopened_cases: Count | None = None
    last_nps: int | None = Field(default=None, ge=0, le=10)
    last_csat: float | None = Field(default=None, ge=1, le=5)
    falling_use: bool | None = None
    preferred_language: LanguageCode | None = None
    preferred_channel: Channel | None = None

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        short, long = self.complaints_30d, self.complaints_90d
        if short is not None and long is not None and short > long:
            raise ValueError(f"complaints_30d ({short}) is more than complaints_90d ({long})")
        if self.previous_complaints is not None:
            listed = len(self.previous_complaints)
            for name, count in (("complaints_30d", short), ("complaints_90d", long)):
                if count is not None and count > listed:
                    raise ValueError(
                        f"{name} ({count}) is more than the {listed} listed previous_complaints; give the whole list, "
                        "or the counts alone"
                    )
        return self

    def complaints_within(self, days: int, today: CalendarDate) -> int | None:
        """Dated complaints in the ``days`` up to ``today``; None where no list is given."""
        if self.previous_complaints is None:
            return None
        return sum(0 <= (today - complaint.date).days <= days for complaint in self.previous_complaints)


class Feedback(Record):
    """What a customer wrote, and what is known about it.

    Attributes:
        id: the caller's identifier, at most `MAX_ID_CHARS` characters, returned unchanged.
        text: the words of the customer, at most `MAX_TEXT_CHARS` characters.
        language: set it where the language is known; it is detected otherwise, and where the script contradicts it.
        rating: stars 1-5. They never override the text.
        nps_score: answer 0-10 to "how likely are you to recommend us"; it overrides the text's class.
        channel: where the text came in.
        created_at: when it was written; without a time zone it is read as UTC.
        customer: what is known about the customer, see `Customer`.
        country: whose law may apply: ``EU`` or an ISO 3166-1 alpha-2 code. Rights are known for EU, TR, CN and AM.
    """

    id: str | None = Field(default=None, max_length=MAX_ID_CHARS)
    text: str = Field(max_length=MAX_TEXT_CHARS)
    language: LanguageCode | None = None
    rating: float | None = Field(default=None, ge=1, le=5)
    nps_score: int | None = Field(default=None, ge=0, le=10)
    channel: Channel | None = None
    created_at: datetime | None = None
    customer: Customer | None = None
    country: str | None = Field(default=None, pattern="^[A-Z]{2}$")

    @field_validator("created_at")
    @classmethod
    def _is_a_real_moment(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
            raise ValueError(f"its year must lie in {EARLIEST_YEAR}-{LATEST_YEAR}; leave it out where it is not known")
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    @field_validator("customer")
    @classmethod
    def _counts_agree_with_dates(cls, customer: Customer | None, info: ValidationInfo) -> Customer | None:
        """Counts and dated complaints must tell the same, one day of doubt at each end (time zones, open ends)."""
        written: datetime | None = info.data.get("created_at")
        if customer is None or written is None or customer.previous_complaints is None:
            return customer
        ages = [(written.date() - complaint.date).days for complaint in customer.previous_complaints]
        for days, count in ((30, customer.complaints_30d), (90, customer.complaints_90d)):
            least, most = sum(1 <= age < days for age in ages), sum(-1 <= age <= days + 1 for age in ages)
            if count is not None and not least <= count <= most:
                raise ValueError(
                    f"complaints_{days}d is {count}, but previous_complaints lists {most} in the {days} days before "
                    "created_at; give one of the two"
                )
        return customer

    @classmethod
    def parse(cls, data: Any, own_types: Iterable[str] = ()) -> Feedback:
        """Build a record from a text, a mapping or a `Feedback`.

        Args:
            data: what to read.
            own_types: ids of the model's own failure types, which a previous complaint may name.

        Raises:
            InvalidInputError: names each field that is wrong, its value's problem and what is allowed.
        """
        if isinstance(data, cls):
            return data
        try:
            return (
                cls(text=data)
                if isinstance(data, str)
                else cls.model_validate(data, context={OWN_TYPES: tuple(own_types)})
            )
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
    return _PROBLEMS.get(kind, message.removeprefix("Value error, "))


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
    """A failure type that the text names, one of the 13 or of the model's own, with its calibrated probability."""

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


class RiskContribution(Record):
    """What one signal adds to the at-risk score.

    Attributes:
        signal: its id in the risk policy.
        points: what it adds now; below 0 where it lowers the risk.
        full_points: what the policy gives at most; more than ``points`` where the text is in doubt or old.
        text: the signal in words.
    """

    signal: str
    points: int
    full_points: int
    text: dict[LanguageCode, str]


class RiskResult(Record):
    """How likely the customer is to leave, and why.

    Attributes:
        flag: whether somebody should act: the text says so, or the band is high or critical.
        probability: calibrated probability that the *text* says so.
        reasons: reasons R1-R4 read in the text.
        text_flag: whether ``probability`` passes the model's threshold.
        score: 0-100, the sum of ``contributions`` held within these limits.
        band: of the score.
        contributions: what each signal adds, the largest first.
        value_factor: how much the customer's value multiplies the priority.
        priority: score x value factor. Value stands here alone, never in the score.
    """

    flag: bool
    probability: Probability
    reasons: tuple[RiskReason, ...]
    text_flag: bool = False
    score: int = Field(default=0, ge=0, le=100)
    band: RiskBand = "low"
    contributions: tuple[RiskContribution, ...] = ()
    value_factor: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    priority: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class RecoveryStep(Record):
    """One step of a plan: which element of service recovery, which action, who does it, what to do.

    Attributes:
        element: the element of service recovery that the step serves.
        action: id in the playbook's catalogue.
        owner: the team that does it.
        text: what to do, in the four languages.
        channel: where it is done; ``internal`` where the customer sees nothing of it.
        approval: who must agree first; None where nobody has to.
        due: until when; None where no time is known.
    """

    element: Element
    action: str
    owner: str
    text: dict[LanguageCode, str]
    channel: str | None = None
    approval: str | None = None
    due: datetime | None = None


class RecoveryPlan(Record):
    """Ordered steps with the team that owns the case, time targets and the compensation band.

    Attributes:
        owner: the one owner of the case.
        channel: how the customer is answered.
        first_reply_within: time target in words, with channel and modifiers applied.
        fix_within: the same for the repair.
        compensation_band: C0 (none) to C4 (full plus goodwill) or CS (statutory), as the playbook words it.
        steps: what to do, in order.
        first_reply_due: the target as a point in time; None where the time of writing is not known.
        fix_due: the same for the repair; also None where the target names no time.
        new_survey_within: when to ask the customer again; None where that is not needed.
        compensation: what may be offered, and who decides.
        never_automatic: a person must send the reply.
        never_automatic_reasons: ``severity``, ``statutory``, ``high_band``, ``safety``, ``legal_threat``.
        rights: laws to check. Information, not advice.
        public_reply: the first reply is read by everyone: short, no details, no amounts.
        queue: the owner's queue in a help desk.
        tags: labels for a help desk, such as ``failure__delay_wait``.
        modifiers: ids of the playbook's modifiers that changed the row, in their order.
    """

    class Compensation(Record):
        """What may be offered: law first, then proven expenses, then goodwill.

        Attributes:
            order: what may be due, in the order of payment.
            limit_percent: most that goodwill may give, in percent of the price; None where the law alone decides.
            cap_percent: no total beyond the law may pass this.
            approvers: who must agree, the strictest first.
            in_kind: what suits the loss, in the four languages; None where no failure is named.
            no_offer: why nothing beyond legal rights may be offered, as code and texts; empty where it may.
            ask_first: questions that a person answers before goodwill is offered, as code and texts.
        """

        order: tuple[Literal["statutory", "expenses", "goodwill"], ...]
        limit_percent: int | None
        cap_percent: int
        approvers: tuple[str, ...]
        in_kind: dict[LanguageCode, str] | None
        no_offer: dict[str, dict[LanguageCode, str]]
        ask_first: dict[str, dict[LanguageCode, str]]

    class Right(Record):
        """A law that may apply; ``text`` and ``note`` in English and the country's language. No legal advice."""

        id: str
        country: str
        law: str
        text: dict[LanguageCode, str]
        note: dict[LanguageCode, str]

    owner: str
    channel: str
    first_reply_within: str
    fix_within: str
    compensation_band: str
    steps: tuple[RecoveryStep, ...]
    first_reply_due: datetime | None = None
    fix_due: datetime | None = None
    new_survey_within: str | None = None
    compensation: Compensation | None = None
    never_automatic: bool = False
    never_automatic_reasons: tuple[str, ...] = ()
    rights: tuple[Right, ...] = ()
    public_reply: bool = False
    queue: str | None = None
    tags: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()


class Evidence(Record):
    """Words of the customer that an answer rests on.

    Attributes:
        label: a failure type, a risk reason, ``intensity`` or ``severity``.
        start, end: half-open character range in the customer's text as it was given.
    """

    label: str
    start: int = Field(ge=0)
    end: int = Field(gt=0)


class ModelInfo(Record):
    """Name and version of the model that answered."""

    name: str
    version: str


class Analysis(Record):
    """The answer for one feedback.

    ``status`` is ``scored``, ``unsupported`` (another language) or ``empty`` (nothing to read). Only a
    scored answer carries scores; the other two hold none, apart from a survey's own NPS class. ``reply`` is a draft for
    a person to complete, in the customer's language; ``evidence`` is given on request.
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
    reply: str | None = None
    evidence: tuple[Evidence, ...] | None = None
    model: ModelInfo
