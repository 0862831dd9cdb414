"""Retraining with a failure type that the model did not know, from end to end on a tiny model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from complaintnlp import Analyzer
from complaintnlp.errors import InvalidInputError
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import LOGIT_COUNT
from complaintnlp.recovery.plan import make_plan
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training import ComplaintClassifier, own_figures
from complaintnlp.training import retrain as module
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import evaluate_model
from complaintnlp.training.own_check import OwnData, check
from complaintnlp.training.own_data import own_dataset, read_own_texts
from complaintnlp.training.own_types import load_own_types, load_type_names
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.release import recalibrate
from complaintnlp.training.restore import restore_network
from complaintnlp.training.retrain import RetrainOptions, RetrainReport, retrain, with_own_answers

Rows = list[tuple[int, dict[str, str]]]
OPTIONS = RetrainOptions(epochs=30, frozen_layers=0, learning_rate=2e-3, head_learning_rate=1e-2, batch_tokens=64)
SOUP = {"en": "Again today, the soup tasted of nothing.", "zh": "今天又是这样，汤一点味道都没有。"}


@pytest.fixture
def taxonomy(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[failure_types]\nslow = "delay_wait"\npoor_quality = "bland_food"\n'
        '[new_types.bland_food]\nnames = { en = "Bland food", tr = "Tatsız yemek" }\nlike = "poor_quality"\n',
        encoding="utf-8",
    )
    return path


def read(rows: Rows, taxonomy: Path, kept: tuple[OwnType, ...] = ()) -> OwnData:
    texts = read_own_texts(rows, load_type_names(taxonomy, kept), "mine.csv")
    return check(texts, own_types=load_own_types(taxonomy, kept))


@pytest.fixture
def trained(own_rows: Rows, released: Path, taxonomy: Path, tmp_path: Path) -> RetrainReport:
    return retrain(read(own_rows, taxonomy), tmp_path / "mine", OPTIONS, init=released)


def test_a_new_type_is_learned_answered_and_handled_like_the_known_one(
    trained: RetrainReport, annotations: Path, tmp_path: Path
) -> None:
    (figures,) = trained.own_types
    assert (figures.own_type.id, figures.train + figures.held_out) == ("bland_food", 15)
    assert np.isnan(figures.before)
    assert figures.after > 0.8
    report = trained.markdown()
    assert f"| bland_food | poor_quality | {figures.train} | {figures.held_out} | - → {figures.after:.3f} |" in report
    assert f"the new failure type bland_food has {figures.train} texts to train on, fewer than 30" in report
    assert "bland_food" in (trained.folder / "README.md").read_text(encoding="utf-8")

    analyzer = Analyzer.load(trained.folder)
    assert analyzer.own_types == ("bland_food",)
    for text in SOUP.values():
        answer = analyzer.analyze(text, evidence=True)
        assert [failure.code for failure in answer.failure_types] == ["bland_food"] == [answer.primary_failure]
        assert answer.evidence is not None
        assert "bland_food" in {found.label for found in answer.evidence}
        assert answer.nps is not None
        assert answer.severity is not None
        like = make_plan("poor_quality", answer.severity, answer.nps.nps_class)
        assert answer.recovery is not None
        assert "failure__poor_quality" in answer.recovery.tags
        assert (answer.recovery.owner, answer.recovery.fix_within) == (like.owner, like.fix_within)
        assert answer.reply
    late = analyzer.analyze("Again today, the courier was two hours late.")
    assert "bland_food" not in {failure.code for failure in late.failure_types}

    groups = evaluate_model(trained.folder, annotations, "dev", note=lambda _: None)["groups"]
    assert set(groups) >= {"en", "hy real"}, "our own texts know nothing of the new type"
    before = read_model_folder(trained.folder)
    after = recalibrate(trained.folder, annotations)
    assert after.own_types == before.own_types
    assert after.calibration.temperatures["own_types"] == before.calibration.temperatures["own_types"]


def test_the_int8_folder_keeps_the_new_output(trained: RetrainReport) -> None:
    folder = read_model_folder(trained.folder)
    network, tokenizer = restore_network(trained.folder)
    texts = list(SOUP.values())
    served = np.concatenate([Runtime(folder).logits(text) for text in texts])
    assert served.shape == (2, LOGIT_COUNT + 1)
    np.testing.assert_allclose(served, predict_logits(network, tokenizer, texts, 64), atol=0.3)


def test_the_13_of_a_text_with_own_types_alone_are_judged(own_rows: Rows, released: Path, taxonomy: Path) -> None:
    data = read(own_rows, taxonomy)
    network, tokenizer = restore_network(released)
    texts = own_dataset(data.train, data.types, ["bland_food"])
    filled = with_own_answers(texts, network, tokenizer, 64)
    own = np.asarray(filled["own_types"])[:, 0]
    types = np.asarray(filled["failure_types"])
    assert own.any()
    assert not types[own == 1].any()
    untold = FAILURE_TYPE_IDS.index("staff_conduct")
    assert (types[own == 0][:, untold] > 0).all(), "the first model's answer"

    unread = own_dataset(data.train, ["delay_wait"], ["bland_food"])
    assert np.isnan(with_own_answers(unread, network, tokenizer, 64)["own_types"]).all(), "nothing knows it yet"


def test_a_second_training_keeps_the_types_of_the_first(
    trained: RetrainReport, own_rows: Rows, released: Path, tmp_path: Path
) -> None:
    kept = read_model_folder(trained.folder).own_types
    taxonomy = tmp_path / "second.toml"
    taxonomy.write_text(
        '[failure_types]\nslow = "late_courier"\npoor_quality = "bland_food"\n'
        '[new_types.late_courier]\nnames = { en = "Late courier" }\nlike = "delay_wait"\n',
        encoding="utf-8",
    )
    data = read(own_rows, taxonomy, kept)
    assert [own.id for own in data.own_types] == ["bland_food", "late_courier"]
    report = retrain(data, tmp_path / "again", OPTIONS, init=trained.folder)
    assert [own.own_type.id for own in report.own_types] == ["bland_food", "late_courier"]
    assert report.own_types[0].before == report.own_types[0].after == 1.0
    assert "the new failure type bland_food" not in report.markdown()
    analyzer = Analyzer.load(report.folder)
    assert analyzer.analyze(SOUP["en"]).primary_failure == "bland_food"
    assert analyzer.analyze("Again today, the courier was two hours late.").primary_failure == "late_courier"

    network, tokenizer = restore_network(trained.folder)
    untold = own_dataset(data.train, ["delay_wait"], ["bland_food", "late_courier"])
    filled = np.asarray(with_own_answers(untold, network, tokenizer, 64)["own_types"])
    logits = predict_logits(network, tokenizer, untold["text"], 64).astype(np.float64)
    np.testing.assert_allclose(filled[:, 0], 1 / (1 + np.exp(-logits[:, LOGIT_COUNT])), rtol=1e-5)
    assert np.isnan(filled[:, 1]).all()

    # Told of a folder's types or not, a training from it keeps them.
    blind = check(read_own_texts(own_rows, {**load_type_names(), "slow": "delay_wait"}, "mine.csv"))
    folder = retrain(blind, tmp_path / "blind", RetrainOptions(epochs=1), init=trained.folder).folder
    assert read_model_folder(folder).own_types == kept


def test_a_new_type_that_no_text_names_is_refused(own_rows: Rows, released: Path, taxonomy: Path) -> None:
    rows = [(line, row) for line, row in own_rows if row["failure_types"] != "poor_quality"]
    data = read(rows, taxonomy)
    with pytest.raises(InvalidInputError, match="no text to train on names the new failure type bland_food; label"):
        retrain(data, released.parent / "mine", OPTIONS, init=released)
    data.require_enough(["bland_food"])


def test_a_new_type_starts_from_the_threshold_of_the_one_it_is_like(
    own_rows: Rows, released: Path, taxonomy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_train", lambda *_: None)
    monkeypatch.setattr(module, "our_texts", lambda _: None)

    def folder_of(name: str) -> ModelFolder:
        return read_model_folder(
            retrain(read(own_rows, taxonomy), tmp_path / name, RetrainOptions(), init=released).folder
        )

    plain = folder_of("plain")
    assert [own.threshold for own in plain.own_types] == [plain.thresholds["failure_types"]["poor_quality"]]
    logits = Runtime(plain).logits(SOUP["en"])
    share = 1 / (1 + np.exp(-logits[0, LOGIT_COUNT]))
    assert 0.1 < share < 0.4, "the untrained output answers with the share of texts that name the type"

    monkeypatch.setattr(own_figures, "MIN_TEXTS", 5)
    monkeypatch.setattr(own_figures, "MIN_POSITIVES", 1)
    moved = folder_of("moved")
    assert moved.own_types[0].threshold != plain.own_types[0].threshold
    assert moved.calibration.temperatures["own_types"] != 1.0


def test_the_classifier_has_a_column_for_it(own_rows: Rows, released: Path, taxonomy: Path) -> None:
    texts = [row["text"] for _, row in own_rows]
    types = [[] if row["failure_types"] == "none" else [row["failure_types"]] for _, row in own_rows]
    options: dict[str, Any] = {"epochs": 30, "frozen_layers": 0, "learning_rate": 2e-3, "head_learning_rate": 1e-2}
    classifier = ComplaintClassifier(released, taxonomy=taxonomy, batch_tokens=64, **options).fit(texts, types)
    assert classifier.classes_ == (*FAILURE_TYPE_IDS, "bland_food")
    probabilities, said = classifier.predict_proba([SOUP["en"]]), classifier.predict([SOUP["en"]])
    assert probabilities.shape == said.shape == (1, 14)
    assert said[0, 13] == 1
    assert probabilities[0].argmax() == 13

    ids = {"slow": "delay_wait", "poor_quality": "bland_food"}
    said_of = [ids.get(row["failure_types"], row["failure_types"]) for _, row in own_rows]
    gold = np.array([[name == code for code in classifier.classes_] for name in said_of], dtype=int)
    assert classifier.score(texts, gold) == pytest.approx(f1_score(gold, classifier.predict(texts), average="micro"))


def test_the_development_split_has_no_column_for_it(annotations: Path) -> None:
    assert "own_types" not in load_hand_labels(annotations, "dev").column_names
