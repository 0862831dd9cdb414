"""What the encoder reads."""

from __future__ import annotations

from complaintnlp.text.capitals import MARK
from complaintnlp.text.model_text import text_for_model
from complaintnlp.text.normalize import normalize


def test_only_armenian_in_latin_letters_is_rewritten() -> None:
    text = normalize("shat vat spasarkum er")
    assert text_for_model(text, "tr") is text
    assert text_for_model(text, "en") is text
    assert text_for_model(text, "hy").text == "շատ վատ սպասարկում էր"


def test_shouted_armenian_in_latin_letters_is_rewritten_and_lowered() -> None:
    text = text_for_model(normalize("SHAT VAT SPASARKUM ER"), "hy")
    assert text.text == f"շատ վատ սպասարկում էր{MARK}"
    assert text.original_span(0, 3) == (0, 4)
