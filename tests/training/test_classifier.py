"""The classifier with scikit-learn's verbs, on the tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import complaintnlp.training
from complaintnlp import Analyzer
from complaintnlp.errors import InvalidInputError
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training import ComplaintClassifier

Rows = list[tuple[int, dict[str, str]]]
QUICK: dict[str, Any] = {"epochs": 1, "batch_tokens": 64}


@pytest.fixture
def taxonomy(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('[failure_types]\nslow = "delay_wait"\n', encoding="utf-8")
    return path


def test_it_learns_and_answers(own_rows: Rows, released: Path, taxonomy: Path) -> None:
    texts = [row["text"] for _, row in own_rows]
    types = [[] if row["failure_types"] == "none" else [row["failure_types"]] for _, row in own_rows]
    classifier = ComplaintClassifier(
        released, taxonomy=taxonomy, epochs=30, frozen_layers=0, learning_rate=2e-3, head_learning_rate=1e-2,
        batch_tokens=64,
    )  # fmt: skip
    assert classifier.fit(texts, types, nps_score=[int(row["nps_score"]) for _, row in own_rows]) is classifier
    assert classifier.classes_ == FAILURE_TYPE_IDS
    before, after = (figures["all"]["type_micro_f1"] for figures in classifier.report_.own)
    assert after > before + 0.3
    assert classifier.score(texts, types) > 0.7

    asked = ["Again today, the bill was charged twice.", "Die Rechnung war falsch, niemand antwortet mir.", "🙏"]
    probabilities, said = classifier.predict_proba(asked), classifier.predict(asked)
    assert probabilities.shape == said.shape == (3, 13)
    assert FAILURE_TYPE_IDS[int(probabilities[0].argmax())] == "price_billing"
    assert np.isnan(probabilities[1:]).all()
    assert not said[1:].any()
    codes = {found.code for found in Analyzer.load(classifier.folder_).analyze(asked[0]).failure_types}
    assert codes == {name for name, given in zip(FAILURE_TYPE_IDS, said[0], strict=True) if given}


def test_a_matrix_of_labels_and_a_folder_of_ones_own(own_rows: Rows, released: Path, tmp_path: Path) -> None:
    texts = [row["text"] for _, row in own_rows]
    matrix = np.array([[name == row["failure_types"] for name in FAILURE_TYPE_IDS] for _, row in own_rows], dtype=int)
    classifier = ComplaintClassifier(released, folder=tmp_path / "mine", **QUICK).fit(texts, matrix)
    assert classifier.folder_ == tmp_path / "mine"
    assert "price_billing" in classifier.report_.folder.joinpath("complaintnlp.json").read_text(encoding="utf-8")


def test_parameters_are_those_of_scikit_learn(released: Path) -> None:
    classifier = ComplaintClassifier(released, epochs=7)
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(learning_rate=0.5).learning_rate == 0.5
    with pytest.raises(NotFittedError, match="call fit first"):
        classifier.predict(["a"])


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"failure_types": [["parking"]] * 2}, "texts, line 1, failure_types: 'parking' is not one of"),
        ({"failure_types": [[]]}, "failure_types: 1 values for 2 texts"),
        ({"failure_types": np.zeros((2, 3))}, "failure_types: a matrix must have 13 columns"),
        ({"mood": [1, 2]}, "mood: no such label; allowed: failure_types, id, language"),
        ({"intensity": [1, None]}, "at least 20 and 5 are needed"),
    ],
)
def test_wrong_labels_are_explained(released: Path, labels: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        ComplaintClassifier(released).fit(["late again", "fine"], **labels)


def test_the_room_gives_away_one_name() -> None:
    assert complaintnlp.training.__all__ == ["ComplaintClassifier"]
    with pytest.raises(AttributeError, match="has no attribute 'Classifier'"):
        complaintnlp.training.Classifier  # noqa: B018
