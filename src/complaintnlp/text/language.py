"""Which language is a text in? Script first, cheap cues next, langdetect only where doubt is left.

    text ─▶ words that say something (no links, masks, mentions, numbers) ─▶ none: empty
         ─▶ words per script ─▶ Armenian: hy, Han: zh, any other but Latin: refused
         ─▶ Latin: letters, known words and word endings ─▶ clear: answer
                                                         ─▶ doubt: langdetect and the cues together

langdetect knows no Armenian and no Azerbaijani, is unsure on short texts and slow (about 10 ms a text), so
it is asked for a minority and never decides alone. The cues stand in ``language_cues.toml``.
"""

from __future__ import annotations

import math
import re
import threading
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from complaintnlp.records import LanguageResult
from complaintnlp.taxonomy import LANGUAGES

MAX_LATIN_WORDS: Final = 120
MAX_LANGDETECT_CHARS: Final = 600
"""More text changes no answer and only costs time."""

MIN_SCORE: Final = 0.9
"""Cue weight below which cues alone never answer: about one unambiguous word."""
ENDING_WEIGHT: Final = 0.4
AZERBAIJANI_WORD_WEIGHT: Final = 2.0
MIN_COVERAGE: Final[Mapping[str, float]] = {"tr": 0.22, "en": 0.35, "hy": 0.4}
"""Cue weight per word that answers alone. Turkish needs less: its endings hide many known words."""
PRIOR: Final[Mapping[str, float]] = {"en": 1.5, "tr": 1.5, "az": 1.0}
"""Log odds before a doubtful text is read: what customers of the four markets write in Latin letters."""

ENDING_SIZES: Final = (5, 4, 3, 2)

_NOISE: Final = re.compile(
    r"<[a-z][a-z_]*>|(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]+|(?<![\w@])@\w{2,}"
    r"|(?<!\w)[:;=]['-]?[DPpOoSs3](?!\w)|(?<![\w-])[\w-]{1,63}\.(?:com|net|org|am|tr|cn|ru)\b",
    re.IGNORECASE,
)
_ARMENIAN_HYPHEN: Final = re.compile(r"(?<=\w)-(?=(?:ic|its|um|ov|n?er[@yn]?)\b)", re.IGNORECASE)  # Glovo-ic, app-um
_LATIN_LETTER: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\u0300-\u036f"
_SCRIPTS: Final[Mapping[str, str]] = {
    # An apostrophe joins (Turkcell'den, don't); @ is the Armenian letter ը where it follows a letter.
    "latin": rf"[{_LATIN_LETTER}]+(?:['’ʻʼ@]+[{_LATIN_LETTER}]+)*@?",
    "hy": "[\u0531-\u0556\u0560-\u0588\ufb13-\ufb17]+(?:[\u055a-\u055f][\u0560-\u0588]+)*",
    "han": "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af\u3007]+",
    "kana": "[\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]+",
    "ko": "[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff]+",
    "cyrillic": "[\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f]+",
    "arabic": "[\u0620-\u065f\u066e-\u06d3\u06d5-\u06ef\u06fa-\u06ff\u0750-\u077f\u08a0-\u08ff\u200c]+",
    "ka": "[\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f]+",
    "el": "[\u0370-\u03ff\u1f00-\u1fff]+",
    "he": "[\u0590-\u05ff]+",
    "th": "[\u0e00-\u0e3e\u0e40-\u0e4e]+",
    "hi": "[\u0900-\u0963\u0970-\u097f]+",
    "bn": "[\u0980-\u09e5\u09f0-\u09ff]+",
    "ta": "[\u0b80-\u0be5]+",
    "te": "[\u0c00-\u0c65]+",
    "kn": "[\u0c80-\u0ce5]+",
    "ml": "[\u0d00-\u0d65]+",
    "am": "[\u1200-\u137f]+",
    # Any letter that is left: ISO 639-2 "undetermined".
    "und": "[^\\W\\d_]+",
}
_WORD: Final = re.compile("|".join(f"(?P<{name}>{letters})" for name, letters in _SCRIPTS.items()))
_LATIN_WORD: Final = re.compile(_SCRIPTS["latin"])
_BEYOND_LATIN: Final = re.compile(
    "[\u0370-\u1dff\u2c00-\ud7ff\uf900-\ufaff\ufb13-\ufefc\U00010000-\U0001cfff\U0001e000-\U0001eeff\U00020000-\U0003ffff]"
)
_NO_SPACES: Final = {"han": 1.7, "kana": 2.5, "th": 4.0}
"""Characters that make about one word, in scripts that do not part words."""

_CYRILLIC_LETTERS: Final = (("uk", "їєґ"), ("be", "ў"), ("kk", "әқңұһ"), ("ky", "ңү"), ("mk", "ѓќѕ"), ("sr", "ђћљњџ"))
_ARABIC_LETTERS: Final = (("ur", "ٹڈڑںے"), ("fa", "پچژگکی"))

_REPEAT: Final = re.compile(r"(.)\1{2,}")
_DOUBLE: Final = re.compile(r"([^ ])\1+")
_TURKIC_LETTER: Final = re.compile("[çğışöü]")
_ARMENIAN_Y: Final = str.maketrans("əë’", "@e'")
_NOT_ARMENIAN: Final = re.compile("[^\x00-\x7fəë’]")
_LONE_Q: Final = re.compile("q(?!u)")
_ARMENIAN_GROUP: Final = re.compile("dz|kh|gh[^t]|zh|tch|[a-z]@")
_FOLD: Final = str.maketrans("ıłđøæœßə’ʼ`", "ildoaose'''")
_LATIN_ARMENIAN: Final = (
    *(("tch", "C"), ("dzh", "j"), ("sh", "S"), ("ch", "C"), ("kh", "X"), ("gh", "X"), ("zh", "j"), ("dz", "z")),
    *(("dj", "j"), ("ts", "c"), ("tz", "c"), ("th", "t"), ("ph", "p"), ("ou", "u"), ("x", "X"), ("q", "k")),
    *(("w", "v"), ("iu", "u"), (" vo", " o"), ("y", ""), ("@", ""), ("ə", ""), ("'", "")),
)
_ARMENIAN_SKELETON: Final = str.maketrans(
    dict(zip("աբգդեզէթժիլխծկհձղճմնշոչպջռսվտրցփքօֆւ", "abgdezetjilXckhzXCmnSoCpjrsvtrcpkofv", strict=True))
    | dict.fromkeys("ըյ՛՜՞՚", "")
)


@dataclass(frozen=True, slots=True)
class _Cues:
    """The cue file, ready for look-ups.

    ``words`` is keyed by folded Latin spelling, ``armenian`` by skeleton, ``letters`` by letter.
    """

    words: Mapping[str, tuple[tuple[str, float], ...]]
    armenian: Mapping[str, float]
    letters: Mapping[str, tuple[tuple[str, float], ...]]
    endings: Mapping[str, tuple[tuple[str, float], ...]]
    armenian_endings: frozenset[str]


@cache
def _cues() -> _Cues:
    source = resources.files(__package__).joinpath("language_cues.toml")
    data: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
    shared = set(data["words"].pop("shared").split())
    armenian_words: list[str] = data["words"].pop("hy").split()
    languages: dict[str, set[str]] = defaultdict(set)
    for language, words in data["words"].items():
        for word in words.split():
            languages[_fold(word)].add(language)
    table = {word: _shares(word, found) for word, found in languages.items() if word not in shared}
    table |= dict.fromkeys(shared, ())
    # A short Armenian skeleton is often a word elsewhere too ("es", "em", "mi"): it then counts for less.
    foreign = Counter(_skeleton(word) for word in table)
    armenian = {
        skeleton: _length_weight(skeleton) / (1 + 0.5 * foreign[skeleton])
        for skeleton in map(_armenian_skeleton, armenian_words)
        if skeleton
    }
    letters = {
        letter: tuple((language, 1.0 if not i else 0.6) for i, language in enumerate(found.split()))
        for letter, found in data["letters"].items()
    }
    armenian_endings = frozenset(data["endings"].pop("hy").split())
    endings: dict[str, set[str]] = defaultdict(set)
    for language, found in data["endings"].items():
        for ending in found.split():
            endings[ending].add(language)
    ending_table = {
        ending: tuple((language, ENDING_WEIGHT / len(found)) for language in sorted(found))
        for ending, found in endings.items()
    }
    return _Cues(table, armenian, letters, ending_table, armenian_endings)


def _shares(word: str, languages: set[str]) -> tuple[tuple[str, float], ...]:
    """Weight of a word for each language that has it; the four languages are likelier than any other."""
    count = len(languages)
    return tuple(
        (language, _length_weight(word) / (math.sqrt(count) if language in LANGUAGES else count))
        for language in sorted(languages)
    )


def _length_weight(word: str) -> float:
    return (0.2, 0.25, 0.6)[len(word)] if len(word) < 3 else 1.0


def _fold(text: str) -> str:
    """Lower case without accents, so that Turkish typed on an English keyboard meets the same entries."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text.lower().translate(_FOLD))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _skeleton(latin: str) -> str:
    """Armenian in Latin letters without the choices that writers make differently.

    ``shnorhakalutyun``, ``shnorhakalutiun`` and ``շնորհակալություն`` meet in one form. Words are parted by
    single spaces and keep their number.
    """
    text = " " + latin
    for written, letter in _LATIN_ARMENIAN:
        if written in text:
            text = text.replace(written, letter)
    return _DOUBLE.sub(r"\1", text)[1:]


def _armenian_skeleton(word: str) -> str:
    text = word.replace("և", "եվ").replace("ու", "u")
    if text.startswith("ո"):
        text = "օ" + text[1:]
    return _skeleton(text.translate(_ARMENIAN_SKELETON))


def _clean(text: str) -> str:
    text = _ARMENIAN_HYPHEN.sub("'", _NOISE.sub(" ", text))
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _best_effort(letters: str, markers: tuple[tuple[str, str], ...], default: str) -> str:
    return next((code for code, marks in markers if any(mark in letters for mark in marks)), default)


class LanguageDetector:
    """Finds the language of customer feedback. Cheap to construct; safe to share between threads.

    The same text always gets the same answer. langdetect's profiles (about 30 MB) are loaded on the first
    doubtful text, into a factory of its own: the host application's langdetect and its seed stay untouched.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._factory: Any = None

    def detect(self, text: str) -> LanguageResult:
        """Language of ``text``.

        Returns:
            ``code`` is an ISO 639 code, or None where there is no word to read (then ``confidence`` is 0).
            ``supported`` tells whether it is one of the four languages. ``confidence`` is near 1 where the
            script decides and lower for short or doubtful text in Latin letters.
        """
        scripts = self._words_by_script(_clean(text))
        if all(script == "latin" and max(map(len, words)) < 2 for script, words in scripts.items()):
            return LanguageResult(code=None, confidence=0.0, supported=False)
        if scripts.keys() == {"latin"}:
            return _result(*self._latin(scripts["latin"]))
        weights = _weights(scripts)
        # On a tie Armenian and Chinese win: in the other script stand names and borrowed words.
        script = max(weights, key=lambda name: (weights[name], name in ("hy", "han"), name))
        share = weights[script] / sum(weights.values())
        if script == "latin":
            code, certainty = self._latin(scripts["latin"])
            return _result(code, certainty * (0.5 + 0.5 * share))
        return _result(_code_of_script(script, scripts), 0.55 + 0.44 * share)

    def ask_langdetect(self, text: str) -> dict[str, float]:
        """Probability per language by langdetect with all its profiles; empty where it finds no features."""
        from langdetect.lang_detect_exception import LangDetectException  # noqa: PLC0415 - loaded when needed

        detector = self._langdetect_factory().create()
        detector.append(text[:MAX_LANGDETECT_CHARS])
        try:
            detector.get_probabilities()
        except LangDetectException:
            return {}
        return dict(zip(detector.langlist, detector.langprob, strict=True))

    def _langdetect_factory(self) -> Any:
        with self._lock:
            if self._factory is None:
                from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory  # noqa: PLC0415

                factory = DetectorFactory()
                factory.load_profile(PROFILES_DIRECTORY)
                # The class attribute DetectorFactory.seed belongs to the host application; this one is ours.
                factory.set_seed(0)
                self._factory = factory
            return self._factory

    @staticmethod
    def _words_by_script(text: str) -> dict[str, list[str]]:
        if not _BEYOND_LATIN.search(text):
            words = _LATIN_WORD.findall(text)
            return {"latin": words} if words else {}
        scripts: dict[str, list[str]] = {}
        for match in _WORD.finditer(text):
            scripts.setdefault(str(match.lastgroup), []).append(match.group())
        return scripts

    def _latin(self, words: list[str]) -> tuple[str, float]:
        """Language of words in Latin letters, and how sure that is."""
        sample = words[:: (len(words) // MAX_LATIN_WORDS) | 1]  # an odd step, for text pasted again and again
        lowered = _REPEAT.sub(r"\1", " ".join(sample).replace("İ", "i").lower())
        scores = _scores(lowered)
        (second, _), (top, best) = sorted((score, language) for language, score in scores.items())[-2:]
        count = lowered.count(" ") + 1
        margin = top - second
        if top >= MIN_SCORE and top >= MIN_COVERAGE.get(best, 0.3) * count and margin >= max(0.6, 0.3 * top):
            return best, 1.0 - 0.3 * math.exp(-margin)
        # langdetect knows no Armenian and would name a wrong language with confidence.
        if best == "hy" and top >= 0.8 and top >= 0.2 * count and margin >= 0.4:
            return "hy", 0.6
        return self._weigh(lowered, scores)

    def _weigh(self, text: str, scores: Mapping[str, float]) -> tuple[str, float]:
        asked = self.ask_langdetect(text)
        asked["az"] = asked.get("tr", 0.0)  # langdetect has no Azerbaijani and says Turkish
        if scores["hy"] >= 2 * ENDING_WEIGHT:
            asked["hy"] = 0.02  # nor Armenian: its silence about it says little
        trust = min(1.0, len(text) / 60)
        logs = {
            language: trust * math.log(asked.get(language, 0.0) + 1e-3)
            + 1.5 * scores.get(language, 0.0)
            + PRIOR.get(language, 0.0)
            for language in {*asked, *scores, "en", "tr"}
        }
        top = max(logs.values())
        odds = {language: math.exp(value - top) for language, value in logs.items()}
        best = max(odds, key=lambda language: (odds[language], language))
        return best, 0.95 * odds[best] / sum(odds.values())


def _scores(lowered: str) -> dict[str, float]:
    """Sum of the cues for each language in lower-case words parted by single spaces."""
    cues = _cues()
    scores: dict[str, float] = defaultdict(float, en=0.0, hy=0.0)
    raw, folded, skeletons = lowered.split(" "), _fold(lowered).split(" "), _skeleton(lowered).split(" ")
    short_armenian = 0.0
    turkic = _TURKIC_LETTER.search(lowered) is not None
    for word, plain, skeleton in zip(raw, folded, skeletons, strict=True):
        shares = cues.words.get(plain)
        if shares is None and "'" in plain:
            if plain.rpartition("'")[2] in cues.armenian_endings:
                scores["hy"] += 2 * ENDING_WEIGHT
                continue  # what the ending is joined to is a name
            shares = tuple(share for part in plain.split("'") for share in cues.words.get(part, ()))
        for language, weight in shares or ():
            scores[language] += weight
        armenian = cues.armenian.get(skeleton, 0.0) if shares != () else 0.0
        if _azerbaijani(word, turkic, armenian):
            scores["az"] += AZERBAIJANI_WORD_WEIGHT
        elif armenian and len(word) > 2 and word.translate(_ARMENIAN_Y).isascii():
            scores["hy"] += armenian
        elif armenian:
            short_armenian += armenian
        elif shares is None and len(word) > 3:
            for language, weight in _ending_scores(word, plain, skeleton, cues):
                scores[language] += weight
    # "em", "es", "e" are words of many languages: they support longer Armenian words and never outweigh them.
    scores["hy"] += min(short_armenian, scores["hy"] + 0.3)
    if _NOT_ARMENIAN.search(lowered):
        scores["hy"] *= 0.5
    for letter in () if lowered.isascii() else set(lowered):
        for language, weight in cues.letters.get(letter, ()):
            scores[language] += weight
    return scores


def _azerbaijani(word: str, turkic: bool, armenian: float) -> bool:
    """The letter ə (which some Armenians write for ը), or a q beside Turkish letters, which Turkish has not."""
    if "ə" in word:
        return turkic or not armenian or len(word) < 4
    return turkic and len(word) > 3 and _LONE_Q.search(word) is not None


def _ending_scores(word: str, plain: str, skeleton: str, cues: _Cues) -> Iterator[tuple[str, float]]:
    """Cues inside a word that stands in no list."""
    if len(skeleton) > 4 and skeleton[-1] in "ae" and skeleton[:-1] in cues.armenian:
        yield "hy", 2 * ENDING_WEIGHT  # the verb "is" written to its word
    elif any(skeleton[-size:] in cues.armenian_endings for size in ENDING_SIZES):
        yield "hy", ENDING_WEIGHT
    if _ARMENIAN_GROUP.search(word):
        yield "hy", ENDING_WEIGHT
    ending = next((plain[-size:] for size in ENDING_SIZES if plain[-size:] in cues.endings), "")
    yield from cues.endings.get(ending, ())


def _weights(scripts: Mapping[str, list[str]]) -> dict[str, float]:
    """About how many words each script has in a text of mixed scripts; Japanese kana count to the Han letters.

    A Latin word with a capital is half a word, for beside another script it is mostly a name.
    """
    weights = {
        script: sum(map(len, words)) / _NO_SPACES[script] if script in _NO_SPACES else float(len(words))
        for script, words in scripts.items()
    }
    if "kana" in weights:
        weights["han"] = weights.get("han", 0.0) + weights.pop("kana")
    if "latin" in weights:
        weights["latin"] = sum(1.0 if word.islower() else 0.5 for word in scripts["latin"])
    return weights


def _code_of_script(script: str, scripts: Mapping[str, list[str]]) -> str:
    if script == "han":
        kana, han = (sum(map(len, scripts.get(name, ()))) for name in ("kana", "han"))
        # A lone kana in a Chinese text is decoration; Japanese is full of them.
        return "ja" if kana > 1 and kana >= 0.2 * (kana + han) else "zh"
    letters = "".join(scripts[script]).lower()
    if script == "cyrillic":
        return _best_effort(letters, _CYRILLIC_LETTERS, "uk" if "і" in letters else "ru")
    if script == "arabic":
        return _best_effort(letters, _ARABIC_LETTERS, "ar")
    return script


def _result(code: str, confidence: float) -> LanguageResult:
    return LanguageResult(code=code, confidence=round(confidence, 4), supported=code in LANGUAGES)


_DETECTOR: Final = LanguageDetector()


def detect(text: str) -> LanguageResult:
    """Language of ``text``, by one detector that the whole process shares; see `LanguageDetector.detect`."""
    return _DETECTOR.detect(text)
