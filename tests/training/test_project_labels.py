"""Labels of the project's own: checked on the way in, joined with their texts, never from a held-out text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.corpus_text import text_id
from complaintnlp.training.dataset import load_hand_labels, read_annotations, read_corpora
from complaintnlp.training.project_labels import (
    add_labels,
    load_training_labels,
    read_project_labels,
    split_of,
)

LABELS = {"types": ["delay_wait"], "intensity": 2, "nps": "detractor", "at_risk": 1, "reasons": ["R1"]}
WRITTEN = [f"Սա {number}-րդ գրված տեքստն է, առաքիչը նորից ուշացավ։" for number in range(40)]


def answers(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def corpus_ids(corpora: Path, language: str = "en") -> list[str]:
    return [row["id"] for row in read_corpora(corpora, (language,)) if "massive_id" not in row["labels"]]


def test_labels_by_id_keep_no_text_and_find_it_again(corpora: Path, tmp_path: Path) -> None:
    first, second, third = corpus_ids(corpora)[:3]
    project = tmp_path / "project"
    file = answers(
        tmp_path,
        {"id": first, **LABELS},
        {"id": second, "types": [], "intensity": 0, "nps": "promoter", "at_risk": 0, "reasons": []},
        {"id": third, "skip": 1},
    )
    counts = add_labels([file], project, corpora)
    assert counts == {str(project / "labels" / "en.csv"): 2, "skipped": 1}
    texts = {row["id"]: row["text"] for row in read_corpora(corpora)}
    assert texts[first] not in (project / "labels" / "en.csv").read_text(encoding="utf-8")
    rows = {row["id"]: row for row in read_project_labels(project, corpora)}
    assert rows.keys() == {first, second}
    assert rows[first]["text"] == texts[first]
    assert (rows[first]["failure_types"], rows[first]["primary"]) == ("delay_wait", "delay_wait")
    assert (rows[second]["failure_types"], rows[second]["primary"]) == ("", "")
    assert {row["split"] for row in rows.values()} == {"train"}
    assert rows[first]["source"] == "app-reviews"
    assert rows[first]["language"] == "en"


def test_a_second_reading_replaces_the_first(corpora: Path, tmp_path: Path) -> None:
    first, second = corpus_ids(corpora)[:2]
    add_labels([answers(tmp_path, {"id": first, **LABELS}, {"id": second, **LABELS})], tmp_path, corpora)
    add_labels([answers(tmp_path, {"id": first, **LABELS, "intensity": 4})], tmp_path, corpora)
    levels = {row["id"]: row["intensity"] for row in read_project_labels(tmp_path, corpora)}
    assert levels == {first: "4", second: "2"}


def test_written_texts_carry_their_text(corpora: Path, tmp_path: Path) -> None:
    file = answers(tmp_path, *({"text": text, "lang": "hy", **LABELS} for text in WRITTEN))
    add_labels([file], tmp_path, corpora)
    rows = list(read_project_labels(tmp_path, corpora))
    assert {row["text"] for row in rows} == set(WRITTEN)
    assert {row["origin"] for row in rows} == {"written"}
    assert {row["split"] for row in rows} == {"train", "dev", "test"}
    assert all(row["split"] == split_of(row["id"]) for row in rows)


def test_texts_written_after_a_case_say_so(corpora: Path, tmp_path: Path) -> None:
    plain, after_case = WRITTEN[:2]
    add_labels(
        [
            answers(
                tmp_path,
                {"text": plain, "lang": "hy", **LABELS},
                {"text": after_case, "lang": "hy", "source": "written-after-cases", **LABELS},
            )
        ],
        tmp_path,
        corpora,
    )
    sources = {row["text"]: row["source"] for row in read_project_labels(tmp_path, corpora)}
    assert sources == {plain: "written", after_case: "written-after-cases"}


def test_an_id_does_not_change_with_case_spacing_or_punctuation() -> None:
    assert text_id("Late  again!") == text_id("late again")
    assert text_id("Late again") != text_id("Late against")
    assert len(text_id("x")) == 12


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"types": ["delay"]}, "failure_types 'delay' is not one of delay_wait"),
        ({"intensity": 7}, "intensity '7'"),
        ({"nps": "angry"}, "nps_class 'angry'"),
        ({"reasons": ["R9"]}, "risk_reasons 'R9'"),
    ],
)
def test_a_wrong_label_is_named_and_nothing_is_written(
    row: dict[str, Any], message: str, corpora: Path, tmp_path: Path
) -> None:
    good = corpus_ids(corpora)[0]
    file = answers(tmp_path, {"id": good, **LABELS}, {"id": good, **LABELS, **row})
    with pytest.raises(ConfigurationError, match=r"answers\.jsonl, line 2: " + message):
        add_labels([file], tmp_path / "project", corpora)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1 is no JSON"),
        ("[]", "line 1 must be one JSON object"),
        (json.dumps({"id": "0", **LABELS, "types": None}), "types must be a list of ids"),
        (json.dumps({"id": "0", **LABELS, "reasons": [1]}), "reasons must be a list of ids"),
        ('{"id": "0"}', "line 1 lacks types, intensity, nps, at_risk, reasons"),
        (json.dumps({"id": "000000000000", **LABELS}), "1 ids stand in no file"),
        (json.dumps({"text": "x", "lang": "de", **LABELS}), "lang 'de' is not one of"),
        (
            json.dumps({"text": "x", "lang": "hy", "source": "web", **LABELS}),
            "source 'web' is not one of written, written-after-cases, written-comments, written-bare-facts",
        ),
    ],
)
def test_a_broken_file_is_explained(line: str, message: str, corpora: Path, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        add_labels([path], tmp_path, corpora)


def test_labels_whose_text_is_gone_teach_nothing_and_say_so(
    corpora: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = corpus_ids(corpora)[0]
    add_labels([answers(tmp_path, {"id": first, **LABELS})], tmp_path, corpora)
    path = tmp_path / "labels" / "en.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(first, "0" * 12), encoding="utf-8")
    assert list(read_project_labels(tmp_path, corpora)) == []
    assert "1 labels of" in caplog.text


def test_training_labels_hold_the_projects_and_no_held_out_text(
    annotations: Path, corpora: Path, tmp_path: Path
) -> None:
    held_out = next(row["text"] for row in read_annotations(annotations, "test") if row["language"] == "hy")
    known = next(row["text"] for row in read_annotations(annotations, "train") if row["language"] == "hy")
    texts = [*WRITTEN, f"{held_out}!", f"{known}!"]
    add_labels([answers(tmp_path, *({"text": text, "lang": "hy", **LABELS} for text in texts))], tmp_path, corpora)
    # Whatever split its hash gives it, the near-duplicate of a held-out text must stay out.
    path = tmp_path / "written" / "hy.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",test,", ",train,"), encoding="utf-8")
    plain = load_hand_labels(annotations, "train")
    assert list(load_training_labels(annotations, None, corpora)["id"]) == list(plain["id"])
    added = set(load_training_labels(annotations, tmp_path, corpora)["id"]) - set(plain["id"])
    assert added == {text_id(text) for text in WRITTEN if split_of(text_id(text)) != "dev"}


def test_texts_without_a_word_stay_apart(corpora: Path, tmp_path: Path) -> None:
    rows = [{"text": text, "lang": "tr", **LABELS} for text in ("😡😡", "!!!", "a\u2028b")]
    add_labels([answers(tmp_path, *rows)], tmp_path, corpora)
    assert {row["text"] for row in read_project_labels(tmp_path, corpora)} == {"😡😡", "!!!", "a\u2028b"}


def test_a_text_that_tests_silence_is_never_learned_from(
    corpora: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row for row in read_corpora(corpora, ("en",)) if "massive_id" in row["labels"]]
    project = tmp_path / "project"
    counts = add_labels([answers(tmp_path, *({"id": row["id"], **LABELS} for row in rows))], project, corpora)
    kept = {row["id"] for row in rows if row["labels"]["massive_id"] % 2 == 0}
    assert {row["id"] for row in read_project_labels(project, corpora)} == kept
    assert counts == {str(project / "labels" / "en.csv"): len(kept), "skipped": len(rows) - len(kept)}
    assert len(caplog.messages) == len(rows) - len(kept)
