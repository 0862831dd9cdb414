from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaintnlp.text.normalize import normalize


def norm(text: str) -> str:
    return normalize(text).text


# --- what changes


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("&quot;iyi&quot; &amp; ucuz", '"iyi" & ucuz'),
        ("bozuk &#231;anta, k&#xF6;t&#XFC;", "bozuk çanta, kötü"),
        ("a&nbsp;b&lt;c&gt;", "a b<c>"),
        ("R&D & AT&T; 5 &unknownname; &", "R&D & AT&T; 5 &unknownname; &"),
        ("zarar&#8203;sız", "zararsız"),
    ],
)
def test_html_entities_are_resolved_and_others_kept(raw: str, clean: str) -> None:
    assert norm(raw) == clean


@pytest.mark.parametrize(
    "char",
    [
        *("\x00", "\x07", "\x1b", "\x7f", "\x9f", "\u00ad", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066"),
        *("\ufe0f", "\ufeff", "\u180e", "\u2060", "\U000e0041", "\ud800", "\udfff"),
    ],
)
def test_controls_and_invisible_characters_go(char: str) -> None:
    assert norm(f"kar{char}go") == "kargo"
    assert norm(char) == ""


def test_full_width_forms_become_ascii() -> None:
    assert norm("ＶＩＰ客服１２３！！ｏｋ～") == "VIP客服123!!ok~"
    assert norm("你好，世界。") == "你好,世界。"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("çooook", "çoook"),
        ("çoook", "çoook"),
        ("çook", "çook"),
        ("NEDENNNNNN", "NEDENNN"),
        ("太太太太太差", "太太太差"),
        ("վաաաաատ", "վաաատ"),
        ("olmaz!!!!!!!", "olmaz!!!"),
        ("ne???????", "ne???"),
        ("ne?!?!?!?!", "ne?!?!?!?!"),
        ("yeter......", "yeter..."),
        ("差！！！！！", "差!!!"),
        ("😡😡😡😡😡", "😡😡😡"),
        ("1000000 TL, 5555 kez", "1000000 TL, 5555 kez"),
    ],
)
def test_repeats_are_cut_to_three_but_numbers_are_not(raw: str, clean: str) -> None:
    assert norm(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("i\u0307yi", "iyi"),
        ("i\u0307\u0307yi", "iyi"),
        ("I\u0307stanbul", "İstanbul"),
        ("İstanbul'da ISI yok, ılık", "İstanbul'da ISI yok, ılık"),
        ("s\u0327ikayet, go\u0308nderi, C\u0327ok", "şikayet, gönderi, Çok"),
        ("cafe\u0301", "café"),
    ],
)
def test_turkish_i_and_decomposed_letters(raw: str, clean: str) -> None:
    assert norm(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\ufb13", "մն"),
        ("\ufb14", "մե"),
        ("\ufb15", "մի"),
        ("\ufb16", "վն"),
        ("\ufb17", "մխ"),
        ("կոտրված եւ կեղտոտ", "կոտրված և կեղտոտ"),
        ("արեւ", "արև"),
        ("ե՛ւ", "և՛"),
        ("Երևան", "Երևան"),
    ],
)
def test_armenian_ligatures_have_one_spelling(raw: str, clean: str) -> None:
    assert norm(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Ինչո՞ւ չեք գալիս", "Ինչու՞ չեք գալիս"),
        ("մի՛շտ ուշ", "միշտ՛ ուշ"),
        ("ամո՜թ ձեզ", "ամոթ՜ ձեզ"),
        ("ինչո՞՞ւ", "ինչու՞՞"),
        ("Ո՞ւր է, ե՞րբ կգա", "Ուր՞ է, երբ՞ կգա"),
        ("վերջ՞ է", "վերջ՞ է"),
        ("՞", "՞"),
    ],
)
def test_armenian_marks_move_to_the_end_of_their_word(raw: str, clean: str) -> None:
    assert norm(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("bakın https://firma.com.tr/a?b=1&c=2 rezalet", "bakın <url> rezalet"),
        ("HTTP://FIRMA.AM ve www.firma.am", "<url> ve <url>"),
        ("见http://a.cn/b，太差", "见<url>太差"),
        ("http://a.cn/b太差", "<url>太差"),
        ("链接http://a.cn/b。太差", "链接<url>。太差"),
        ("ali.veli+x@posta.firma.com.tr yazdım", "<email> yazdım"),
        ("(a@b.am)", "(<email>)"),
        ("@firma neden, a@b", "@firma neden, a@b"),
        ("sipariş 1234567890 gelmedi", "sipariş <number> gelmedi"),
        ("订单１２３４５６７８９０１２没到", "订单<number>没到"),
        ("123456789", "123456789"),
        ("www ve firma.com", "www ve firma.com"),
    ],
)
def test_links_addresses_and_long_numbers_are_masked(raw: str, clean: str) -> None:
    assert norm(raw) == clean


def test_white_space_becomes_single_spaces_without_edges() -> None:
    assert norm("  bir\t iki\r\n\nüç\u00a0dört\u3000五\u2028 ") == "bir iki üç dört 五"
    assert norm(" \n\t\u3000\u200b ") == ""


# --- what stays


@pytest.mark.parametrize(
    "text",
    [
        "REZALET bir HİZMET",
        "😡👍🏽❤",
        "yeter!!!",
        "çoook kötüüü",
        "Այս ինչ է։",
        "这、是什么。",
        "50% %20 & #1 <b>",
        "ﬁ ① Ⅷ",
    ],
)
def test_what_carries_intensity_or_meaning_is_kept(text: str) -> None:
    result = normalize(text)
    assert result.text == text
    assert list(result.starts) == list(range(len(text)))
    assert list(result.ends) == list(range(1, len(text) + 1))


# --- offsets

FRAGMENTS = (
    *(
        "kargo",
        "GELMEDİ",
        "i\u0307yi",
        "çooooook",
        "bad!!!!!!",
        "😡😡😡😡",
        "👩\u200d🔧",
        "ＯＫ！",
        "&quot;",
        "&#231;",
        "\x00",
    ),
    *("\ud800", "\u200b", "a@b.com", "https://a.b/c", "12345678901", "123", "եւ", "\ufb15", "Ինչո՞ւ", "ե՛ւ", "մի՛՛շտ"),
    *("要退款", "，", " ", "\n\n", "\u3000", "s\u0327", "I\u0307", "e\u0301\u0301", "e\u0300\u0301\u0301\u0301\u0301"),
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    st.text(max_size=60),
    st.text(alphabet="ԵեւևաբԱ՛՜՞i\u0307\u0323İIı!. @w:/h\u200b12", max_size=30),
)


@given(TEXTS)
def test_offsets_fit_and_explain_every_character(text: str) -> None:
    result = normalize(text)
    assert result.original == text
    assert len(result.text) == len(result.starts) == len(result.ends)
    for char, start, end in zip(result.text, result.starts, result.ends, strict=True):
        assert 0 <= start < end <= len(text)
        source = text[start:end]
        assert char in normalize(source).text or (char == " " and any(map(str.isspace, source)))


@given(st.text(alphabet="abçğıöşüİ漢差Աբգ😡,.?", max_size=60).map(" ".join))
def test_spans_of_unchanged_characters_hold_that_character(text: str) -> None:
    result = normalize(f"\u200b {text}\x00  &amp;")
    for char, start, end in zip(result.text, result.starts, result.ends, strict=True):
        assert result.original[start:end] == char or char in " &"


def test_a_span_points_at_what_the_customer_wrote() -> None:
    raw = "  Kargo&nbsp;\u200bçoooook   geç, ali@firma.com!"
    result = normalize(raw)
    assert result.text == "Kargo çoook geç, <email>!"
    for clean, original in (("çoook", "çoooook"), ("geç", "geç"), ("<email>", "ali@firma.com"), ("Kargo", "Kargo")):
        start = result.text.index(clean)
        begin, end = result.original_span(start, start + len(clean))
        assert raw[begin:end] == original
    # Any part of a mask stands for all that was masked.
    at = result.text.index("mail>")
    begin, end = result.original_span(at, at + 1)
    assert raw[begin:end] == "ali@firma.com"


def test_the_span_of_a_moved_mark_and_of_its_word() -> None:
    raw = "Բա ինչո՞ւ"
    result = normalize(raw)
    assert result.text == "Բա ինչու՞"
    assert result.original_span(len(raw) - 1, len(raw)) == (7, 8)
    assert result.original_span(3, len(raw)) == (3, len(raw))


@pytest.mark.parametrize("span", [(0, 0), (3, 2), (-1, 2), (0, 6), (5, 6)])
def test_a_span_outside_the_text_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="5 characters"):
        normalize("kargo").original_span(*span)


def test_an_empty_text_has_no_spans() -> None:
    result = normalize("")
    assert (result.text, list(result.starts), list(result.ends)) == ("", [], [])
    with pytest.raises(ValueError, match="0 characters"):
        result.original_span(0, 1)


# --- idempotence


@given(TEXTS.filter(lambda text: "&" not in text and "＆" not in text))
def test_a_normalised_text_stays_as_it_is(text: str) -> None:
    # Without entities: what was escaped twice is resolved one level at a time.
    once = norm(text)
    assert norm(once) == once


def test_an_entity_escaped_twice_is_resolved_once() -> None:
    assert norm("&amp;lt;") == "&lt;"


@pytest.mark.parametrize("char", ["a", "@", "w.", "ե", "ա՞", "&", "1", "http://"])
def test_the_longest_monotonous_text_is_read(char: str) -> None:
    # A search that looks back over the run again and again would not come to an end here.
    result = normalize(char * (50_000 // len(char)))
    assert len(result.text) == len(result.starts) <= 50_000
