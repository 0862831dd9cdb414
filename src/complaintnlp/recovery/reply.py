"""Drafts of the answer to the customer, put together from reviewed building blocks.

The blocks stand in ``replies/{tr,zh,hy,en}.toml``. A draft promises nothing that the plan does not hold, names no
amount, apologises once, and admits no legal liability (recovery.md sections 4, 6, 7 and 10).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.records import LanguageCode, NpsClass, Severity
from complaintnlp.recovery.playbook import load_playbook
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, MAX_INTENSITY, NPS_CLASS_IDS, SEVERITY_IDS

SLOT_NAMES: Final = ("name", "case", "agent", "contact", "date", "follow_up_date", "team")
"""What an operator may fill in; each stays a visible placeholder until then."""

MIN_VARIANTS: Final = 4

SAFETY: Final = "safety_security"
STRONG_FEELING: Final = 3
"""Intensity from which the reply speaks of the customer's feeling before it explains anything."""

_BLOCKS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "greeting": ("named", "unnamed"),
        "apology": (*FAILURE_TYPE_IDS, "general"),
        "feeling": ("strong",),
        "repeat": ("apology", "ownership"),
        "safety": ("care", "action"),
        "ownership": ("first",),
        "compensation": ("C1", "C2", "C3", "C4", "CS"),
        "follow_up": ("later",),
        "question": ("open",),
        "public": ("apology", "contact"),
        "thanks": ("promoter", "passive", "repaired"),
        "signature": ("agent",),
    }
)
_NEEDED_SLOTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "greeting.named": frozenset({"name"}),
        "repeat.ownership": frozenset({"agent"}),
        "ownership.first": frozenset({"agent"}),
        "follow_up.later": frozenset({"follow_up_date"}),
        "public.contact": frozenset({"contact"}),
        "signature.agent": frozenset({"agent", "contact"}),
    }
)
_STEP_OF_ACTION: Final = {"joint_review": "review"}
_OTHER_STEPS: Final = ("review", "proactive_update")
"""Steps that are told to the customer though their element is not the solution."""
_LESS_THAN_AN_ACT: Final = ("joint_review", "rights_check", "proactive_update")
"""Said where the plan holds no more concrete step, the first of them first."""
_OWNING_ACTIONS: Final = frozenset({"own_case", "new_owner", "manager_contact"})
_INQUIRY_ACTIONS: Final = frozenset({"escalate_safety", "root_cause"})
_EXCLUSIVE_STEPS: Final = (
    # One remedy for one failure: whoever is promised a repair is not promised the money back in the same breath.
    frozenset({"redo_service", "replace_item", "rebook_alternative", "repair_visit", "refund_now"}),
    # The playbook names both for every safety case, but the person who was poisoned has no card to block.
    frozenset({"stop_use_safety", "secure_account"}),
)
_GOODWILL: Final = {"comp_token": "C1", "comp_partial": "C2", "comp_full": "C3", "comp_plus": "C4"}
_STATUTORY_ACTIONS: Final = frozenset({"pay_statutory", "rights_check"})
_WITHOUT_A_PERSON: Final = frozenset({"C1", "C2"})

_SLOT = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class ReplyBlocks:
    """The building blocks of one language.

    Attributes:
        placeholders: what stands for a slot while its value is unknown.
        variants: at least `MIN_VARIANTS` texts for each block, by its dotted name (``apology.delay_wait``).
    """

    placeholders: Mapping[str, str]
    variants: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Case:
    failure_types: Sequence[str]
    severity: Severity | None
    nps_class: NpsClass
    intensity: int
    repeated: bool
    repaired: bool
    actions: Sequence[str]
    band: str
    never_automatic: bool

    @property
    def is_safety(self) -> bool:
        return SAFETY in self.failure_types

    def holds(self, actions: frozenset[str]) -> bool:
        """Whether the plan holds at least one of ``actions``."""
        return not actions.isdisjoint(self.actions)


def draft_reply(  # noqa: PLR0913 - one keyword for each thing that the plan knows
    language: LanguageCode,
    *,
    failure_types: Sequence[str],
    severity: Severity | None,
    nps_class: NpsClass,
    intensity: int,
    repeated: bool,
    repaired: bool,
    public: bool,
    actions: Sequence[str],
    compensation_band: str,
    never_automatic: bool,
    seed: str,
    slots: Mapping[str, str],
) -> str:
    """A reply for a person to read, complete and send.

    Args:
        language: of the customer.
        failure_types: ids, the primary one first; empty where the text names none.
        severity: None where no failure is named.
        nps_class: decides what is said where no failure is named.
        intensity: 0-4; from `STRONG_FEELING` on the feeling is acknowledged first.
        repeated: an earlier recovery has failed (double deviation): other words, and an owner who starts anew.
        repaired: already put right; such a customer is thanked where the plan says so, unless still a detractor.
        public: anyone can read the reply: no name, no details, no offer, a way to a private channel.
        actions: action ids of the plan in its order. Steps, owner, compensation and follow-up are only promised
            where the plan holds them.
        compensation_band: as the playbook words it, such as ``C2 or C3``; the lowest that it allows is announced,
            and statutory claims (CS) come before goodwill.
        never_automatic: a person approves the reply; without that C3, C4 and CS are not announced.
        seed: chooses the variants, the same for the same seed. Use the feedback's id or text.
        slots: values for `SLOT_NAMES`. An unknown or blank one stays a visible placeholder, but a blank ``name``
            says that the customer gave none and leads to a greeting without it.

    Raises:
        InvalidInputError: an argument or slot outside what is allowed.
        ConfigurationError: as `read_reply_blocks` says.
    """
    _check("language", (language,), LANGUAGES)
    _check("failure_types", failure_types, FAILURE_TYPE_IDS)
    _check("severity", () if severity is None else (severity,), SEVERITY_IDS)
    _check("nps_class", (nps_class,), NPS_CLASS_IDS)
    _check("intensity", (intensity,), range(MAX_INTENSITY + 1))
    _check("slots", slots, SLOT_NAMES)
    case = _Case(
        failure_types=failure_types,
        severity=severity,
        nps_class=nps_class,
        intensity=intensity,
        repeated=repeated,
        repaired=repaired,
        actions=actions,
        band=compensation_band,
        never_automatic=never_automatic,
    )
    blocks = load_reply_blocks(language)
    values = {name: " ".join(value.split()) for name, value in slots.items()}
    if public:
        paragraphs = [("greeting.unnamed",), _public(case, blocks)]
    else:
        greeting = "greeting.unnamed" if values.get("name") == "" else "greeting.named"
        paragraphs = [(greeting,), *_private(case, blocks), ("signature.agent",)]
    filled = {name: values.get(name) or blocks.placeholders[name] for name in SLOT_NAMES}
    between = "" if language == "zh" else " "
    return "\n\n".join(
        between.join(_fill(_choose(blocks.variants[name], name, seed), filled) for name in paragraph)
        for paragraph in paragraphs
        if paragraph
    )


def _check(argument: str, values: Iterable[object], allowed: Iterable[object]) -> None:
    allowed = tuple(allowed)
    for value in values:
        if value not in allowed:
            raise InvalidInputError(f"{argument}: {value!r} is not one of {', '.join(map(str, allowed))}")


def _choose(variants: Sequence[str], block: str, seed: str) -> str:
    # hash() differs from process to process.
    digest = hashlib.blake2b(f"{block}\x1f{seed}".encode(errors="surrogatepass"), digest_size=8).digest()
    return variants[int.from_bytes(digest, "big") % len(variants)]


def _fill(text: str, values: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: values[match[1]], text)


# --- which blocks a reply needs, by paragraph


def _private(case: _Case, blocks: ReplyBlocks) -> list[tuple[str, ...]]:
    follow_up = ("follow_up.later",) if "followup_check" in case.actions else ()
    if thanks := _thanks(case):
        if thanks == "thanks.repaired":
            return [(thanks, *follow_up)]
        return [(thanks, *_steps(case, blocks, None))]
    if not case.failure_types and not case.repeated:  # nothing to follow up before the customer has answered
        return [_empathy(case), (*_owner(case), "question.open")]
    compensation = _compensation(case)
    offer = (f"compensation.{compensation}",) if compensation else ()
    return [_empathy(case), (*_owner(case), *_steps(case, blocks, compensation), *offer), follow_up]


def _public(case: _Case, blocks: ReplyBlocks) -> tuple[str, ...]:
    if thanks := _thanks(case):
        return (thanks,) if thanks == "thanks.repaired" else (thanks, *_steps(case, blocks, None))
    if case.is_safety:
        return ("safety.care", f"apology.{SAFETY}", "public.contact")
    return ("repeat.apology" if case.repeated else "public.apology", "public.contact")


def _thanks(case: _Case) -> str | None:
    """The block that thanks the customer, where thanks and no apology are due."""
    if case.nps_class == "detractor":
        return None
    if case.repaired and "thank_customer" in case.actions:
        return "thanks.repaired"
    return None if case.failure_types else f"thanks.{case.nps_class}"


def _empathy(case: _Case) -> tuple[str, ...]:
    if case.is_safety:  # a second harm is no occasion to say that the first was our fault
        inquiry = ("safety.action",) if case.holds(_INQUIRY_ACTIONS) else ()
        return ("safety.care", f"apology.{SAFETY}", *inquiry)
    primary = case.failure_types[0] if case.failure_types else "general"
    apology = "repeat.apology" if case.repeated else f"apology.{primary}"
    return ("feeling.strong", apology) if case.intensity >= STRONG_FEELING else (apology,)


def _owner(case: _Case) -> tuple[str, ...]:
    if not case.holds(_OWNING_ACTIONS):
        return ()
    return ("repeat.ownership",) if case.repeated else ("ownership.first",)


def _steps(case: _Case, blocks: ReplyBlocks, compensation: str | None) -> tuple[str, ...]:
    """Steps of the plan in its order, the most concrete ones: one for a minor failure, else two."""
    unsaid = set()
    if compensation:  # rights are checked before an offer is made; CS says so itself
        unsaid.add("rights_check")
    if compensation in ("C2", "C3", "C4"):  # the offer is the refund
        unsaid.add("refund_now")
    held: list[str] = []
    for action in case.actions:
        rivals = [group for group in _EXCLUSIVE_STEPS if action in group and not group.isdisjoint(held)]
        if _step(action) in blocks.variants and not rivals and action not in unsaid:
            held.append(action)
    vague = (*_LESS_THAN_AN_ACT[1:], _LESS_THAN_AN_ACT[0]) if case.repeated else _LESS_THAN_AN_ACT
    ranked = sorted(held, key=lambda action: vague.index(action) if action in vague else -1)
    if ranked[:1] != ["proactive_update"]:  # any other step already tells when the customer hears from us
        ranked = [action for action in ranked if action != "proactive_update"]
    chosen = ranked[: 1 if case.severity == "S1" else 2]
    return tuple(_step(action) for action in held if action in chosen)


def _step(action: str) -> str:
    return f"step.{_STEP_OF_ACTION.get(action, action)}"


def _compensation(case: _Case) -> str | None:
    """The level to announce: statutory before goodwill, and the lowest that both plan and band allow."""
    if case.is_safety:  # an offer may look like hush money
        return None
    band = set(re.findall(r"C[1-4S]", case.band))
    planned = {level for action, level in _GOODWILL.items() if action in case.actions}
    if "CS" in band and case.holds(_STATUTORY_ACTIONS):
        level = "CS"
    elif planned and band - {"CS"}:
        level = min(planned | (band - {"CS"}))
    else:
        return None
    if level == "C3" and "refund_now" in case.actions:  # the refund itself, which the step dates
        return None
    return level if case.never_automatic or level in _WITHOUT_A_PERSON else None


# --- the blocks of a language


@cache
def load_reply_blocks(language: LanguageCode) -> ReplyBlocks:
    """The package's blocks for a language, checked; read once.

    Raises:
        ConfigurationError: as `read_reply_blocks` says.
    """
    return read_reply_blocks(resources.files(__package__).joinpath("replies", f"{language}.toml"))


def read_reply_blocks(source: Traversable) -> ReplyBlocks:
    """Read and check a file of building blocks.

    Raises:
        ConfigurationError: names the file and the key: no TOML, a block missing, unknown or with fewer than
            `MIN_VARIANTS` different variants, a slot unknown, missing or with a stray brace.
    """
    file = source.name
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    actions = load_playbook().actions
    solutions = [name for name, action in actions.items() if action.element == "solution"]
    required = {**_BLOCKS, "step": (*solutions, *_OTHER_STEPS)}
    _check_keys(file, "file", data, required=("slots", *required), allowed=("slots", *required))
    placeholders = _table(file, "slots", data["slots"])
    _check_keys(file, "slots", placeholders, required=SLOT_NAMES, allowed=SLOT_NAMES)
    for name, placeholder in placeholders.items():
        if not isinstance(placeholder, str) or not placeholder.strip() or _SLOT.search(placeholder):
            raise ConfigurationError(f"{file}, slots.{name}: must be a text to show, such as '[{name}]'")
    variants = {}
    for section, names in required.items():
        table = _table(file, section, data[section])
        allowed = (*names, *(name for name in actions if name not in names)) if section == "step" else names
        _check_keys(file, section, table, required=names, allowed=allowed)
        for name, texts in table.items():
            variants[f"{section}.{name}"] = _check_variants(file, f"{section}.{name}", texts)
    return ReplyBlocks(placeholders=MappingProxyType(placeholders), variants=MappingProxyType(variants))


def _table(file: str, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{file}, {key}: must be a table, written as [{key}]")
    return value


def _check_keys(
    file: str, key: str, found: Mapping[str, object], *, required: Iterable[str], allowed: Sequence[str]
) -> None:
    if missing := [name for name in required if name not in found]:
        raise ConfigurationError(f"{file}, {key}: lacks {', '.join(missing)}")
    if unknown := [name for name in found if name not in allowed]:
        raise ConfigurationError(f"{file}, {key}: unknown {unknown[0]!r}; allowed: {', '.join(allowed)}")


def _check_variants(file: str, key: str, texts: Any) -> tuple[str, ...]:
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ConfigurationError(f"{file}, {key}: must be a list of texts that are not empty")
    if len(set(texts)) < max(MIN_VARIANTS, len(texts)):
        raise ConfigurationError(f"{file}, {key}: needs at least {MIN_VARIANTS} variants, each different")
    needed = frozenset({"date"}) if key.startswith("step.") else _NEEDED_SLOTS.get(key, frozenset())
    for number, text in enumerate(texts, start=1):
        where = f"{file}, {key}, variant {number}"
        names = _SLOT.findall(text)
        if unknown := [name for name in names if name not in SLOT_NAMES]:
            raise ConfigurationError(f"{where}: unknown slot {{{unknown[0]}}}; allowed: {', '.join(SLOT_NAMES)}")
        if re.search(r"[{}]", _SLOT.sub("", text)):
            raise ConfigurationError(f"{where}: a brace without its partner; a slot is written as {{{SLOT_NAMES[0]}}}")
        if missing := sorted(needed - set(names)):
            raise ConfigurationError(f"{where}: must hold the slot {{{missing[0]}}}")
    return tuple(texts)
