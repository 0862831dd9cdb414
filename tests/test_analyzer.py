from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from complaintnlp import Analyzer
from complaintnlp.analyzer import _LOOK_AHEAD
from complaintnlp.errors import ConfigurationError, InvalidInputError, ModelFolderError
from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import SETTINGS_FILE
from complaintnlp.model.scores import HEADS
from complaintnlp.records import MAX_TEXT_CHARS, Analysis, Feedback
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, FAILURE_TYPES

Maker = Callable[..., Path]

TEXTS = {
    "tr": "Montaj ekibi söz verdiği gün gelmedi, telefonlara da bakan yok.",
    "zh": "洗衣机送来就是坏的，客服一直不理我。",
    "hy": "Սառնարանը երկրորդ անգամ փչացավ, վարպետը չի գալիս։",
    "en": "The sofa arrived torn and nobody returns my calls.",
}
RUSSIAN = "Холодильник сломался через два дня, мастер не приехал."
JAPANESE = "冷蔵庫が二日で壊れたのに、修理の人が来ませんでした。"
AZERBAIJANI = "Soyuducu iki günə xarab oldu, usta hələ də gəlməyib."


@pytest.fixture(scope="module")
def analyzer(tiny_model: Path) -> Analyzer:
    return Analyzer.load(tiny_model)


def assert_consistent(analysis: Analysis) -> None:
    """What holds for every scored answer."""
    assert analysis.status == "scored"
    codes = [failure.code for failure in analysis.failure_types]
    assert len(codes) == len(set(codes)) <= 4
    assert set(codes) <= set(FAILURE_TYPE_IDS)
    scores = [failure.score for failure in analysis.failure_types]
    assert scores == sorted(scores, reverse=True)
    assert (analysis.primary_failure in codes) if codes else (analysis.primary_failure is None)
    assert analysis.at_risk is not None
    assert (analysis.severity is None) == (analysis.primary_failure is None and not analysis.at_risk.text_flag)
    assert bool(analysis.at_risk.reasons) == analysis.at_risk.text_flag
    assert analysis.at_risk.flag >= analysis.at_risk.text_flag
    assert analysis.intensity is not None
    assert analysis.nps is not None
    assert analysis.recovery is not None
    assert analysis.recovery.steps
    assert analysis.needs_review == bool(analysis.review_reasons)


# --- statuses


@pytest.mark.parametrize("language", TEXTS)
def test_each_supported_language_is_scored(analyzer: Analyzer, language: str) -> None:
    analysis = analyzer.analyze(TEXTS[language])
    assert_consistent(analysis)
    assert analysis.language.code == language
    assert analysis.language.supported
    assert analysis.nps is not None
    assert analysis.nps.source == "text"
    assert (analysis.model.name, analysis.model.version) == ("tiny", "0.0.1")
    assert analysis.model == analyzer.info
    assert Analysis.model_validate_json(analysis.to_json()) == analysis


@pytest.mark.parametrize(("text", "code"), [(RUSSIAN, "ru"), (JAPANESE, "ja"), (AZERBAIJANI, "az")])
def test_another_language_gets_no_invented_scores(analyzer: Analyzer, text: str, code: str) -> None:
    analysis = analyzer.analyze(text)
    assert analysis == Analysis(
        id=None,
        status="unsupported",
        language=analysis.language,
        needs_review=True,
        review_reasons=("unsupported_language",),
        model=analyzer.info,
    )
    assert (analysis.language.code, analysis.language.supported) == (code, False)


@pytest.mark.parametrize("text", ["", "   \n\t", "😡😡😡", "👍🏽", "12345678901", "3/5 !!!", "https://a.b/c", "\x00"])
def test_nothing_to_read_is_empty(analyzer: Analyzer, text: str) -> None:
    analysis = analyzer.analyze(text)
    assert analysis == Analysis(
        id=None, status="empty", language=analysis.language, needs_review=False, model=analyzer.info
    )
    assert analysis.language.code is None


def test_a_given_language_overrides_the_detected_one(analyzer: Analyzer) -> None:
    for text in (AZERBAIJANI, TEXTS["en"]):
        analysis = analyzer.analyze({"text": text, "language": "tr"})
        assert_consistent(analysis)
        assert (analysis.language.code, analysis.language.confidence) == ("tr", 1.0)
    assert analyzer.analyze({"text": "😡😡", "language": "tr"}).status == "empty"


# --- survey scores and stars


@pytest.mark.parametrize(("score", "nps_class"), [(0, "detractor"), (6, "detractor"), (8, "passive"), (10, "promoter")])
def test_a_survey_score_overrides_the_text(analyzer: Analyzer, score: int, nps_class: str) -> None:
    plain = analyzer.analyze(TEXTS["tr"])
    surveyed = analyzer.analyze({"text": TEXTS["tr"], "nps_score": score})
    assert surveyed.nps is not None
    assert plain.nps is not None
    assert (surveyed.nps.nps_class, surveyed.nps.source) == (nps_class, "survey")
    assert surveyed.nps.probabilities == plain.nps.probabilities
    assert surveyed.failure_types == plain.failure_types
    assert surveyed.at_risk is not None
    assert plain.at_risk is not None
    assert surveyed.at_risk.probability == plain.at_risk.probability
    named = [part.signal for part in surveyed.at_risk.contributions]
    assert ("detractor" in named) == (nps_class == "detractor")


@pytest.mark.parametrize(("text", "status"), [(RUSSIAN, "unsupported"), ("😡", "empty")])
def test_a_survey_score_stands_where_no_text_can_be_read(analyzer: Analyzer, text: str, status: str) -> None:
    analysis = analyzer.analyze({"text": text, "nps_score": 9})
    assert analysis.status == status
    assert analysis.nps is not None
    assert (analysis.nps.nps_class, analysis.nps.probabilities, analysis.nps.source) == ("promoter", None, "survey")


@pytest.mark.parametrize("rating", [1, 5])
def test_stars_change_nothing(analyzer: Analyzer, rating: int) -> None:
    assert analyzer.analyze({"text": TEXTS["zh"], "rating": rating}) == analyzer.analyze(TEXTS["zh"])


def test_who_names_no_failure_is_answered_by_the_survey_class(make_model: Maker) -> None:
    quiet = Policy(failure_types=(1.0,) * 13).to_dict()
    analyzer = Analyzer.load(make_model(thresholds=quiet))
    for score, first in ((0, "ask_open_question"), (10, "thank_customer")):
        analysis = analyzer.analyze({"text": TEXTS["en"], "nps_score": score})
        assert analysis.failure_types == ()
        assert analysis.severity is None
        assert analysis.recovery is not None
        assert first in [step.action for step in analysis.recovery.steps]


# --- consistency


def mixed(count: int) -> list[str]:
    words = [*" ".join(TEXTS.values()).split(), "😡", RUSSIAN, "12345", "geç!!!"]
    return [" ".join(words[(i * k) % len(words)] for k in range(1, 2 + i % 9)) for i in range(count)]


def test_every_answer_is_consistent(analyzer: Analyzer) -> None:
    answers = [analyzer.analyze(text) for text in mixed(300)]
    scored = [answer for answer in answers if answer.status == "scored"]
    for answer in scored:
        assert_consistent(answer)
    # The tiny model must exercise what is checked.
    assert {answer.status for answer in answers} == {"scored", "unsupported", "empty"}
    assert {len(answer.failure_types) for answer in scored} >= {1, 2, 3, 4}
    assert len({answer.primary_failure for answer in scored}) > 4
    assert {answer.at_risk.flag for answer in scored if answer.at_risk} == {True, False}
    assert len({answer.to_json() for answer in scored}) > 100


def test_the_same_answer_alone_in_a_batch_in_any_order_and_from_threads(analyzer: Analyzer, tiny_model: Path) -> None:
    texts = mixed(120)
    alone = [analyzer.analyze(text) for text in texts]
    assert list(analyzer.analyze_many(texts, workers=4)) == alone
    assert list(analyzer.analyze_many(texts[::-1], workers=3))[::-1] == alone
    assert list(analyzer.analyze_many(texts)) == alone
    fresh = Analyzer.load(tiny_model)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh.analyze, texts)) == alone


def test_ids_are_kept_in_order(analyzer: Analyzer) -> None:
    items: list[dict[str, Any]] = [{"id": f"n-{i}", "text": text} for i, text in enumerate(mixed(50))]
    assert [answer.id for answer in analyzer.analyze_many(items)] == [item["id"] for item in items]
    assert analyzer.analyze(items[7]).id == "n-7"
    assert analyzer.analyze(Feedback(text=RUSSIAN, id="x")).id == "x"
    assert analyzer.analyze(TEXTS["hy"]).id is None


# --- analyze_many


class Source:
    """An endless source that counts what was read."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number in itertools.count():
            self.read += 1
            yield {"id": str(number), "text": TEXTS["tr"]}


@pytest.mark.parametrize("workers", [1, 3])
def test_it_is_lazy_and_reads_ahead_only_a_few(analyzer: Analyzer, workers: int) -> None:
    source = Source()
    answers = analyzer.analyze_many(source, workers=workers)
    assert source.read == 0
    for number in range(100):
        assert next(answers).id == str(number)
        assert number < source.read <= number + 1 + workers * _LOOK_AHEAD
    read = source.read
    answers.close()  # type: ignore[attr-defined]
    assert source.read == read


def test_no_feedback_no_answer(analyzer: Analyzer) -> None:
    assert list(analyzer.analyze_many([])) == []


def test_an_invalid_item_is_told_when_its_turn_comes(analyzer: Analyzer) -> None:
    answers = analyzer.analyze_many([TEXTS["en"], TEXTS["tr"], {"text": "x", "rating": 9}, TEXTS["zh"]], workers=2)
    assert [next(answers).language.code, next(answers).language.code] == ["en", "tr"]
    with pytest.raises(InvalidInputError, match="rating"):
        next(answers)


def test_an_error_of_the_source_is_passed_on(analyzer: Analyzer) -> None:
    def broken() -> Iterator[str]:
        yield TEXTS["en"]
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(analyzer.analyze_many(broken(), workers=1))


@pytest.mark.parametrize("workers", [0, -2])
def test_an_impossible_number_of_workers_is_refused(analyzer: Analyzer, workers: int) -> None:
    with pytest.raises(InvalidInputError, match=f"workers: {workers} is not allowed"):
        list(analyzer.analyze_many(["x"], workers=workers))


# --- hostile and extreme input


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (5, "input"),
        (None, "input"),
        ([TEXTS["en"]], "input"),
        ({}, "text: required"),
        ({"text": None}, "text"),
        ({"text": "x", "language": "ru"}, "language"),
        ({"text": "x", "nps_score": 11}, "nps_score"),
        ({"text": "x", "stars": 3}, "stars: unknown field"),
        ("kötü\ud800", "lone surrogate"),
        ("x" * 1_000_000, "50,000 characters"),
    ],
)
def test_bad_input_is_refused_by_name(analyzer: Analyzer, item: Any, place: str) -> None:
    with pytest.raises(InvalidInputError, match=place):
        analyzer.analyze(item)


@pytest.mark.parametrize("language", ["tr", "zh"])
def test_the_longest_text_is_read_to_its_end(analyzer: Analyzer, language: str) -> None:
    text = (TEXTS[language] * 3000)[:MAX_TEXT_CHARS]
    assert len(text) == MAX_TEXT_CHARS
    assert_consistent(analyzer.analyze(text))


def test_what_stands_at_the_end_of_a_long_text_counts(analyzer: Analyzer) -> None:
    start = "the staff was kind and the room was clean and warm " * 40
    plain, ended = (analyzer.analyze(start + end) for end in ("", TEXTS["en"] * 3))
    assert plain.nps != ended.nps
    assert plain.status == ended.status == "scored"


@pytest.mark.parametrize("noise", ["\x00", "\u200b", "\x1b", "\ufeff"])
def test_invisible_characters_change_nothing(analyzer: Analyzer, noise: str) -> None:
    text = TEXTS["tr"]
    assert analyzer.analyze(noise.join(text[i : i + 5] for i in range(0, len(text), 5))) == analyzer.analyze(text)


# --- review


def test_a_doubtful_answer_is_to_be_reviewed(make_model: Maker) -> None:
    model = make_model(thresholds=Policy(review_below=1.0).to_dict())
    assert Analyzer.load(model).analyze(TEXTS["en"]).review_reasons == ("low_confidence",)
    both = Analyzer.load(model).analyze("tmm")
    assert both.language.confidence < 0.6
    assert both.review_reasons == ("low_confidence", "doubtful_language")


def test_a_sure_answer_is_not(make_model: Maker) -> None:
    analyzer = Analyzer.load(make_model(thresholds=Policy(review_below=0.0).to_dict()))
    assert not analyzer.analyze(TEXTS["en"]).needs_review
    assert analyzer.analyze("tmm").review_reasons == ("doubtful_language",)
    assert not analyzer.analyze({"text": "tmm", "language": "tr"}).needs_review


# --- loading


def test_a_model_with_wrong_thresholds_is_refused(make_model: Maker) -> None:
    model = make_model(thresholds={"at_risk": 0.5})
    with pytest.raises(ModelFolderError, match=r"thresholds are incomplete") as caught:
        Analyzer.load(model)
    assert str(model) in str(caught.value)


def test_a_wanted_precision_takes_its_own_thresholds(make_model: Maker) -> None:
    point = {"threshold": 1.0, "precision": 0.9, "recall": 1.0, "held_out": None}
    model = make_model(precision={"0.9": {"failure_types": point, "at_risk": point}})
    plain, precise = Analyzer.load(model), Analyzer.load(model, precision=0.9)
    answer = precise.analyze(TEXTS["en"])
    assert plain.analyze(TEXTS["en"]).failure_types
    assert answer.failure_types == ()
    assert answer.at_risk is not None
    assert not answer.at_risk.text_flag
    with pytest.raises(InvalidInputError, match=r"precision 0.5 is not one of"):
        Analyzer.load(model, precision=0.5)


def test_the_name_and_version_come_from_the_folder(make_model: Maker) -> None:
    model = make_model(name="other", version="7")
    assert json.loads((model / SETTINGS_FILE).read_text(encoding="utf-8"))["name"] == "other"
    info = Analyzer.load(str(model)).info
    assert (info.name, info.version) == ("other", "7")


@pytest.mark.parametrize("text", ["Заказ не пришёл, очень плохо", "الطلب متأخر جدا وسيئ", "商品がまだ届きません"])
def test_a_given_language_does_not_make_another_script_readable(tiny_model: Path, text: str) -> None:
    answer = Analyzer.load(tiny_model).analyze({"text": text, "language": "tr"})
    assert answer.status == "unsupported"
    assert answer.failure_types == ()


def test_a_given_language_against_the_script_is_sent_to_review(tiny_model: Path) -> None:
    answer = Analyzer.load(tiny_model).analyze({"text": "房间有霉味，空调也不制冷。", "language": "tr"})
    assert answer.language.code == "zh"
    assert "language_conflict" in answer.review_reasons


# --- from labels to work


def test_the_answer_holds_risk_plan_and_reply(analyzer: Analyzer) -> None:
    customer = {"tier": "vip", "complaints_30d": 2, "preferred_language": "en"}
    written = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    plain = analyzer.analyze({"text": TEXTS["tr"], "created_at": written, "channel": "email"})
    known = analyzer.analyze({"text": TEXTS["tr"], "created_at": written, "channel": "email", "customer": customer})
    assert plain.at_risk is not None
    assert known.at_risk is not None
    assert known.at_risk.score > plain.at_risk.score
    assert known.at_risk.priority == pytest.approx(known.at_risk.score * known.at_risk.value_factor)
    assert known.at_risk.value_factor > 1
    for answer in (plain, known):
        assert answer.recovery is not None
        assert answer.recovery.first_reply_due is not None
        assert answer.recovery.first_reply_due > written
        assert answer.reply
    assert known.reply is not None
    assert known.reply.isascii()  # drafted in English, as this customer prefers


def test_due_times_need_a_beginning(analyzer: Analyzer) -> None:
    plan = analyzer.analyze(TEXTS["tr"]).recovery
    assert plan is not None
    assert plan.first_reply_due is None
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    (timed,) = analyzer.analyze_many([TEXTS["tr"]], now=now)
    assert timed.recovery is not None
    assert timed.recovery.first_reply_due is not None
    assert timed.recovery.first_reply_due >= now


def test_evidence_is_given_on_request_and_points_into_the_text(analyzer: Analyzer) -> None:
    text = "  Kargo &amp; paket GELMEDİ, üçüncü kez   aradım!!! Çok kötü."
    assert analyzer.analyze(text).evidence is None
    analysis = analyzer.analyze(text, evidence=True)
    assert analysis.evidence is not None
    allowed = {failure.code for failure in analysis.failure_types} | {"R1", "R2", "R3", "R4", "intensity", "severity"}
    assert {found.label for found in analysis.evidence} <= allowed
    for found in analysis.evidence:
        assert 0 <= found.start < found.end <= len(text)
        assert text[found.start : found.end].strip()


def test_a_companys_playbook_and_points_change_the_answer(tiny_model: Path, tmp_path: Path) -> None:
    rows = tmp_path / "ours.toml"
    rows.write_text('[unnamed.detractor]\nowner = "Operations"\n', encoding="utf-8")
    ours = Analyzer.load(tiny_model, playbook=rows)
    texts = [*TEXTS.values(), "it was bad", "late", "I am leaving you"]
    changed = [
        (before.recovery, after.recovery)
        for before, after in zip(Analyzer.load(tiny_model).analyze_many(texts), ours.analyze_many(texts), strict=True)
        if before.primary_failure is None and before.nps is not None and before.nps.nps_class == "detractor"
    ]
    for before, after in changed:
        assert before is not None
        assert after is not None
        assert after.owner == "Operations" != before.owner
    rows.write_text('[unnamed.detractor]\nowner = "Nobody"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"ours\.toml"):
        Analyzer.load(tiny_model, playbook=rows)


def test_a_given_language_leaves_no_doubt_where_detection_agrees(analyzer: Analyzer) -> None:
    assert analyzer.analyze("bad").language.confidence < 1
    assert analyzer.analyze({"text": "bad", "language": "en"}).language.confidence == 1.0


def test_the_reply_depends_on_the_text_alone(analyzer: Analyzer) -> None:
    replies = {analyzer.analyze({"id": name, "text": TEXTS["tr"]}).reply for name in ("1", "2", None)}
    assert len(replies) == 1


def test_now_needs_a_time_zone(analyzer: Analyzer) -> None:
    with pytest.raises(InvalidInputError, match="now: it has no time zone"):
        analyzer.analyze(TEXTS["tr"], now=datetime(2026, 1, 1))


def test_the_plan_says_how_the_customer_wants_to_be_reached(analyzer: Analyzer) -> None:
    plan = analyzer.analyze({"text": TEXTS["tr"], "customer": {"preferred_channel": "messaging"}}).recovery
    assert plan is not None
    assert plan.channel.endswith("; customer prefers messaging")


# --- own failure types

OWN_TYPES = {
    "own_failure_types": [
        {"id": "parking", "names": {"en": "Parking", "tr": "Otopark"}, "like": "facility_hygiene", "threshold": 0.0}
    ],
    "temperatures": dict.fromkeys((*HEADS, "own_types"), 1.0),
    "thresholds": Policy(failure_types=(1.0,) * len(FAILURE_TYPE_IDS), at_risk=1.0).to_dict(),
}


def test_an_own_type_is_answered_and_handled_like_a_known_one(make_model: Maker) -> None:
    analyzer = Analyzer.load(make_model(**OWN_TYPES))
    assert analyzer.own_types == ("parking",)
    assert list(analyzer.failure_types) == [*FAILURE_TYPE_IDS, "parking"]
    answer = analyzer.analyze("There was nowhere to park near the hotel.", evidence=True)
    assert [found.code for found in answer.failure_types] == ["parking"] == [answer.primary_failure]
    assert answer.severity == FAILURE_TYPES["facility_hygiene"].base_severity
    assert answer.recovery is not None
    assert "failure__facility_hygiene" in answer.recovery.tags
    assert answer.reply
    assert answer.evidence is not None
    assert "parking" in {found.label for found in answer.evidence}
    assert Analysis.model_validate_json(answer.to_json()) == answer


def test_an_earlier_complaint_may_name_an_own_type_of_this_model_alone(make_model: Maker, analyzer: Analyzer) -> None:
    own = Analyzer.load(make_model(**OWN_TYPES))
    earlier = [{"date": "2026-08-01", "type": "parking"}]
    asked = {"text": "Again nowhere to park.", "created_at": "2026-09-20", "customer": {"previous_complaints": earlier}}
    risk = own.analyze(asked).at_risk
    assert risk is not None
    assert "repeat_failure" in {part.signal for part in risk.contributions}
    with pytest.raises(InvalidInputError, match=r"previous_complaints\.0\.type: no failure type; allowed: delay_wait"):
        analyzer.analyze(asked)
    earlier[0]["type"] = "parkin"
    with pytest.raises(InvalidInputError, match="info_promise, parking"):
        own.analyze(asked)
