import pytest
from hypothesis import given
from hypothesis import strategies as st

from complaintnlp.text.normalize import normalize
from complaintnlp.text.transliterate import armenian_letters


@pytest.mark.parametrize(
    ("latin", "armenian"),
    [
        ("shat vat spasarkum er", "շատ վատ սպասարկում էր"),
        ("apranqy kotrvac ekav", "ապրանքը կոտրված եկավ"),
        ("voch mi kerp chen pataskhanum", "ոչ մի կերպ չեն պատասխանում"),
        ("hasel e, bayc push e", "հասել է, բայց պուշ է"),
        ("orer shat, ev yes", "օրեր շատ, և ես"),
        ("mayr, hayr", "մայր, հայր"),
        ("AMOT DZEZ", "ԱՄՈԹ ՁԵԶ"),
        ("Barev", "Բարև"),
        ("sarqec@ chi ashxatum", "սարքեցը չի աշխատում"),
        ("ashxatoxnery anqaxaqavari en", "աշխատողները անքաղաքավարի են"),
        ("4i ashxatum, 6at vat", "չի աշխատում, շատ վատ"),
        ("4g chka", "4g չկա"),
    ],
)
def test_latin_spellings_become_armenian(latin: str, armenian: str) -> None:
    assert armenian_letters(normalize(latin)).text == armenian


def test_what_stands_in_armenian_letters_stays() -> None:
    text = normalize("Glovo-ով պատվիրեցի, iPhone-ը չեկավ")
    assert armenian_letters(text) is text


def test_masks_numbers_and_marks_stay() -> None:
    assert armenian_letters(normalize("tes <url> 5 angam!!! 😡")).text == "տես <url> 5 անգամ!!! 😡"


def test_every_letter_points_to_its_word() -> None:
    original = "  shat  vat &amp; ek"
    text = armenian_letters(normalize(original))
    assert text.text == "շատ վատ & եք"
    assert original[slice(*text.original_span(0, 3))] == "shat"
    assert original[slice(*text.original_span(4, 7))] == "vat"
    assert original[slice(*text.original_span(8, 9))] == "&amp;"


@given(st.text(alphabet=st.sampled_from("abcdeghijklmnopqrstuvxyz@ë Աև.!<>")))
def test_offsets_stay_inside_the_original(raw: str) -> None:
    text = armenian_letters(normalize(raw))
    assert len(text.text) == len(text.starts) == len(text.ends)
    assert all(0 <= start < end <= len(raw) for start, end in zip(text.starts, text.ends, strict=True))
