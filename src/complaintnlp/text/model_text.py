"""What the encoder reads of a normalised text, in training as in serving."""

from __future__ import annotations

from complaintnlp.text.capitals import lower_capitals
from complaintnlp.text.normalize import NormalizedText
from complaintnlp.text.transliterate import armenian_letters


def text_for_model(text: NormalizedText, language: str) -> NormalizedText:
    """Armenian in Armenian letters, shouting in small letters; offsets lead to the same original."""
    return lower_capitals(armenian_letters(text) if language == "hy" else text, language)
