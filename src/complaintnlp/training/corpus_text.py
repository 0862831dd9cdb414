"""How a text of the corpora is cleaned and named; a leaf, so that rows are built and checked without torch."""

from __future__ import annotations

import hashlib
import html
import re
from typing import Final

from complaintnlp.text.normalize import EMAIL, LONG_NUMBER

_ID_DIGITS: Final = 12
# Not the links of `normalize`: the corpora keep addresses without a scheme and mask to the next space, and ids depend
# on it.
_LINK: Final = re.compile(r"https?://\S+", re.IGNORECASE)


def clean_text(raw: str) -> str:
    """A source's text as the corpora hold it: entities unescaped, links, e-mails and long numbers masked, one line."""
    text = html.unescape(raw).replace("\\n", " ")
    text = EMAIL.sub("<email>", _LINK.sub("<url>", text))
    return " ".join(LONG_NUMBER.sub("<number>", text).split())


def text_id(text: str) -> str:
    """Id of a text, as in the corpora: it does not change with case, spacing or punctuation."""
    words = re.sub(r"\W+", "", text.casefold()) or text
    return hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()[:_ID_DIGITS]
