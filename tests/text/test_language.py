"""The language step: each rule, thread safety, the host's langdetect, and floors on the committed lines."""

import csv
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import langdetect
import pytest
from langdetect.detector_factory import DetectorFactory

from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.text import language
from complaintnlp.text.language import LanguageDetector, detect

DATA = Path(__file__).resolve().parents[2] / "data" / "language"


def lines(name: str) -> list[tuple[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["language"], row["text"]) for row in rows]


class Watched(LanguageDetector):
    """Remembers every text that reached langdetect."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def ask_langdetect(self, text: str) -> dict[str, float]:
        self.asked.append(text)
        return super().ask_langdetect(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t",
        "😡😡👎",
        "12345 67,90",
        "!!! ... ???",
        "։ ՞ ՜",
        "<url>",
        "<number> <email>",
        "@support @Turkcell",
        "https://example.com/late-again",
        "write.to.me@example.com",
        ":D ;P",
        "५ ٣ 7",
    ],
)
def test_a_text_without_words_is_empty(text: str) -> None:
    result = detect(text)

    assert (result.code, result.supported, result.confidence) == (None, False, 0.0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Առաքումն ուշացավ", "hy"),
        ("Վատ", "hy"),
        ("物流太慢", "zh"),
        ("服務態度很差，還不能退貨", "zh"),
        ("好", "zh"),
        ("東京の店で買ったけど最悪でした", "ja"),
        ("ひどい", "ja"),
        ("배송이 너무 늦어요", "ko"),
        ("Очень плохо", "ru"),
        ("Дуже погано, їжа холодна", "uk"),
        ("خدمة سيئة", "ar"),
        ("خیلی بد بود، پولم را پس بدهید", "fa"),
        ("ძალიან ცუდი", "ka"),
        ("Πολύ κακό", "el"),
        ("שירות גרוע", "he"),
        ("แย่มาก", "th"),
        ("बहुत खराब", "hi"),
        ("ᏣᎳᎩ", "und"),
    ],
)
def test_the_script_decides(text: str, code: str) -> None:
    result = detect(text)

    assert result.code == code
    assert result.supported is (code in LANGUAGES)
    assert result.confidence > 0.9


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("iPhone 15 Pro Max 用了三天就黑屏", "zh"),
        ("这家の味道不错", "zh"),
        ("I bought this 手机 last week and it broke", "en"),
        ("Курьер-ը շատ ուշ եկավ", "hy"),
        ("Wildberries-ից Samsung Galaxy պատվիրեցի", "hy"),
        ("Заказ на Երևան не пришёл вовремя", "ru"),
    ],
)
def test_mixed_scripts_go_to_the_language_of_most_words(text: str, code: str) -> None:
    assert detect(text).code == code


def test_mixed_scripts_are_less_certain() -> None:
    assert detect("包装破损 very bad").confidence < detect("包装破损").confidence


@pytest.mark.parametrize(
    "text",
    [
        "kargom gelmedi, cok kotu",
        "kötü",
        "KARGOM GELMEDİ",
        "IADE ISTIYORUM",
        "Çoooook güzel",
        "Turkcell'den memnun değilim",
    ],
)
def test_turkish_with_and_without_its_letters(text: str) -> None:
    assert detect(text).code == "tr"


@pytest.mark.parametrize("text", ["late again", "AWFUL", "don't buy", "The Beşiktaş branch was rude", "sooo slow 😡"])
def test_english(text: str) -> None:
    assert detect(text).code == "en"


@pytest.mark.parametrize(
    "text",
    [
        "shat vat spasarkum er",
        "Patvers der chi ekel",
        "SHAT VAT E",
        "khorhurd chem talis",
        "xorhurd chem talis",
        "ghumars het tveq",
        "araqum@ ushacav",
        "araqumə ushacav",
        "araqumy ushatsav",
        "shnorhakalutyun",
        "shnorhakalutiun",
        "Glovo-ic shat dzhgoh em",
    ],
)
def test_armenian_in_latin_letters(text: str) -> None:
    assert detect(text).code == "hy"


@pytest.mark.parametrize(
    "text", ["Çox pis xidmət", "Yaxşı deyil", "Sifarişim üçün gözləyirəm", "Niyə gəlmədi və kim cavab verəcək"]
)
def test_azerbaijani_is_refused(text: str) -> None:
    result = detect(text)

    assert (result.code, result.supported) == ("az", False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Das Paket ist immer noch nicht da", "de"),
        ("Mi pedido nunca llegó", "es"),
        ("Non lo consiglio a nessuno, una vera truffa", "it"),
        ("Paczka nadal nie dotarła", "pl"),
        ("Juda yomon xizmat", "uz"),
    ],
)
def test_other_languages_in_latin_letters_are_refused_by_name(text: str, code: str) -> None:
    result = detect(text)

    assert (result.code, result.supported) == (code, False)


def test_masks_links_and_mentions_are_no_words() -> None:
    assert detect("<url> @DeliveryHelp kargom gelmedi <number>") == detect("kargom gelmedi")
    assert detect("<number> <email> 太慢了").code == "zh"


def test_confidence_is_lower_where_there_is_doubt() -> None:
    clear, short, brand = (detect(text).confidence for text in ("The staff were rude and slow", "rude", "Vodafone"))

    assert 1.0 >= clear > short > brand > 0.0


def test_langdetect_is_not_asked_where_cues_are_clear() -> None:
    detector = Watched()
    for text in (
        "Առաքումն ուշացավ",
        "物流太慢",
        "Очень плохо",
        "shat vat spasarkum er",
        "patvers der chi ekel, amot dzez",
        "kargom gelmedi, cok kotu",
        "Müşteri hizmetleri ilgilenmedi",
        "late again",
        "<url>",
    ):
        detector.detect(text)

    assert detector.asked == []


def test_no_armenian_line_and_few_others_reach_langdetect() -> None:
    detector = Watched()
    hard = lines("hard_cases.tsv")
    for _, text in hard:
        detector.detect(text)
    by_then = len(detector.asked)
    for code, text in hard:
        if code == "hy":
            detector.detect(text)

    assert by_then <= 0.05 * len(hard)
    assert len(detector.asked) == by_then


def test_doubt_is_put_to_langdetect() -> None:
    detector = Watched()
    result = detector.detect("Bredde blir endret når vinduet lukkes")

    assert detector.asked
    assert not result.supported


def test_a_failing_langdetect_still_gives_an_answer() -> None:
    class Featureless(LanguageDetector):
        def ask_langdetect(self, text: str) -> dict[str, float]:
            return {}

    assert Featureless().detect("Vodafone").code in ("en", "tr")
    assert LanguageDetector().ask_langdetect("123 ...") == {}


def test_construction_loads_no_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: DetectorFactory, folder: str) -> None:
        raise AssertionError(folder)

    monkeypatch.setattr(DetectorFactory, "load_profile", refuse)

    assert LanguageDetector().detect("late again").code == "en"
    with pytest.raises(AssertionError):
        LanguageDetector().ask_langdetect("anything")


def test_eight_threads_load_the_profiles_once_and_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    load = DetectorFactory.load_profile

    def counted(self: DetectorFactory, folder: str) -> None:
        loads.append(folder)
        load(self, folder)

    monkeypatch.setattr(DetectorFactory, "load_profile", counted)
    texts = ["Bredde blir endret når vinduet lukkes", "Vodafone", "Itam demes", "absolute Frechheit"] * 4
    shared = LanguageDetector()
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(pool.map(shared.detect, texts))

    assert len(loads) == 1
    assert answers == [LanguageDetector().detect(text) for text in texts[:4]] * 4


def test_the_host_applications_langdetect_and_random_state_stay_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DetectorFactory, "seed", 4711)
    factory = langdetect.detector_factory._factory
    state = random.getstate()

    LanguageDetector().ask_langdetect("Bredde blir endret")

    assert DetectorFactory.seed == 4711
    assert langdetect.detector_factory._factory is factory
    assert random.getstate() == state


def test_the_hosts_seed_does_not_change_our_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "absolute Frechheit"
    answers = []
    for seed in (None, 1, 2):
        monkeypatch.setattr(DetectorFactory, "seed", seed)
        answers.append(LanguageDetector().ask_langdetect(text))

    assert answers[0] == answers[1] == answers[2]


def test_a_long_text_is_judged_by_all_of_it() -> None:
    text = "late again " * 100 + "kargom gelmedi çok kötü müşteri hizmetleri " * 200

    assert detect(text).code == "tr"


@pytest.mark.parametrize("code", LANGUAGES)
def test_floor_on_hard_lines(code: str) -> None:
    found = [detect(text).code == code for language_code, text in lines("hard_cases.tsv") if language_code == code]

    assert len(found) >= 25
    assert sum(found) >= 0.95 * len(found)


@pytest.mark.parametrize("azerbaijani", [True, False])
def test_floor_on_other_languages(azerbaijani: bool) -> None:
    refused = [
        not detect(text).supported for code, text in lines("other_languages.tsv") if (code == "az") is azerbaijani
    ]

    assert len(refused) >= 40
    assert sum(refused) >= 0.95 * len(refused)


def test_the_data_files_hold_what_they_promise() -> None:
    other, hard = lines("other_languages.tsv"), lines("hard_cases.tsv")

    assert len(other) >= 400
    assert len({code for code, _ in other}) >= 18
    assert not {code for code, _ in other} & set(LANGUAGES)
    assert {code for code, _ in hard} == set(LANGUAGES)
    assert len({text for _, text in other + hard}) == len(other) + len(hard)


def test_every_cue_language_is_known_by_name() -> None:
    cues = language._cues()

    assert {code for shares in cues.words.values() for code, _ in shares} >= {"tr", "en", "az", "de", "es"}
    assert all(len(letter) == 1 for letter in cues.letters)
    assert cues.armenian
