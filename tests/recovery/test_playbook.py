from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.records import Element
from complaintnlp.recovery.playbook import Action, load_playbook, read_playbook
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES, NPS_CLASS_IDS, SEVERITY_IDS

LETTERS = {
    "en": re.compile("[A-Za-z]"),
    "tr": re.compile("[A-Za-zçğıöşüÇĞİÖŞÜâîû]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "hy": re.compile("[\u0531-\u0587]"),
}
FOREIGN = {
    "en": re.compile("[^\x00-\x7f]"),
    "tr": re.compile("[\u0531-\u0587\u4e00-\u9fff]"),
    "zh": re.compile("[\u0531-\u0587çğışöü]"),
    "hy": re.compile("[\u4e00-\u9fffçğışöü]"),
}
SOURCE = resources.files("complaintnlp.recovery").joinpath("playbook.toml").read_text(encoding="utf-8")

Edit = Callable[[str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The package's playbook with one place changed, as a file of its own."""

    def edit(old: str, new: str) -> Path:
        assert SOURCE.count(old) == 1, old
        path = tmp_path / "own.toml"
        path.write_text(SOURCE.replace(old, new), encoding="utf-8")
        return path

    return edit


def message_of(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_playbook(path)
    assert str(caught.value).startswith("own.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the package's playbook


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("severity", SEVERITY_IDS)
@pytest.mark.parametrize("failure_type", FAILURE_TYPE_IDS)
def test_every_row_can_be_read_in_every_language(failure_type: str, severity: str, language: str) -> None:
    playbook = load_playbook()
    row = playbook.matrix[failure_type][severity]  # type: ignore[index]
    assert row.actions
    assert len(set(row.actions)) == len(row.actions)
    assert all((row.owner, row.first_reply, row.fix, row.channel, row.band))
    for name in row.actions:
        text = playbook.actions[name].text[language]  # type: ignore[index]
        assert LETTERS[language].search(text), (name, language)
        assert not FOREIGN[language].search(text), (name, language)


def test_no_more_and_no_less_than_the_taxonomy_names() -> None:
    playbook = load_playbook()
    assert set(playbook.matrix) == set(FAILURE_TYPE_IDS)
    assert set(playbook.unnamed) == set(NPS_CLASS_IDS)
    used = {name for rows in playbook.matrix.values() for row in rows.values() for name in row.actions}
    used |= {name for row in playbook.unnamed.values() for name in row.actions}
    assert {action.element for action in playbook.actions.values()} == set(get_args(Element))
    assert used <= set(playbook.actions)


def test_every_action_has_texts_of_its_own() -> None:
    for language in LANGUAGES:
        texts = [action.text[language] for action in load_playbook().actions.values()]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("failure_type", FAILURE_TYPE_IDS)
def test_the_first_reply_is_due_sooner_where_more_was_lost(failure_type: str) -> None:
    rows = load_playbook().matrix[failure_type]
    assert [rows[level].first_reply for level in ("S1", "S2", "S3", "S4")] == ["24 h", "4 h", "1 h", "15 min"]


def test_it_is_read_once() -> None:
    assert load_playbook() is load_playbook()


# --- wrong files


def test_an_unknown_action_is_named_with_file_and_row(edited: Edit) -> None:
    path = edited(
        '["ack_now", "sincere_apology", "replace_item", "document_case"]\nowner = "Logistics"',
        '["hug"]\nowner = "Logistics"',
    )
    message = message_of(path)
    assert message.startswith("own.toml, matrix.wrong_missing.S1: unknown action 'hug'; allowed: ack_now, ")


def test_an_unknown_action_for_texts_without_failure_is_named(edited: Edit) -> None:
    message = message_of(edited('["thank_customer", "share_praise", "document_case"]', '["sing"]'))
    assert message.startswith("own.toml, unnamed.promoter: unknown action 'sing'")


def test_a_missing_row_is_named(edited: Edit) -> None:
    path = edited("[matrix.price_billing.S3]", "[matrix.price_billing.S4]")
    path.write_text(re.sub(r"\[matrix\.price_billing\.S3\]\n(.+\n)+", "", SOURCE), encoding="utf-8")
    assert message_of(path) == "own.toml: matrix.price_billing lacks S3"


def test_a_missing_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SOURCE.replace("[matrix.delay_wait.", "[matrix.lateness."), encoding="utf-8")
    assert message_of(path) == "own.toml: matrix.delay_wait lacks S1, S2, S3, S4"


def test_a_missing_row_for_texts_without_failure_is_named(edited: Edit) -> None:
    assert message_of(edited("[unnamed.promoter]", "[unnamed.fan]")) == "own.toml: unnamed lacks promoter"


def test_a_missing_language_is_named(edited: Edit) -> None:
    message = message_of(edited(', hy = "Գովեստը փոխանցե՛ք թիմին" }', " }"))
    assert message == "own.toml: actions.share_praise.text lacks hy"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("[matrix.info_promise.S4]", "[matrix.info_promise.S5]", "matrix.info_promise.S5"),
        ('en = "Phone the customer"', 'de = "x", en = "Phone the customer"', "actions.call_customer.text.de"),
        ("[actions.call_customer]\n", "[actions.call_customer]\ncolour = 1\n", "actions.call_customer.colour"),
        ("[unnamed.passive]\n", "[unnamed.passive]\nurgent = true\n", "unnamed.passive.urgent"),
        ('fix = "none needed"\n', "", "unnamed.promoter.fix"),
    ],
)
def test_a_wrong_entry_is_named(edited: Edit, old: str, new: str, place: str) -> None:
    assert place in message_of(edited(old, new))


def test_a_wrong_element_is_named(edited: Edit) -> None:
    old = '[actions.share_praise]\nelement = "follow_up"'
    message = message_of(edited(old, '[actions.share_praise]\nelement = "magic"'))
    assert "actions.share_praise.element" in message
    assert "'follow_up'" in message


@pytest.mark.parametrize("content", [b"[actions", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    assert message_of(path).startswith("own.toml cannot be read: ")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert message_of(tmp_path / "own.toml").startswith("own.toml cannot be read: ")


def test_the_playbook_cannot_be_changed_by_accident() -> None:
    action: Action = load_playbook().actions["ack_now"]
    with pytest.raises(ValueError, match="frozen"):
        action.owner = "nobody"
