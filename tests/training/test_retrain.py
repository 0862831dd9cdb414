"""Retraining from end to end on a tiny model: it learns, keeps what it was not told of, and writes a whole folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from complaintnlp import Analyzer
from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.judgement.decide import Policy
from complaintnlp.model.folder import SETTINGS_FILE, read_model_folder
from complaintnlp.model.scores import HEADS, sigmoid, softmax
from complaintnlp.training import own_figures
from complaintnlp.training import retrain as module
from complaintnlp.training.dataset import load_hand_labels
from complaintnlp.training.evaluate import evaluate_model
from complaintnlp.training.own_check import OwnData, check
from complaintnlp.training.own_data import own_dataset, read_own_texts
from complaintnlp.training.own_types import load_type_names
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.restore import restore_network
from complaintnlp.training.retrain import RetrainOptions, our_texts, retrain, with_own_answers

OPTIONS = RetrainOptions(epochs=30, frozen_layers=0, learning_rate=2e-3, head_learning_rate=1e-2, batch_tokens=64)
QUICK = RetrainOptions(epochs=1)


@pytest.fixture(scope="session")
def own(own_rows: list[tuple[int, dict[str, str]]]) -> OwnData:
    return check(read_own_texts(own_rows, {**load_type_names(), "slow": "delay_wait"}, "mine.csv"))


def encoder_weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(restore_network(folder)[0].encoder.state_dict())


def test_it_learns_the_users_labels_and_writes_a_whole_folder(
    own: OwnData, released: Path, annotations: Path, tmp_path: Path
) -> None:
    seen: list[int] = []
    report = retrain(
        own,
        tmp_path / "mine",
        OPTIONS,
        init=released,
        annotations=annotations,
        progress=lambda _text, done, _total: seen.append(done),
    )
    before, after = (figures["all"] for figures in report.own)
    assert after["type_micro_f1"] > before["type_micro_f1"] + 0.3
    assert after["nps_macro_f1"] > before["nps_macro_f1"] + 0.2
    assert np.isnan(after["intensity_qwk"]), "no label tells of it"
    assert seen == list(range(1, seen[-1] + 1))

    assert report.ours is not None
    name, ours_before, ours_after = report.ours
    assert name == "Our development split"
    assert ours_after["hy real"]["texts"] == ours_before["hy real"]["texts"] > 0
    markdown = report.markdown()
    assert f"{before['type_micro_f1']:.3f} → {after['type_micro_f1']:.3f}" in markdown
    assert "are the old ones: fewer than 200 held-out texts" in markdown

    settings = read_model_folder(report.folder).settings
    assert (settings["name"], settings["version"]) == ("mine", "1")
    assert settings["training"]["retrained_from"]["name"] == "tiny"
    (run,) = settings["training"]["runs"]
    assert sum(run["data"]["own"]["rows"].values()) == len(own.train)
    assert run["recipe"]["stage"][0]["frozen_layers"] == 0
    assert markdown in (report.folder / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("mine")) == ["mine"]

    assert Analyzer.load(report.folder).analyze("The bill was charged twice.").status == "scored"
    assert set(evaluate_model(report.folder, annotations, "dev", note=lambda _: None)["groups"]) >= {"en", "hy real"}


def test_lower_layers_and_words_stay_as_they_were(own: OwnData, released: Path, tmp_path: Path) -> None:
    old, new = (
        encoder_weights(path) for path in (released, retrain(own, tmp_path / "mine", QUICK, init=released).folder)
    )
    for name, value in new.items():
        if name.startswith(("embeddings", "encoder.layer.0")):
            torch.testing.assert_close(value, old[name], msg=name)
    assert not torch.equal(new["encoder.layer.1.output.dense.weight"], old["encoder.layer.1.output.dense.weight"])


def test_unknown_labels_are_answered_by_the_first_model(own: OwnData, released: Path) -> None:
    network, tokenizer = restore_network(released)
    texts = own_dataset(own.train, own.types)
    filled = with_own_answers(texts, network, tokenizer, 64)
    assert filled.features == texts.features
    logits = predict_logits(network, tokenizer, texts["text"], 64).astype(np.float64)
    for head in ("intensity", "risk_reasons"):
        np.testing.assert_allclose(np.asarray(filled[head]), sigmoid(logits[:, HEADS[head]]), rtol=1e-5)
    assert filled["nps"] == texts["nps"]
    given, types = (np.asarray(each["failure_types"]) for each in (texts, filled))
    assert (types == given)[~np.isnan(given)].all()
    assert not np.isnan(types).any()
    unnamed = np.isnan(texts["primary"]).any(axis=1)
    assert unnamed.any()
    np.testing.assert_allclose(
        np.asarray(filled["primary"])[unnamed], softmax(logits[:, HEADS["primary"]])[unnamed], rtol=1e-5
    )


def test_what_cannot_be_done_is_refused_before_any_training(
    own: OwnData, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_train", lambda *_: pytest.fail("it trained"))
    with pytest.raises(ConfigurationError, match="is the model to start from; name another folder"):
        retrain(own, released, QUICK, init=released)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is no model folder and would be overwritten"):
        retrain(own, tmp_path / "letters", QUICK, init=released)
    with pytest.raises(InvalidInputError, match=r"frozen_layers 3 must lie in 0\.\.2"):
        retrain(own, tmp_path / "mine", RetrainOptions(frozen_layers=3), init=released)
    with pytest.raises(InvalidInputError, match="at least 20 and 5 are needed"):
        retrain(check([]), tmp_path / "mine", QUICK, init=released)
    assert not (tmp_path / "mine").exists()


def test_a_failure_leaves_the_older_model_in_place(
    own: OwnData, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_train", lambda *_: None)
    retrain(own, tmp_path / "mine", QUICK, init=released)
    before = (tmp_path / "mine" / SETTINGS_FILE).read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "_calibrate", fail)
    with pytest.raises(OSError, match="disk full"):
        retrain(own, tmp_path / "mine", QUICK, init=released)
    assert (tmp_path / "mine" / SETTINGS_FILE).read_bytes() == before
    Analyzer.load(tmp_path / "mine")


def test_enough_held_out_texts_move_thresholds_and_calibration(
    own: OwnData, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_train", lambda *_: None)
    monkeypatch.setattr(own_figures, "MIN_TEXTS", 5)
    monkeypatch.setattr(module, "MIN_TEXTS", 5)
    monkeypatch.setattr(own_figures, "MIN_POSITIVES", 1)
    report = retrain(own, tmp_path / "mine", QUICK, init=released)
    folder = read_model_folder(report.folder)
    policy = Policy.from_dict(folder.thresholds, "x")
    assert set(policy.failure_types) != {0.5}
    assert policy.at_risk == 0.5, "no label tells of risk"
    assert folder.calibration.temperatures["nps"] != 1.0
    assert folder.calibration.biases["failure_types"] != 0.0
    assert folder.calibration.temperatures["at_risk"] == folder.calibration.temperatures["intensity"] == 1.0
    assert folder.calibration.biases["at_risk"] == 0.0
    assert "the figures after may flatter" in report.markdown()
    assert "of intensity, at_risk, risk_reasons are the old ones" in report.markdown()


def test_forgetting_is_measured_on_the_development_split_or_the_sample(
    annotations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = our_texts(annotations)
    assert found is not None
    assert list(found[1]["id"]) == list(load_hand_labels(annotations, "dev")["id"])
    sample = our_texts(tmp_path / "nowhere")
    assert sample is not None
    assert len(sample[1]) == 60
    assert "60 written texts" in sample[0]
    assert set(sample[1]["language"]) == {"tr", "zh", "hy", "en"}
    monkeypatch.chdir(tmp_path)
    assert our_texts(None) is None


def test_the_name_of_the_folder_becomes_that_of_the_model(
    own: OwnData, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_train", lambda *_: None)
    monkeypatch.setattr(module, "our_texts", lambda _: None)
    folder = tmp_path / "Müşteri Sesi_2"
    assert read_model_folder(retrain(own, folder, QUICK, init=released).folder).name == "m--teri-sesi-2"
    named = retrain(own, folder, RetrainOptions(name="Ours", version="7"), init=released)
    assert (read_model_folder(named.folder).name, read_model_folder(named.folder).version) == ("Ours", "7")
    assert named.ours is None
