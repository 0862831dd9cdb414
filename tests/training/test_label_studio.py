"""Label Studio: its interface, tasks out, labels in."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from complaintnlp.errors import InputFileError, InvalidInputError
from complaintnlp.model.own_type import OwnType
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, FAILURE_TYPES, LANGUAGES
from complaintnlp.training.label_studio import labelling_config, write_table, write_tasks
from complaintnlp.training.own_data import OwnLabels, read_own_texts
from complaintnlp.training.own_types import load_type_names


def choices(name: str, *labels: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def task(text: str, *annotations: dict[str, Any], **data: str) -> dict[str, Any]:
    return {"id": 1, "data": {"text": text, **data}, "annotations": list(annotations), "predictions": []}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_interface_offers_every_label(language: str) -> None:
    view = ET.fromstring(labelling_config(language))  # noqa: S314 - written by ourselves
    questions = {each.attrib["name"]: each for each in view.iter("Choices")}
    types = {each.attrib["alias"]: each.attrib["value"] for each in questions["failure_types"]}
    assert types == {name: FAILURE_TYPES[name].name(language) for name in FAILURE_TYPE_IDS}
    assert questions["failure_types"].attrib["choice"] == "multiple"
    assert questions["primary"].attrib["choice"] == "single-radio"
    assert [each.attrib["alias"] for each in questions["intensity"]] == list("01234")
    assert {each.attrib["toName"] for each in questions.values()} == {"text"}


def test_the_interface_offers_own_types_after_the_13() -> None:
    own = OwnType.of("battery_life", {"names": {"en": "Battery life", "tr": "Pil ömrü"}, "like": "poor_quality"})
    view = ET.fromstring(labelling_config("tr", [own]))  # noqa: S314 - written by ourselves
    questions = {each.attrib["name"]: [choice.attrib["alias"] for choice in each] for each in view.iter("Choices")}
    assert questions["failure_types"] == questions["primary"] == [*FAILURE_TYPE_IDS, "battery_life"]
    assert "battery_life" not in questions["intensity"]
    assert any(each.attrib["value"] == "Pil ömrü" for each in view.iter("Choice"))


def test_a_language_without_names_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="language 'de' is not one of tr, zh, hy, en"):
        labelling_config("de")


def test_tasks_keep_text_id_and_language(tmp_path: Path) -> None:
    rows = [{"id": "7", "text": "Geç geldi", "language": "tr", "value": "0.3"}, {"text": "坏了", "id": ""}]
    assert write_tasks(rows, tmp_path / "out" / "tasks.json") == 2
    assert json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8")) == [
        {"data": {"id": "7", "language": "tr", "text": "Geç geldi"}},
        {"data": {"text": "坏了"}},
    ]


def test_an_export_becomes_a_table_that_can_be_trained_on(tmp_path: Path) -> None:
    first = {"result": [choices("failure_types", "price_billing")]}
    last = {
        "result": [
            choices("failure_types", "delay_wait", FAILURE_TYPES["staff_conduct"].name("tr")),
            choices("primary", "delay_wait"),
            choices("intensity", "3"),
            choices("nps_class", "detractor"),
            choices("risk_reasons", "R1"),
        ]
    }
    cancelled = {"result": [choices("failure_types", "refund_return")], "was_cancelled": True}
    tasks = [task("Geç geldi", first, last, cancelled, id="7", language="tr"), task("Fine", {"result": []}), task("?")]
    (tmp_path / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    assert write_table(tmp_path / "export.json", tmp_path / "mine.csv") == (2, 1)
    with (tmp_path / "mine.csv").open(encoding="utf-8", newline="") as stream:
        texts = read_own_texts(enumerate(csv.DictReader(stream), start=2), load_type_names(), "mine.csv")
    assert [(text.text, text.language) for text in texts] == [("Geç geldi", "tr"), ("Fine", "")]
    assert texts[0].id == "7"
    assert texts[0].labels == OwnLabels(("delay_wait", "staff_conduct"), "delay_wait", 3, "detractor", True, ("R1",))
    assert texts[1].labels == OwnLabels(failure_types=(), at_risk=False, risk_reasons=())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{}", "must hold a list of tasks"),
        ("[", "is no JSON"),
        ('[{"text": "a", "failure_types": "x"}]', r"task 1 is none of a Label Studio export .*not JSON-MIN"),
        ("[3]", "task 1 is none of a Label Studio export"),
    ],
)
def test_another_file_is_explained(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "export.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputFileError, match=problem):
        write_table(tmp_path / "export.json", tmp_path / "mine.csv")
    assert not (tmp_path / "mine.csv").exists()
