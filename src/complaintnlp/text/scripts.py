"""Does a text stand in a script of the language that somebody says it is in?"""

from __future__ import annotations

import re
from typing import Final

_LATIN: Final = "A-Za-z\u00c0-\u024f\u0259"
_ARMENIAN: Final = "\u0531-\u0556\u0561-\u0587"
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_LETTER: Final = re.compile(r"[^\W\d_]")
_OWN: Final = {
    "tr": re.compile(f"[{_LATIN}]"),
    "en": re.compile(f"[{_LATIN}]"),
    "zh": re.compile(f"[{_HAN}]"),
    "hy": re.compile(f"[{_ARMENIAN}{_LATIN}]"),
}
MIN_SHARE: Final = 1 / 3
"""Share of a text's letters that must be in a script of its language; the rest may be names and loans."""


def stands_in_script_of(text: str, language: str) -> bool:
    """Whether at least `MIN_SHARE` of the letters are in a script that ``language`` is written in."""
    letters = len(_LETTER.findall(text))
    return letters > 0 and len(_OWN[language].findall(text)) >= MIN_SHARE * letters
