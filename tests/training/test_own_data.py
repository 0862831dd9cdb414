"""Cells of a user's table: what they mean, what stays unknown, and what is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from complaintnlp.errors import InvalidInputError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.dataset import FEATURES
from complaintnlp.training.own_data import OwnLabels, OwnText, own_dataset, parse_labels, read_own_texts
from complaintnlp.training.own_types import load_type_names

NAMES = {**load_type_names(), "late": "delay_wait", "slow": "delay_wait"}


def labels(**cells: str) -> OwnLabels:
    return parse_labels(cells, NAMES)


def test_a_full_row_is_read() -> None:
    found = labels(
        failure_types="staff_conduct | Slow",
        primary="late",
        intensity="3.0",
        nps_class="Detractor",
        at_risk="yes",
        risk_reasons="r1;R4",
    )
    assert found == OwnLabels(("staff_conduct", "delay_wait"), "delay_wait", 3, "detractor", True, ("R1", "R4"))


def test_an_empty_cell_is_unknown_and_none_is_none() -> None:
    assert labels() == labels(failure_types=" ", at_risk="", intensity="") == OwnLabels()
    assert not labels().teaches
    assert labels(failure_types="none", risk_reasons="None") == OwnLabels(failure_types=(), risk_reasons=())


def test_what_one_label_says_of_another() -> None:
    assert labels(failure_types="late;slow").primary == "delay_wait"
    assert labels(failure_types="late;price_billing").primary is None
    assert labels(at_risk="0").risk_reasons == ()
    assert labels(risk_reasons="R2").at_risk is True
    assert labels(at_risk="1").risk_reasons is None


@pytest.mark.parametrize(
    ("score", "expected"),
    [("0", "detractor"), ("6", "detractor"), ("7", "passive"), ("8.0", "passive"), ("9", "promoter")],
)
def test_a_survey_score_gives_the_class(score: str, expected: str) -> None:
    assert labels(nps_score=score).nps_class == expected
    assert labels(nps_score=score, nps_class="passive").nps_class == "passive"


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ({"failure_types": "late;parking"}, r"failure_types: 'parking' is not one of delay_wait, .* \(--taxonomy\)"),
        ({"failure_types": "late", "primary": "price_billing"}, r"primary: 'price_billing' is not one of the row's"),
        ({"primary": "late;price_billing"}, "primary: .* a single type"),
        ({"intensity": "5"}, "intensity: '5' is no whole number from 0 to 4"),
        ({"intensity": "2.5"}, "intensity: '2.5' is no whole number"),
        ({"nps_score": "11"}, "nps_score: '11' is no whole number from 0 to 10"),
        ({"nps_class": "hater"}, "nps_class: 'hater' is not one of detractor, passive, promoter"),
        ({"at_risk": "maybe"}, "at_risk: 'maybe' is not one of 0, false, no, 1, true, yes"),
        ({"risk_reasons": "R5"}, "risk_reasons: 'R5' is not one of R1, R2, R3, R4, none"),
        ({"risk_reasons": "R1", "at_risk": "0"}, "risk_reasons: 'R1' with at_risk 0"),
    ],
)
def test_a_wrong_cell_is_explained(cells: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        labels(**cells)


def test_wrong_cells_are_named_with_file_and_line_the_first_five() -> None:
    rows = [(line, {"text": "x", "intensity": "9"}) for line in range(2, 9)]
    with pytest.raises(InvalidInputError, match=r"^mine\.csv, line 2, intensity: '9' .*; line 6, .*; and 2 more$"):
        read_own_texts(rows, NAMES, "mine.csv")


def test_id_language_and_split_are_read() -> None:
    cells = {"text": "Geç geldi", "id": " 7 ", "language": "tr-TR", "split": "Test", "intensity": "1"}
    (text,) = read_own_texts([(2, cells)], NAMES, "x")
    assert text == OwnText(2, "7", "Geç geldi", OwnLabels(intensity=1), "tr", "held_out")
    first, second = read_own_texts([(2, {"text": "Geç geldi"}), (3, {"text": "geç geldi!"})], NAMES, "x")
    assert first.id == second.id != ""
    with pytest.raises(InvalidInputError, match=r"split: 'later' is not one of train, held_out"):
        read_own_texts([(2, {"text": "x", "split": "later"})], NAMES, "x")


def test_labels_complete_and_contradict_each_other() -> None:
    types, level = OwnLabels(failure_types=("delay_wait", "price_billing")), OwnLabels(intensity=2)
    assert not types.contradicts(level)
    assert types.completed_by(level) == OwnLabels(failure_types=("delay_wait", "price_billing"), intensity=2)
    assert not types.contradicts(OwnLabels(failure_types=("price_billing", "delay_wait")))
    assert types.contradicts(OwnLabels(failure_types=()))


def test_what_is_unknown_is_nan() -> None:
    texts = [
        OwnText(2, "a", "late again", OwnLabels(failure_types=("delay_wait",), primary="delay_wait"), "en"),
        OwnText(3, "b", "fine", OwnLabels(intensity=2, nps_class="passive", at_risk=False, risk_reasons=()), "en"),
    ]
    dataset = own_dataset(texts, ["delay_wait", "price_billing"])
    assert dataset.features == FEATURES
    first, second = dataset
    types = dict(zip(FAILURE_TYPE_IDS, first["failure_types"], strict=True))
    assert (types["delay_wait"], types["price_billing"]) == (1.0, 0.0)
    assert math.isnan(types["staff_conduct"]), "no text names it, so nothing is known of it"
    assert np.isnan([*first["intensity"], *first["nps"], first["at_risk"], *first["risk_reasons"]]).all()
    assert np.isnan([*second["failure_types"], *second["primary"]]).all()
    assert (second["intensity"], second["nps"]) == ([1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    assert (second["at_risk"], second["risk_reasons"]) == (0.0, [0.0] * 4)


def test_own_types_have_a_column_of_their_own() -> None:
    names = {**NAMES, "battery": "battery_life"}
    own = parse_labels({"failure_types": "battery"}, names)
    both = parse_labels({"failure_types": "battery;delay_wait", "primary": "battery"}, names)
    none = parse_labels({"failure_types": "none"}, names)
    texts = [OwnText(n, str(n), f"text {n}", labels, "en") for n, labels in enumerate((own, both, none, OwnLabels()))]
    dataset = own_dataset(texts, ["delay_wait", "battery_life"], ["battery_life", "screen"])
    column = np.asarray(dataset["own_types"])
    assert column[:3, 0].tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(column[:, 1]).all(), "no text names it"
    assert np.isnan(column[3]).all()
    assert [row[FAILURE_TYPE_IDS.index("delay_wait")] for row in dataset["failure_types"][:3]] == [0.0, 1.0, 0.0]
    assert np.isnan(dataset["primary"]).all(), "the primary head knows the 13 alone"
    with pytest.raises(InvalidInputError, match="info_promise, battery_life, none; names of your own"):
        parse_labels({"failure_types": "screen"}, names)
