"""What may be trained on, and with which targets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from complaintnlp.errors import ConfigurationError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, LANGUAGES
from complaintnlp.training.dataset import (
    EVALUATION_ONLY,
    FEATURES,
    HeldOut,
    fingerprint,
    hand_targets,
    is_out_of_domain_test,
    load_hand_labels,
    load_weak_labels,
    near_duplicate_key,
    read_annotations,
    read_corpora,
    sample_corpora,
    sample_language,
    weak_targets,
)
from complaintnlp.training.label_mapping import LabelMapping, WeakTargets, load_mapping

SHARED = Path(__file__).resolve().parents[3] / "shared"
NOTHING = WeakTargets({}, None, None, None, None, {}, 0.3)

Row = dict[str, str]
Write = Callable[[Mapping[str, Iterable[Mapping[str, Any]]]], Path]
Make = Callable[..., dict[str, Any]]


def columns(dataset: Dataset) -> dict[str, Any]:
    return {name: np.asarray(dataset[name]) for name in ("failure_types", "primary", "intensity", "nps", "at_risk")}


@pytest.fixture
def mapping(tmp_path: Path) -> LabelMapping:
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[[rule]]\nsource = ["shop", "massive"]\nlabel = "stars"\nmax = 2\n'
        'failure_types = { poor_quality = 0.75 }\nweight = 0.5\nwhy = "a test"\n',
        encoding="utf-8",
    )
    return load_mapping(path)


def test_a_hand_labelled_row_teaches_every_head(annotate: Make) -> None:
    row = annotate("train", "x", "delay_wait;staff_conduct", primary="staff_conduct", intensity="3")
    row |= {"nps_class": "detractor", "at_risk": "1", "risk_reasons": "R1;R3"}
    targets = hand_targets(row)
    assert targets["weight"] == 1.0
    assert [n for n, v in zip(FAILURE_TYPE_IDS, targets["failure_types"], strict=True) if v] == [
        "delay_wait",
        "staff_conduct",
    ]
    assert targets["primary"].index(1.0) == FAILURE_TYPE_IDS.index("staff_conduct")
    assert sum(targets["primary"]) == 1.0
    assert targets["intensity"] == [1.0, 1.0, 1.0, 0.0]
    assert targets["nps"] == [1.0, 0.0, 0.0]
    assert targets["at_risk"] == 1.0
    assert targets["risk_reasons"] == [1.0, 0.0, 1.0, 0.0]


def test_a_text_without_a_failure_does_not_teach_the_primary_type(annotate: Make) -> None:
    targets = hand_targets(annotate("train", "x"))
    assert all(math.isnan(value) for value in targets["primary"])
    assert targets["failure_types"] == [0.0] * len(FAILURE_TYPE_IDS)


def test_what_the_mapping_leaves_open_is_masked() -> None:
    targets = weak_targets(NOTHING)
    assert targets["weight"] == 0.3
    for head in ("failure_types", "primary", "intensity", "nps", "risk_reasons"):
        assert all(math.isnan(value) for value in targets[head]), head
    assert math.isnan(targets["at_risk"])


def test_what_the_mapping_knows_is_kept() -> None:
    targets = weak_targets(
        WeakTargets(
            {"poor_quality": 0.8}, "poor_quality", (0.1, 0.2, 0.3, 0.3, 0.1), (0.7, 0.2, 0.1), 0.25, {"R2": 0.5}, 0.4
        )
    )
    known = dict(zip(FAILURE_TYPE_IDS, targets["failure_types"], strict=True))
    assert known.pop("poor_quality") == 0.8
    assert all(math.isnan(value) for value in known.values())
    assert targets["primary"][FAILURE_TYPE_IDS.index("poor_quality")] == 1.0
    assert targets["intensity"] == pytest.approx([0.9, 0.7, 0.4, 0.1])
    assert targets["nps"] == [0.7, 0.2, 0.1]
    assert targets["at_risk"] == 0.25
    assert targets["risk_reasons"][1] == 0.5
    assert math.isnan(targets["risk_reasons"][0])


def test_masks_survive_the_data_set() -> None:
    row = {"id": "a", "language": "en", "source": "s", "origin": "weak", "text": "t", **weak_targets(NOTHING)}
    dataset = Dataset.from_list([row], features=FEATURES)
    assert all(np.isnan(values).all() for values in columns(dataset).values())
    assert dataset["weight"][0] == pytest.approx(0.3)


def test_each_split_holds_its_own_rows_of_all_languages(annotations: Path) -> None:
    ids: list[str] = []
    for split in ("train", "dev", "test"):
        dataset = load_hand_labels(annotations, split)
        assert set(dataset["language"]) == set(LANGUAGES)
        ids += dataset["id"]
    assert sorted(ids) == sorted(row["id"] for row in read_annotations(annotations))
    assert len(set(ids)) == len(ids)


def test_evaluation_only_texts_never_train(annotate: Make, annotation_folder: Write) -> None:
    rows = [
        annotate("train", "Սա կարելի է", origin="adapted"),
        annotate("train", "Սա չի կարելի", origin=EVALUATION_ONLY),
        annotate("dev", "Սա միայն չափելու համար է", origin=EVALUATION_ONLY),
    ]
    folder = annotation_folder({"hy": rows})
    assert list(load_hand_labels(folder, "train")["id"]) == [rows[0]["id"]]
    assert list(load_hand_labels(folder, "dev")["id"]) == [rows[2]["id"]]


def test_texts_are_normalised(annotate: Make, annotation_folder: Write) -> None:
    folder = annotation_folder({"en": [annotate("train", "so   baaaaaad &amp; late")]})
    assert load_hand_labels(folder, "train")["text"][0] == "so baaad & late"


def test_a_missing_file_or_an_unknown_split_is_named(annotate: Make, annotation_folder: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"tr\.csv is missing; --annotations"):
        list(read_annotations(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"tr\.jsonl\.gz is missing; --corpora"):
        list(read_corpora(tmp_path / "nowhere"))
    row = annotate("validation", "a text")
    folder = annotation_folder({"zh": [row]})
    with pytest.raises(ConfigurationError, match=rf"zh\.csv, id {row['id']}: split 'validation' is not one of train"):
        list(read_annotations(folder))


def test_texts_that_start_alike_share_a_key() -> None:
    start = "The parcel came late, and when I called the shop nobody there knew where it was"
    assert near_duplicate_key(start + "!!! one") == near_duplicate_key(start.upper() + "... two")
    assert near_duplicate_key("The parcel came") != near_duplicate_key("The parcel came late")


def test_held_out_texts_are_known_by_id_by_source_and_by_their_start(annotate: Make) -> None:
    start = "Երեք օր սպասեցի առաքմանը, բայց ոչ ոք չզանգահարեց, և ծանրոցն էլ չեկավ մինչև այսօր"
    test = annotate("test", start + "։ Վերջ", source_id="0123456789ab")
    held_out = HeldOut([test, annotate("train", "one to learn from")])
    assert held_out.holds(test["id"], "another text")
    assert held_out.holds("0123456789ab", "the text that was adapted")
    assert held_out.holds("ffffffffffff", start.upper() + "!")
    assert not held_out.holds("ffffffffffff", "another text")
    assert not held_out.holds("ffffffffffff", "one to learn from")
    assert not held_out.holds("", "another text")


def test_weak_labels_leave_out_what_is_held_out_excluded_or_untaught(
    annotate: Make, crawled: Make, annotation_folder: Write, corpora_folder: Write, mapping: LabelMapping
) -> None:
    start = "we waited in the cold for the bus that the travel office had promised us for nine o'clock"
    dev, test = annotate("dev", start + ", in vain"), annotate("test", "It was awful.")
    known = crawled("en", "shop", "labelled by hand", stars=1)
    good = crawled("en", "shop", "the colour   washed out", stars=1)
    rows = [
        good,
        known,
        crawled("en", "shop", start.upper() + " - and it rained", stars=1),
        {**crawled("en", "shop", "quite another text", stars=1), "id": test["id"]},
        crawled("en", "shop", "no rule speaks of five stars", stars=5),
        crawled("en", "elsewhere", "no rule speaks of this source", stars=1),
        crawled("en", "shop", "\u200b", stars=1),
        crawled("en", "massive", "wake me at seven", massive_id="7", stars=1),
        crawled("tr", "massive", "beni sekizde uyandır", massive_id="8", stars=1),
    ]
    held_out = HeldOut.of(annotation_folder({"en": [dev, test]}))
    corpora = corpora_folder({language: [r for r in rows if r["lang"] == language] for language in LANGUAGES})
    dataset = load_weak_labels(corpora, held_out, mapping, per_source=100, exclude=frozenset({known["id"]}))
    assert sorted(dataset["text"]) == ["beni sekizde uyandır", "the colour washed out"]
    assert set(dataset["origin"]) == {"weak"}
    types = np.asarray(dataset["failure_types"])
    assert (np.isnan(types).sum(axis=1) == len(FAILURE_TYPE_IDS) - 1).all()
    assert np.nanmax(types) == 0.75


def test_a_larger_sample_holds_the_smaller(corpora: Path) -> None:
    def ids(per_source: int) -> set[str]:
        return {row["id"] for row in sample_corpora(corpora, HeldOut([]), per_source=per_source)}

    small, middle, large = ids(2), ids(5), ids(1000)
    assert small < middle < large
    sizes = Counter((row["lang"], row["source"]) for row in sample_corpora(corpora, HeldOut([]), per_source=2))
    assert set(sizes.values()) == {2}
    assert len(sizes) == 2 * len(LANGUAGES)


def test_a_language_is_sampled_over_all_its_sources(corpora: Path) -> None:
    def ids(count: int, exclude: frozenset[str] = frozenset()) -> list[str]:
        rows = sample_language(corpora, "hy", count, HeldOut([]), exclude=exclude)
        assert {row["lang"] for row in rows} == {"hy"}
        return [row["id"] for row in rows]

    everything = {row["id"] for row in sample_corpora(corpora, HeldOut([]), per_source=1000) if row["lang"] == "hy"}
    assert set(ids(1000)) == everything
    assert ids(5) == ids(20)[:5]
    assert ids(4, frozenset(ids(1))) == ids(5)[1:]


def test_odd_voice_commands_are_never_sampled(corpora: Path) -> None:
    sampled = [row["labels"].get("massive_id") for row in sample_corpora(corpora, HeldOut([]), per_source=1000)]
    commands = [number for number in sampled if number is not None]
    assert len(commands) == 5 * len(LANGUAGES)
    assert all(number % 2 == 0 for number in commands)
    assert not any(
        row["source"] != "massive"
        for row in sample_corpora(corpora, HeldOut([]), per_source=3, sources=frozenset({"massive"}))
    )


def test_the_fingerprint_ignores_order_and_sees_every_change(annotations: Path) -> None:
    dataset = load_hand_labels(annotations, "dev")
    rows = dataset.to_list()
    print_ = fingerprint(dataset)
    assert fingerprint(Dataset.from_list(rows[::-1], features=FEATURES)) == print_
    assert fingerprint(dataset.select_columns(dataset.column_names[::-1])) == print_

    def changed(**values: Any) -> str:
        return fingerprint(Dataset.from_list([{**rows[0], **values}, *rows[1:]], features=FEATURES))

    assert changed() == print_
    others = {
        changed(at_risk=1.0 - rows[0]["at_risk"]),
        changed(failure_types=rows[0]["failure_types"][::-1]),
        changed(intensity=[1.0, 1.0, 1.0, 1.0]),
        changed(text=rows[0]["text"] + "!"),
        changed(weight=0.5),
        fingerprint(dataset.select(range(len(rows) - 1))),
    }
    assert len(others) == 6
    assert print_ not in others


@pytest.mark.skipif(not (SHARED / "annotations").is_dir(), reason="the real hand labels are not beside this checkout")
def test_no_real_training_text_is_held_out() -> None:
    annotations = SHARED / "annotations"
    held_out = HeldOut.of(annotations)
    hand = load_hand_labels(annotations, "train")
    assert len(hand) > 1000
    assert EVALUATION_ONLY not in set(hand["origin"])
    # An id alone says which text it is: a failing assertion must not print a customer's words.
    assert [i for i, text in zip(hand["id"], hand["text"], strict=True) if held_out.holds(i, text)] == []
    adapted = [row for row in read_annotations(annotations, "train") if row["source_id"]]
    assert [row["id"] for row in adapted if held_out.holds(row["source_id"], "")] == []


@pytest.mark.skipif(not (SHARED / "corpora").is_dir(), reason="the real corpora are not beside this checkout")
def test_no_real_corpus_text_in_training_is_held_out() -> None:
    annotations = SHARED / "annotations"
    held_out = HeldOut.of(annotations)
    evaluated = [row for row in read_annotations(annotations) if row["split"] != "train"]
    ids = {row["id"] for row in evaluated} | {row["source_id"] for row in evaluated if row["source_id"]}
    keys = {near_duplicate_key(row["text"]) for row in evaluated}
    weak = load_weak_labels(SHARED / "corpora", held_out, load_mapping(), per_source=20)
    assert set(weak["language"]) == set(LANGUAGES)
    assert len(weak) > 500
    assert not ids & set(weak["id"])
    assert [i for i, text in zip(weak["id"], weak["text"], strict=True) if near_duplicate_key(text) in keys] == []
    chosen = set(weak["id"])
    commands = [row for row in read_corpora(SHARED / "corpora", ["hy"]) if row["source"] == "massive"]
    assert any(row["id"] in chosen for row in commands)
    assert not any(row["id"] in chosen for row in commands if is_out_of_domain_test(row))
