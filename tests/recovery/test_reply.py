from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from difflib import SequenceMatcher
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.recovery.playbook import load_playbook
from complaintnlp.recovery.reply import MIN_VARIANTS, SLOT_NAMES, draft_reply, load_reply_blocks, read_reply_blocks
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, NPS_CLASS_IDS, SEVERITY_IDS

ACTIONS = load_playbook().actions
EVERYTHING = tuple(ACTIONS)
LONGEST = {"en": 1300, "tr": 1300, "hy": 1300, "zh": 480}
LONGEST_IN_PUBLIC = {"en": 460, "tr": 460, "hy": 460, "zh": 200}
FOREIGN = {
    "en": re.compile("[^\x00-\x7f]"),
    "tr": re.compile("[\u0400-\u058f\u3000-\u9fff]|[wqxWQX]"),
    "zh": re.compile("[A-Za-z\u0400-\u058f]"),
    "hy": re.compile("[A-Za-z\u0400-\u052f\u3000-\u9fff]"),
}
EVERYDAY_LATIN = {"zh": "APP"}
MONEY = re.compile(
    r"[0-9０-９%％‰$€£¥₺֏]|percent|per cent|\byüzde\b|百分之|折|տոկոս|դրամ"
    r"|\b(lira|TL|euro|dollar|dram)\b|[一二三四五六七八九十百千万]+元",
    re.IGNORECASE,
)
FORBIDDEN = {
    "en": ("any inconvenience", "you feel that way", "please understand", "your patience", "if you were", "policy"),
    "tr": ("olumsuz deneyim", "yoğunluk nedeniyle", "kusura bakma", "kargoyla görüş", "sabrınız", "prosedür"),
    "zh": ("亲，", "亲爱", "敬请谅解", "您看错", "不是我们的责任", "耐心等待", "规定如此", "你"),
    "hy": ("Կներեք", "սխալ եք հասկացել", "դու ", "քեզ", "համբերության համար"),
}
INFORMAL = {  # the polite address is written with a capital in Armenian
    "hy": re.compile("(?<![Ա-Ֆա-և])(դուք|ձեզ|ձեր|ձեզնից)(?![ա-և])"),
    "tr": re.compile(r"\b(sen|sana|seni|senin|siparişin|lütfen bekle)\b", re.IGNORECASE),
}


def draft(language: str = "en", **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "failure_types": ("wrong_missing",),
        "severity": "S2",
        "nps_class": "detractor",
        "intensity": 2,
        "repeated": False,
        "repaired": False,
        "public": False,
        "actions": ("sincere_apology", "own_case", "replace_item", "comp_token", "followup_check"),
        "compensation_band": "C1",
        "never_automatic": False,
        "seed": "feedback 1",
        "slots": {},
        **changes,
    }
    return draft_reply(language, **arguments)  # type: ignore[arg-type]


def unnamed(language: str, nps_class: str, **changes: Any) -> str:
    row = load_playbook().unnamed[nps_class]
    nothing: dict[str, Any] = {"failure_types": (), "severity": None, "nps_class": nps_class, "actions": row.actions}
    return draft(language, **{**nothing, "compensation_band": row.band, **changes})


@cache
def shown(language: str, block: str) -> tuple[str, ...]:
    """The variants of a block as they stand in a reply without values."""
    blocks = load_reply_blocks(language)
    return tuple(
        re.sub(r"\{(\w+)\}", lambda slot: blocks.placeholders[slot[1]], text) for text in blocks.variants[block]
    )


@cache
def names_in(language: str, section: str) -> tuple[str, ...]:
    """The blocks of a section."""
    blocks = load_reply_blocks(language)
    return tuple(name.partition(".")[2] for name in blocks.variants if name.startswith(f"{section}."))


def uses(reply: str, language: str, block: str) -> bool:
    return any(text in reply for text in shown(language, block))


def used(reply: str, language: str, section: str) -> set[str]:
    return {name for name in names_in(language, section) if uses(reply, language, f"{section}.{name}")}


def check_is_whole(reply: str, language: str, *, public: bool) -> None:
    """What holds for each draft whose slots are not filled."""
    assert not re.search(r"[{}!！՜]|  |\(\)|\[\]|None", reply), reply
    assert all(line == line.strip() and line for paragraph in reply.split("\n\n") for line in paragraph.split("\n"))
    assert len(reply) <= (LONGEST_IN_PUBLIC if public else LONGEST)[language], reply
    words = reply
    for placeholder in load_reply_blocks(language).placeholders.values():
        words = words.replace(placeholder, "")
    words = words.replace(EVERYDAY_LATIN.get(language, "\0"), "")
    assert not FOREIGN[language].search(words), words
    assert not MONEY.search(words), words
    if language == "zh":
        assert " " not in words
    else:
        assert not re.search(r"[.?:։][^\W\d_]", words), words  # a blank between sentences


# --- every type, severity, language and shape


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("severity", SEVERITY_IDS)
@pytest.mark.parametrize("failure_type", FAILURE_TYPE_IDS)
def test_every_reply_is_whole_and_keeps_to_the_plan(failure_type: str, severity: str, language: str) -> None:
    row = load_playbook().matrix[failure_type][severity]  # type: ignore[index]
    plans = (row.actions, tuple(name for name in row.actions if ACTIONS[name].element != "compensation"))
    for actions, intensity, repeated, public, seed in itertools.product(
        plans, (0, 4), (False, True), (False, True), "ab"
    ):
        reply = draft(
            language,
            failure_types=(failure_type,),
            severity=severity,
            intensity=intensity,
            repeated=repeated,
            public=public,
            actions=actions,
            compensation_band=row.band,
            never_automatic=severity in ("S3", "S4"),
            seed=seed,
        )
        check_is_whole(reply, language, public=public)
        said = used(reply, language, "step")
        allowed = {"review" if name == "joint_review" else name for name in actions}
        assert said <= allowed
        assert len(said) <= (1 if severity == "S1" else 2)
        apologies = [*used(reply, language, "apology"), *used(reply, language, "public") - {"contact"}]
        assert len(apologies) + uses(reply, language, "repeat.apology") == 1
        if public:
            assert not said
            assert not used(reply, language, "compensation")
            assert not uses(reply, language, "follow_up.later")
            assert uses(reply, language, "public.contact")
            continue
        assert uses(reply, language, "signature.agent")
        assert uses(reply, language, "follow_up.later") == ("followup_check" in actions)
        owned = not {"own_case", "new_owner", "manager_contact"}.isdisjoint(actions)
        assert uses(reply, language, "repeat.ownership" if repeated else "ownership.first") == owned
        if actions is plans[1] and "CS" not in row.band:
            assert not used(reply, language, "compensation")
        if failure_type == "safety_security":
            assert uses(reply, language, "safety.care")
            assert not used(reply, language, "compensation")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("nps_class", NPS_CLASS_IDS)
def test_every_reply_to_a_text_without_failure_is_whole(nps_class: str, public: bool, language: str) -> None:
    for seed, repeated in itertools.product("abcdef", (False, True)):
        reply = unnamed(language, nps_class, public=public, seed=seed, repeated=repeated)
        check_is_whole(reply, language, public=public)
        assert not used(reply, language, "compensation")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_variant_is_whole_wherever_it_stands(language: str) -> None:
    for block, texts in load_reply_blocks(language).variants.items():
        for text in texts:
            assert not MONEY.search(text), (block, text)
            assert not re.search("[!！՜]", text), (block, text)
            assert text == text.strip()
            assert all(word.lower() not in text.lower() for word in FORBIDDEN[language]), (block, text)
            assert language not in INFORMAL or not INFORMAL[language].search(text), (block, text)
            if block.partition(".")[0] not in ("greeting", "signature", "public"):
                assert text[-1] in ".?。？։", (block, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_variants_of_a_block_do_not_read_alike(language: str) -> None:
    for block, texts in load_reply_blocks(language).variants.items():
        assert len(set(texts)) >= MIN_VARIANTS
        if block.partition(".")[0] not in ("greeting", "signature"):
            for one, other in itertools.combinations(texts, 2):
                assert SequenceMatcher(None, one, other).ratio() < 0.75, (block, one, other)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_blocks_share_a_variant(language: str) -> None:
    texts = [text for block in load_reply_blocks(language).variants.values() for text in block]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_of_the_playbook_that_repairs_has_its_block(language: str) -> None:
    steps = {name for name, action in ACTIONS.items() if action.element == "solution"}
    assert {f"step.{name}" for name in steps} <= set(load_reply_blocks(language).variants)


# --- variants


def test_the_same_seed_gives_the_same_draft_in_every_process() -> None:
    code = "from tests.recovery.test_reply import draft; print(draft('en'), end='')"
    root = Path(__file__).parents[2]
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, cwd=root, check=True)  # noqa: S603
        assert done.stdout.decode() == draft("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_feedbacks_get_other_words(language: str) -> None:
    replies = [draft(language, seed=f"feedback {number}") for number in range(60)]
    assert len(set(replies)) > 50
    for block in ("apology.wrong_missing", "ownership.first", "step.replace_item", "follow_up.later"):
        assert all(any(text in reply for reply in replies) for text in shown(language, block)), block


# --- slots


def test_unknown_values_stay_visible() -> None:
    reply = draft("en", slots={"date": "  ", "agent": ""})
    for placeholder in ("[customer name]", "[your name]", "[direct line]", "[date]", "[date of follow-up]"):
        assert placeholder in reply


def test_known_values_are_filled_in_literally() -> None:
    slots = {"name": "Ms {agent}\nLee", "agent": r"Sam \1", "contact": "x@y.example", "date": "3 May"}
    reply = draft("en", slots={**slots, "follow_up_date": "5 May"})
    assert "[" not in reply
    assert "Ms {agent} Lee" in reply.splitlines()[0]
    for value in (r"Sam \1", "x@y.example", "3 May", "5 May"):
        assert value in reply


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_customer_without_a_name_is_greeted_without_one(language: str) -> None:
    greetings = shown(language, "greeting.unnamed")
    assert draft(language, slots={"name": " "}).split("\n\n")[0] in greetings
    assert draft(language, slots={"name": "Ani"}).split("\n\n")[0] not in greetings


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", list("abcdefgh"))
def test_in_public_nobody_is_named(seed: str, language: str) -> None:
    slots = {"name": "Zabel", "case": "K77", "date": "11/24", "agent": "Qadir", "contact": "hello@firm.example"}
    reply = draft(language, public=True, slots=slots, seed=seed)
    assert "hello@firm.example" in reply
    assert not re.search("Zabel|K77|11/24|Qadir", reply)


# --- shapes


@pytest.mark.parametrize("language", LANGUAGES)
def test_strong_feelings_are_acknowledged_before_the_apology(language: str) -> None:
    calm, angry = draft(language, intensity=2), draft(language, intensity=3)
    assert not uses(calm, language, "feeling.strong")
    feeling = next(text for text in shown(language, "feeling.strong") if text in angry)
    apology = next(text for text in shown(language, "apology.wrong_missing") if text in angry)
    assert angry.index(feeling) < angry.index(apology)
    assert not uses(draft(language, intensity=4, public=True), language, "feeling.strong")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_second_failure_gets_no_sentence_of_the_first(language: str) -> None:
    reply = draft(language, repeated=True)
    assert uses(reply, language, "repeat.apology")
    assert uses(reply, language, "repeat.ownership")
    assert not used(reply, language, "apology")
    assert not uses(reply, language, "ownership.first")
    public = draft(language, repeated=True, public=True)
    assert uses(public, language, "repeat.apology")
    assert not uses(public, language, "public.apology")


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_primary_type_is_apologised_for(language: str) -> None:
    reply = draft(language, failure_types=("staff_conduct", "wrong_missing", "delay_wait"))
    assert used(reply, language, "apology") == {"staff_conduct"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("repeated", [False, True])
def test_safety_cares_first_offers_nothing_and_admits_nothing(repeated: bool, language: str) -> None:
    plan = {"failure_types": ("safety_security",), "severity": "S4", "intensity": 4, "repeated": repeated}
    reply = draft(language, **plan, actions=EVERYTHING, compensation_band="CS + C4", never_automatic=True)
    assert any(reply.split("\n\n")[1].startswith(text) for text in shown(language, "safety.care"))
    assert uses(reply, language, "safety.action")
    assert used(reply, language, "apology") == {"safety_security"}
    assert not uses(reply, language, "repeat.apology")  # it says that the first failure was ours
    assert not uses(reply, language, "feeling.strong")
    assert not used(reply, language, "compensation")
    public = draft(language, **plan, public=True)
    assert uses(public, language, "safety.care")
    assert uses(public, language, "apology.safety_security")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_inquiry_is_only_told_where_the_plan_holds_one(language: str) -> None:
    reply = draft(language, failure_types=("safety_security",), actions=("own_case",))
    assert not uses(reply, language, "safety.action")


@pytest.mark.parametrize("language", LANGUAGES)
def test_harm_and_fraud_are_not_both_assumed(language: str) -> None:
    plan = {"failure_types": ("safety_security",), "severity": "S3"}
    both = draft(language, **plan, actions=("stop_use_safety", "secure_account"))
    assert used(both, language, "step") == {"stop_use_safety"}
    assert used(draft(language, **plan, actions=("secure_account",)), language, "step") == {"secure_account"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_names_no_failure_is_asked_one_question(language: str) -> None:
    for seed in "abcdefgh":
        reply = unnamed(language, "detractor", seed=seed, actions=EVERYTHING, compensation_band="C1")
        assert used(reply, language, "apology") == {"general"}
        assert used(reply, language, "question") == {"open"}
        assert not used(reply, language, "step")
        assert not used(reply, language, "compensation")
        assert not uses(reply, language, "follow_up.later")
    again = unnamed(language, "detractor", repeated=True)
    assert not uses(again, language, "question.open")  # the reply says that nothing need be told twice
    assert uses(again, language, "repeat.apology")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_has_one_question_mark_at_most(language: str) -> None:
    assert all(len(re.findall("[?？՞]", text)) <= 1 for text in shown(language, "question.open"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("public", [False, True])
def test_praise_and_questions_are_thanked_for(public: bool, language: str) -> None:
    praise, question = (unnamed(language, name, public=public) for name in ("promoter", "passive"))
    assert used(praise, language, "thanks") == {"promoter"}
    assert used(question, language, "thanks") == {"passive"}
    assert used(question, language, "step") == {"answer_question"}
    for reply in (praise, question):
        assert not used(reply, language, "apology")
        assert not used(reply, language, "public")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("public", [False, True])
def test_who_was_served_well_after_all_is_thanked(public: bool, language: str) -> None:
    case: dict[str, Any] = {"repaired": True, "public": public, "nps_class": "passive", "compensation_band": "C0"}
    plan = ("thank_customer", "document_case", "root_cause")
    reply = draft(language, **case, actions=plan)
    assert used(reply, language, "thanks") == {"repaired"}
    assert not used(reply, language, "apology")
    assert not used(reply, language, "step")
    for still_unhappy in ({"nps_class": "detractor"}, {"actions": ("sincere_apology", "own_case")}):
        other = draft(language, **{**case, "actions": plan, **still_unhappy})
        assert not used(other, language, "thanks")


# --- promises


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ("refund_now", {"refund_now"}),
        ("refund_now replace_item", {"refund_now"}),  # one remedy
        ("repair_visit replace_item refund_now", {"repair_visit"}),
        ("trace_locate replace_item", {"trace_locate", "replace_item"}),
        ("joint_review rights_check refund_now", {"review", "refund_now"}),
        ("joint_review correct_charge manual_workaround", {"correct_charge", "manual_workaround"}),
        ("joint_review rights_check", {"review", "rights_check"}),
        ("joint_review proactive_update", {"review"}),  # two announcements of news are one too many
        ("proactive_update own_case", {"proactive_update"}),
        ("ack_now call_customer document_case no_such_action", set()),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_most_concrete_steps_are_told(actions: str, said: set[str], language: str) -> None:
    reply = draft(language, actions=tuple(actions.split()), compensation_band="C0")
    assert used(reply, language, "step") == said


def test_a_minor_failure_gets_one_step_and_that_an_act() -> None:
    reply = draft("en", severity="S1", actions=("joint_review", "correct_charge", "refund_now"))
    assert used(reply, "en", "step") == {"correct_charge"}


def test_who_has_told_it_twice_is_asked_last_to_review_it() -> None:
    actions = ("joint_review", "rights_check", "correct_charge")
    assert used(draft("en", actions=actions), "en", "step") == {"review", "correct_charge"}
    assert used(draft("en", actions=actions, repeated=True), "en", "step") == {"rights_check", "correct_charge"}


@pytest.mark.parametrize(
    ("actions", "band", "approved", "level"),
    [
        ("comp_token", "C1", False, "C1"),
        ("comp_partial", "C2", False, "C2"),
        ("comp_token", "C1 or C2", False, "C1"),
        ("comp_partial", "C2 to C3", True, "C2"),
        ("comp_partial", "C3 for the item + C1", True, "C1"),
        ("comp_full", "C3 or C4", True, "C3"),
        ("comp_plus", "C4", True, "C4"),
        ("comp_full", "C3", False, None),  # nobody approves it
        ("comp_full refund_now", "C3", True, None),  # said as a step
        ("comp_plus refund_now", "C4", True, "C4"),
        ("comp_plus rights_check", "CS or C4", True, "CS"),  # the law first
        ("pay_statutory", "CS", True, "CS"),
        ("pay_statutory", "CS", False, None),
        ("own_case", "CS or C2", True, None),  # the plan checks no rights
        ("comp_partial", "CS or C2", True, "C2"),
        ("comp_token", "C0", False, None),
        ("comp_token", "after inquiry", True, None),
        ("own_case", "C1", False, None),
    ],
)
def test_compensation_is_the_least_that_plan_and_band_hold(
    actions: str, band: str, approved: bool, level: str | None
) -> None:
    plan = {"actions": tuple(actions.split()), "compensation_band": band, "never_automatic": approved}
    for language in LANGUAGES:
        reply = draft(language, **plan)
        assert used(reply, language, "compensation") == ({level} if level else set())
        steps = used(reply, language, "step")
        assert not (level in ("C2", "C3", "C4") and "refund_now" in steps)
        assert not (level and "rights_check" in steps)
        assert not used(draft(language, **plan, public=True), language, "compensation")


# --- wrong arguments


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"language": "de"}, "language: 'de' is not one of tr, zh, hy, en"),
        ({"failure_types": ("late",)}, "failure_types: 'late' is not one of delay_wait, "),
        ({"severity": "S5"}, "severity: 'S5' is not one of S1, S2, S3, S4"),
        ({"nps_class": "fan"}, "nps_class: 'fan' is not one of "),
        ({"intensity": 5}, "intensity: 5 is not one of 0, 1, 2, 3, 4"),
        ({"slots": {"price": "9"}}, f"slots: 'price' is not one of {', '.join(SLOT_NAMES)}"),
    ],
)
def test_a_wrong_argument_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        draft(**{"language": "en", **changes})


# --- wrong files

SOURCE = resources.files("complaintnlp.recovery").joinpath("replies", "en.toml").read_text(encoding="utf-8")
STRONG = "strong = [\n"


def message_of(folder: Path, content: str) -> str:
    path = folder / "own.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_reply_blocks(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("delay_wait = [", "lateness = [", "own.toml, apology: lacks delay_wait"),
        ("[follow_up]", "[follow]", "own.toml, file: lacks follow_up"),
        ("[question]\n", "[joke]\nx = 1\n[question]\n", "own.toml, file: unknown 'joke'; allowed: slots, greeting, "),
        ("[question]\n", "[question]\nshut = []\n", "own.toml, question: unknown 'shut'; allowed: open"),
        ("[step]\n", "[step]\nhug = []\n", "own.toml, step: unknown 'hug'; allowed: "),
        ("refund_now = [", "refund_later = [", "own.toml, step: lacks refund_now"),
        ("review = [", "look = [", "own.toml, step: lacks review"),
        ('team = "[team]"\n', "", "own.toml, slots: lacks team"),
        ('team = "[team]"\n', 'team = "[team]"\nprice = "9"\n', "own.toml, slots: unknown 'price'; allowed: name, "),
        ('team = "[team]"', 'team = " "', "own.toml, slots.team: must be a text to show, such as '[team]'"),
        ('team = "[team]"', 'team = "{date}"', "own.toml, slots.team: must be a text to show"),
        (STRONG, STRONG + '  "{price}",\n', "own.toml, feeling.strong, variant 1: unknown slot {price}; allowed: name"),
        (STRONG, STRONG + '  "a {date",\n', "own.toml, feeling.strong, variant 1: a brace without its partner"),
        (STRONG, STRONG + '  "a date}",\n', "own.toml, feeling.strong, variant 1: a brace without its partner"),
        (STRONG, STRONG + '  "{{date}}",\n', "own.toml, feeling.strong, variant 1: a brace without its partner"),
        (STRONG, STRONG + '  " ",\n', "own.toml, feeling.strong: must be a list of texts that are not empty"),
        (STRONG, STRONG + "  1,\n", "own.toml, feeling.strong: must be a list of texts that are not empty"),
        (
            STRONG,
            STRONG + '  "You have every reason to be upset.",\n',
            "own.toml, feeling.strong: needs at least 4 variants, each different",
        ),
        ('"Dear {name},"', '"Dear you,"', "own.toml, greeting.named, variant 1: must hold the slot {name}"),
        (
            "A replacement will be with you by {date}, and",
            "A replacement will be with you soon, and",
            "own.toml, step.replace_item, variant 1: must hold the slot {date}",
        ),
    ],
)
def test_a_wrong_block_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert SOURCE.count(old) == 1, old
    assert message_of(tmp_path, SOURCE.replace(old, new)).startswith(message)


def test_fewer_than_four_variants_are_refused(tmp_path: Path) -> None:
    content = re.sub(r"(?s)strong = \[.*?\]", 'strong = ["One.", "Two.", "Three."]', SOURCE, count=1)
    assert message_of(tmp_path, content) == "own.toml, feeling.strong: needs at least 4 variants, each different"


def test_a_section_that_is_no_table_is_named(tmp_path: Path) -> None:
    content = "question = 1\n" + SOURCE.replace("[question]\n", "[public.question]\n")
    assert message_of(tmp_path, content) == "own.toml, question: must be a table, written as [question]"


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    assert message_of(tmp_path, "[slots").startswith("own.toml cannot be read: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^own\.toml cannot be read: "):
        read_reply_blocks(tmp_path / "own.toml")


def test_the_blocks_are_read_once_and_cannot_be_changed() -> None:
    blocks = load_reply_blocks("tr")
    assert load_reply_blocks("tr") is blocks
    with pytest.raises(TypeError):
        blocks.variants["feeling.strong"] = ()  # type: ignore[index]
