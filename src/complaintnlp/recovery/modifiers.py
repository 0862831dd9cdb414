"""What changes a row of the playbook: the customer's mood, risk and worth, the channel, a failed first recovery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from complaintnlp.records import Channel, NpsClass, RiskBand, RiskReason, Severity, Tier
from complaintnlp.recovery.playbook import Flag, Modifier, Playbook, Row, When
from complaintnlp.recovery.timing import faster, reworded, scaled

SAFETY: Final = "safety_security"
_RIGHTS_CHECK: Final = "rights_check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that decides a plan.

    Attributes:
        types: the failure types that the text names, the primary one first.
        severity: None where no failure is named.
        repeated: an earlier recovery has failed, as the text or the customer's history tells.
        repaired: the failure is repaired already.
        public_threat: the customer threatens to go public.
    """

    types: tuple[str, ...]
    severity: Severity | None
    nps_class: NpsClass
    intensity: int = 0
    reasons: tuple[RiskReason, ...] = ()
    at_risk: bool = False
    risk_band: RiskBand | None = None
    tier: Tier | None = None
    channel: Channel | None = None
    repeated: bool = False
    repaired: bool = False
    public_threat: bool = False

    def flags(self) -> set[Flag]:
        """The yes-or-no conditions that hold."""
        named = bool(self.types)
        at_risk = self.at_risk or self.risk_band in ("high", "critical")
        states: dict[Flag, bool] = {
            "named": named,
            "complaint": named or self.nps_class == "detractor",
            "at_risk": at_risk,
            "double_deviation": self.repeated or "R3" in self.reasons,
            "repaired": self.repaired,
            "satisfied": self.nps_class != "detractor" and not at_risk,
            "safety_beside": SAFETY in self.types[1:],
            "public_threat": self.public_threat,
        }
        return {flag for flag, holds in states.items() if holds}


@dataclass(slots=True)
class Draft:
    """A row on its way to a plan.

    Attributes:
        first_reply: time target in words.
        fix: time target in words.
        no_offer: why nothing beyond legal rights may be offered.
        approvers: who must agree besides the band's approver.
        persons: why a person must send the reply.
        applied: ids of the modifiers.
    """

    actions: list[str]
    owner: str
    channel: str
    first_reply: str
    fix: str
    band: str
    public: bool = False
    new_survey: bool = False
    no_offer: list[str] = field(default_factory=list)
    approvers: list[str] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)


def draft_plan(situation: Situation, playbook: Playbook) -> Draft:
    """The row of the primary type with every modifier that applies, one apology and one compensation."""
    row = _row(situation, playbook)
    draft = Draft(list(row.actions), row.owner, row.channel, _first_reply(situation, row, playbook), row.fix, row.band)
    chosen = matching(situation, playbook.modifiers)
    if not any(modifier.only for modifier in chosen.values()):
        _add_solutions(draft, situation, playbook)
    for name, modifier in chosen.items():
        _apply(draft, modifier, playbook)
        draft.applied.append(name)
    _withhold(draft, situation, playbook)
    _pay_in_order(draft.actions, playbook)
    return draft


def matching(situation: Situation, modifiers: Mapping[str, Modifier]) -> dict[str, Modifier]:
    """The modifiers that apply, in the playbook's order; one with ``only`` ends the search and stands alone."""
    flags = situation.flags()
    chosen = {}
    for name, modifier in modifiers.items():
        if _holds(modifier.when, situation, flags):
            if modifier.only:
                return {name: modifier}
            chosen[name] = modifier
    return chosen


def _holds(when: When, situation: Situation, flags: set[Flag]) -> bool:
    def meets(allowed: Sequence[object], *values: object) -> bool:
        return not allowed or any(value in allowed for value in values)

    return (
        flags.issuperset(when.flags)
        and meets(when.types, *situation.types)
        and meets(when.severities, situation.severity)
        and meets(when.intensity, situation.intensity)
        and meets(when.nps, situation.nps_class)
        and meets(when.reasons, *situation.reasons)
        and meets(when.tiers, situation.tier)
        and meets(when.channels, situation.channel)
        and situation.channel not in when.not_channels
    )


def _row(situation: Situation, playbook: Playbook) -> Row:
    if situation.types and situation.severity:
        return playbook.matrix[situation.types[0]][situation.severity]
    return playbook.unnamed[situation.nps_class]


def _first_reply(situation: Situation, row: Row, playbook: Playbook) -> str:
    """The channel's target; the row's own where no channel is known, or where it is sooner and may bind."""
    if situation.channel is None:
        return row.first_reply
    times = playbook.times
    words = times.first_reply[situation.channel][situation.severity or "S1"]
    if situation.severity not in times.row_if_sooner:
        return words
    return min(words, row.first_reply, key=lambda target: times.duration(target) or timedelta())


def _add_solutions(draft: Draft, situation: Situation, playbook: Playbook) -> None:
    """What repairs the other failures: the first solution of their row. They bring no second compensation."""
    for other in situation.types[1:]:
        assert situation.severity is not None  # noqa: S101 - types come with a severity
        row = playbook.matrix[other][situation.severity]
        solutions = (name for name in row.actions if playbook.actions[name].element == "solution")
        first = next((name for name in solutions if name != _RIGHTS_CHECK), None)
        if first is not None:
            _insert(draft.actions, first, playbook)


def _apply(draft: Draft, modifier: Modifier, playbook: Playbook) -> None:
    if modifier.only:
        draft.actions = list(modifier.only)
    for old, new in modifier.replace.items():
        if old in draft.actions:
            place = draft.actions.index(old)
            draft.actions[place : place + 1] = [] if new in draft.actions else [new]
    for action in modifier.add:
        _insert(draft.actions, action, playbook)
    if modifier.owner_above:
        draft.owner = playbook.owners[draft.owner].above or draft.owner
    draft.channel = modifier.channel.get(draft.channel, draft.channel)
    draft.public |= modifier.public
    draft.new_survey |= modifier.new_survey
    for value, values in (
        (modifier.no_offer, draft.no_offer),
        (modifier.approver, draft.approvers),
        (modifier.person, draft.persons),
    ):
        if value is not None:
            values.append(value)
    draft.fix = modifier.fix_words or draft.fix
    _hurry(draft, modifier, playbook)


def _hurry(draft: Draft, modifier: Modifier, playbook: Playbook) -> None:
    times = playbook.times
    same_day = times.duration("same day") or timedelta()

    def sooner(words: str, steps: Sequence[str]) -> str:
        ladder = [times.duration(step) or timedelta() for step in steps] if modifier.faster else []
        return reworded(words, lambda target: scaled(faster(target, ladder), modifier.time_factor), same_day)

    if modifier.faster or modifier.time_factor < 1:
        draft.first_reply = sooner(draft.first_reply, times.faster_reply)
        if draft.fix not in times.untimed:
            draft.fix = sooner(draft.fix, times.faster_fix)


def _insert(actions: list[str], action: str, playbook: Playbook) -> None:
    """Put an action before the first one that `Steps.order` places later."""
    if action in actions:
        return
    rank = playbook.steps.order.index
    place = next((i for i, other in enumerate(actions) if rank(other) > rank(action)), len(actions))
    actions.insert(place, action)


def _withhold(draft: Draft, situation: Situation, playbook: Playbook) -> None:
    """Where nothing may be offered, goodwill leaves the plan and the band."""
    if not draft.no_offer:
        return
    draft.actions = [name for name in draft.actions if name not in playbook.steps.goodwill]
    if SAFETY not in situation.types:
        draft.band = playbook.compensation.repaired_band
    elif situation.severity is not None:
        draft.band = playbook.matrix[SAFETY][situation.severity].band


def _pay_in_order(actions: list[str], playbook: Playbook) -> None:
    """Law first, then proven expenses, then goodwill, in the places that the row gives to compensation."""
    order = (*playbook.steps.paid_first, *playbook.steps.goodwill)
    places = [i for i, name in enumerate(actions) if name in order]
    for place, name in zip(places, sorted((actions[i] for i in places), key=order.index), strict=True):
        actions[place] = name
