"""Shouting in capitals is read in small letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaintnlp.text.capitals import MARK, lower_capitals
from complaintnlp.text.normalize import normalize


@pytest.mark.parametrize(
    ("language", "shouted", "read"),
    [
        ("en", "NEVER BUY THIS KETTLE AGAIN", "never buy this kettle again"),
        ("en", "The soup was cold. WE WAITED TWO HOURS! Bye", "The soup was cold. we waited two hours! Bye"),
        ("en", "I HAD 2 LATE ORDERS", "i had 2 late orders"),
        ("en", "TERRIBLE", "terrible"),
        ("tr", "ÜRÜN KIRIK GELDİ", "ürün kırık geldi"),
        ("tr", "URUN KIRIK GELDI", "urun kirik geldi"),
        ("tr", "BÖYLE BIR REZILLIK YOK", "böyle bir rezillik yok"),
        ("hy", "ՇԱՏ ՎԱՏ ՍՊԱՍԱՐԿՈՒՄ", "շատ վատ սպասարկում"),
        ("zh", "这个 APP IS NOT WORKING 了", "这个 app is not working 了"),
    ],
)
def test_shouting_is_lowered_and_marked(language: str, shouted: str, read: str) -> None:
    assert lower_capitals(normalize(shouted), language).text == read + MARK


@pytest.mark.parametrize(
    "text",
    [
        "My SIM card and the USB cable",
        "HP LJ printer broke",
        "OK",
        "ATM",
        "Kargom gelmedi, PTT aramıyor",
        "好吃",
        "",
        "<url>",
        "Այո, ՀԾԿՀ-ն լռում ա",
    ],
)
def test_names_abbreviations_and_plain_texts_stay(text: str) -> None:
    normalized = normalize(text)
    assert lower_capitals(normalized, "tr") is normalized


def test_masks_are_no_words() -> None:
    assert lower_capitals(normalize("LOOK AT https://example.com NOW"), "en").text == f"look at <url> now{MARK}"


def test_offsets_lead_to_the_original() -> None:
    text = lower_capitals(normalize("İADE  EDİLMEDİ  HÂLÂ"), "tr")
    start = text.text.index("edilmedi")
    begin, end = text.original_span(start, start + len("edilmedi"))
    assert text.original[begin:end] == "EDİLMEDİ"
    assert len(text.starts) == len(text.ends) == len(text.text)


@given(st.text(alphabet="ABcİIıiՇԱշա 1!<>", max_size=40), st.sampled_from(["tr", "en", "hy", "zh"]))
def test_only_case_changes_and_every_character_has_its_place(raw: str, language: str) -> None:
    before = normalize(raw)
    after = lower_capitals(before, language)
    if after is before:
        return
    assert after.text.endswith(MARK)
    assert len(after.text) == len(before.text) + len(MARK) == len(after.starts) == len(after.ends)
    for start in range(len(after.text)):
        begin, end = after.original_span(start, start + 1)
        assert 0 <= begin < end <= len(after.original)
