"""Every change: what it does, where it does not apply, that it is always the same."""

from __future__ import annotations

import random

import pytest

from complaintnlp.text.normalize import normalize
from complaintnlp.text.transliterate import armenian_letters
from complaintnlp.training.perturb import PERTURBATIONS, SLICES, is_very_long, is_very_short, length, perturb

TEXTS = {
    "tr": "İki haftadır siparişim gelmedi, müşteri hizmetleri iade talebimi reddetti. Çok kötü <url>",
    "zh": "客服态度很差，退款拖了一个月，面条里面有头发。质量太差了",
    "hy": "Պատվերը երկու ժամ ուշացավ, ոչ ոք չի պատասխանում։ Որտեղ՞ է առաքիչը և գումարս։",
    "en": "The parcel arrived late and nobody answers my calls. Terrible service <email>",
}
APPLIES = {
    "typos": {"tr", "zh", "hy", "en"},
    "no_diacritics": {"tr"},
    "capitals": {"tr", "hy", "en"},
    "latin_armenian": {"hy"},
    "traditional": {"zh"},
    "emoji": {"tr", "zh", "hy", "en"},
    "elongation": {"tr", "zh", "hy", "en"},
    "code_mixing": {"tr", "zh", "hy"},
}


def test_every_change_is_known_here() -> None:
    assert list(PERTURBATIONS) == list(APPLIES)


@pytest.mark.parametrize("name", APPLIES)
@pytest.mark.parametrize("language", TEXTS)
def test_a_change_applies_where_people_write_so_and_is_always_the_same(name: str, language: str) -> None:
    text = TEXTS[language]
    changed = [perturb(name, text, language, "a") for _ in range(2)]
    assert changed[0] == changed[1]
    assert (changed[0] is not None) == (language in APPLIES[name])
    for mask in ("<url>", "<email>"):
        if changed[0] is not None and mask in text:
            assert mask in normalize(changed[0]).text


@pytest.mark.parametrize("name", ["typos", "emoji"])
def test_another_text_is_changed_otherwise(name: str) -> None:
    assert len({perturb(name, TEXTS["en"], "en", str(key)) for key in range(20)}) > 5


@pytest.mark.parametrize("language", ["tr", "hy", "en"])
def test_typing_errors_hit_about_one_word_in_twelve_and_no_first_letter(language: str) -> None:
    words = TEXTS[language].split() * 10
    changed = perturb("typos", " ".join(words), language, "a")
    assert changed is not None
    pairs = list(zip(words, changed.split(), strict=True))
    wrong = [(was, now) for was, now in pairs if was != now]
    assert 0.02 < len(wrong) / len(words) < 0.1
    assert all(was[0] == now[0] and abs(len(was) - len(now)) <= 1 for was, now in wrong)


def test_chinese_characters_are_dropped_or_swapped_never_invented() -> None:
    text = TEXTS["zh"]
    for key in range(30):
        changed = perturb("typos", text, "zh", str(key))
        if changed is not None:
            assert len(text) - 1 <= len(changed) <= len(text)
            assert set(changed) <= set(text)
    assert perturb("typos", "差", "zh", "a") is None


def test_turkish_loses_its_diacritics() -> None:
    assert perturb("no_diacritics", "Şikâyetim ığdır İÇİN çöp", "tr", "a") == "Sikayetim igdir ICIN cop"
    assert perturb("no_diacritics", "kargo gelmedi", "tr", "a") is None


def test_capitals_follow_the_language() -> None:
    assert perturb("capitals", "iki ığdır <url>", "tr", "a") == "İKİ IĞDIR <url>"
    assert perturb("capitals", "գին և որակ", "hy", "a") == "ԳԻՆ ԵՎ ՈՐԱԿ"
    assert perturb("capitals", "ALREADY LOUD!", "en", "a") is None


def test_latin_letters_keep_to_one_habit_and_can_be_read_back() -> None:
    latin = [perturb("latin_armenian", "Որտեղ՞ է և ով է։ ԲԱՐԵՎ, քանի՞ օր քնեմ", "hy", str(key)) for key in range(20)]
    assert len(set(latin)) > 5
    for text in latin:
        assert text is not None
        assert text.isascii() or "ë" in text
        assert text.startswith(("Vorte", "Orte"))
        assert " ov e" in text
        assert "BAREV" in text
        assert ("qani" in text) != ("kani" in text)
        assert ("qani" in text) == ("qn" in text)
    spelt = perturb("latin_armenian", "շատ լավ", "hy", "a")
    assert spelt is not None
    assert armenian_letters(normalize(spelt)).text == "շատ լավ"
    assert perturb("latin_armenian", "barev dzez", "hy", "a") is None


def test_traditional_characters_are_those_of_taiwan() -> None:
    assert perturb("traditional", "客服态度很差，这里的面条", "zh", "a") == "客服態度很差，這裡的麵條"
    assert perturb("traditional", "客服態度很差", "zh", "a") is None


@pytest.mark.parametrize("language", TEXTS)
def test_emoji_only_add(language: str) -> None:
    changed = perturb("emoji", TEXTS[language], language, "a")
    assert changed is not None
    kept = "".join(character for character in changed if ord(character) < 0x2700 or character in TEXTS[language])
    assert kept.replace(" ", "").replace("️", "") == TEXTS[language].replace(" ", "")


def test_a_last_vowel_or_a_word_of_degree_is_lengthened() -> None:
    assert perturb("elongation", "good", "en", "a") == "goooood"
    assert perturb("elongation", "kötü", "tr", "a") == "kötüüüü"
    assert perturb("elongation", "太差", "zh", "a") == "太太太差"
    assert perturb("elongation", "差", "zh", "a") is None


@pytest.mark.parametrize(
    ("text", "language", "mixed"),
    [
        ("İade istedim", "tr", "Refund istedim"),
        ("siparişimi", "tr", "order'imi"),
        ("hesap", "tr", "account"),
        ("hesaplı", "tr", None),
        ("退款拖了", "zh", " refund 拖了"),
        ("Պատվերը չկա", "hy", "Զակազը չկա"),
        ("հերթական", "hy", None),
        ("refund", "en", None),
    ],
)
def test_words_are_mixed_in_with_their_endings(text: str, language: str, mixed: str | None) -> None:
    assert perturb("code_mixing", text, language, "a") == mixed


def test_slices_count_words_and_in_chinese_characters() -> None:
    assert length("çok  kötü!", "tr") == 2
    assert length("太差了，真的！", "zh") == 5
    assert is_very_short("one two three four five", "en")
    assert not is_very_short("one two three four five six", "en")
    assert is_very_short("差" * 12, "zh")
    assert not is_very_short("差" * 13, "zh")
    assert is_very_long("word " * 120, "en")
    assert not is_very_long("word " * 119, "en")
    assert is_very_long("差" * 250, "zh")
    assert not is_very_long("差" * 249, "zh")
    assert set(SLICES) == {"very_short", "very_long"}


def test_the_generator_of_the_process_is_left_alone() -> None:
    random.seed(3)
    state = random.getstate()
    perturb("typos", TEXTS["en"], "en", "a")
    assert random.getstate() == state
