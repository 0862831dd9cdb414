"""Training from end to end on a tiny encoder: it learns, stops, resumes, and refuses to overwrite."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, LOGIT_COUNT
from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.training import stage
from complaintnlp.training.dataset import (
    EVALUATION_ONLY,
    is_out_of_domain_test,
    load_hand_labels,
    read_annotations,
    read_corpora,
)
from complaintnlp.training.encoder import load_encoder, save_encoder
from complaintnlp.training.predict import predict
from complaintnlp.training.recipe import DataSection, Recipe
from complaintnlp.training.release import lineage, load_run
from complaintnlp.training.soft_labels import save_soft_labels
from complaintnlp.training.train import (
    Run,
    finished_weights,
    load_mixture,
    output_prior,
    part_of,
    prepare_encoder,
    train,
    with_changes,
)

HAND = {"name": "hand", "epochs": 2, "batch_tokens": 256, "learning_rate": 1e-3, "head_learning_rate": 1e-2}
TWO_STAGES = [
    {**HAND, "name": "weak", "weak": True, "weak_per_source": 20, "ema_decay": 0.9, "language_factors": {"hy": 1.5}},
    {**HAND, "frozen_layers": 0, "ema_decay": 0.9},
]


class InterruptionError(Exception):
    """Stands for a power cut."""


def interrupt_at(batch: int, stage_name: str) -> Callable[[str, int, int], None]:
    def progress(text: str, done: int, total: int) -> None:
        if text.startswith(stage_name) and done == batch:
            raise InterruptionError

    return progress


def test_a_run_learns_what_is_plain_to_see_and_writes_its_files(
    make_run: Callable[..., Run], annotation_folder: Callable[..., Path]
) -> None:
    seen: list[tuple[str, int, int]] = []
    run = make_run("plain", [{**HAND, "epochs": 12, "batch_tokens": 64, "head_learning_rate": 3e-2}])
    run.progress = lambda *step: seen.append(step)
    rows = [row for row in read_annotations(run.annotations) if row["failure_types"] in {"delay_wait", ""}]
    run.annotations = annotation_folder(
        {
            code: [{k: v for k, v in row.items() if k != "language"} for row in rows if row["language"] == code]
            for code in LANGUAGES
        }
    )
    epochs: list[tuple[int, int]] = []
    run.on_epoch = lambda entry, count: epochs.append((entry["epoch"], count))
    history = train(run)
    assert epochs == [(number, number) for number in range(1, 13)]

    first, best = history[0], max(history, key=lambda entry: entry["score"])
    assert history[-1]["loss"] < 0.5 * first["loss"]
    network, tokenizer, recipe = load_run(run.folder)
    texts = load_hand_labels(run.annotations, "train")
    late = predict(network, tokenizer, texts["text"], recipe.max_tokens).failure_types[:, 0]
    told = np.asarray(texts["failure_types"])[:, 0] > 0.5
    assert late[told].min() > late[~told].max(), "every late text ranks above every other one"
    assert set(best["dev"]) == {"en", "tr", "zh", "hy adapted"}  # evaluation-only texts choose nothing

    assert json.loads((run.folder / "metrics.json").read_text(encoding="utf-8")) == json.loads(json.dumps(history))
    assert Recipe.model_validate_json((run.folder / "recipe.json").read_text(encoding="utf-8")) == run.recipe
    assert not (run.folder / "checkpoint.pt").exists()
    assert not list(run.folder.glob("*.part"))
    assert [done for _, done, _ in seen] == list(range(1, seen[-1][2] + 1))
    assert seen[0][0] == "hand 1/12"

    weights = load_file(run.weights)
    best_weights = load_file(run.folder / "stage1.safetensors")
    assert all(torch.equal(tensor, best_weights[name]) for name, tensor in weights.items())
    encoder, _ = load_encoder(str(run.folder / "encoder"))
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, weights[f"encoder.{name}"]), name


# Batches in the first and second epoch of the first stage and in the first epoch of the second; its first
# batch comes before any checkpoint of its own.
@pytest.mark.parametrize(("batch", "stage_name"), [(7, "weak"), (30, "weak"), (1, "hand"), (5, "hand")])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, batch: int, stage_name: str
) -> None:
    whole, broken = make_run("whole", TWO_STAGES), make_run("broken", TWO_STAGES)
    expected = train(whole)

    monkeypatch.setattr(stage, "CHECKPOINT_SECONDS", 0.0)
    broken.progress = interrupt_at(batch, stage_name)
    with pytest.raises(InterruptionError):
        train(broken)
    assert not broken.weights.exists()
    saved = torch.load(broken.folder / "checkpoint.pt", weights_only=True)["state"]
    epochs = TWO_STAGES[0]["epochs"] if saved["stage"] == 0 else TWO_STAGES[1]["epochs"]
    assert saved["batch"] > 0 or saved["epoch"] == epochs

    steps: list[int] = []
    broken.progress = lambda _text, done, _total: steps.append(done)
    history = train(broken, resume=True)
    assert steps[0] == batch  # the one batch that no checkpoint knows is trained again, no other

    weights, others = load_file(whole.weights), load_file(broken.weights)
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
    assert len(history) == len(expected)
    for entry, other in zip(expected, history, strict=True):
        # The loss of the broken epoch is the mean of what was trained after the interruption.
        assert entry["score"] == other["score"]
        assert (entry["stage"], entry["epoch"]) == (other["stage"], other["epoch"])


@pytest.mark.parametrize(
    "stages",
    [
        [{**HAND, "r_drop": 1.0, "fgm": 0.1}],
        [{**HAND, "alignment": 0.5}],
        [{**HAND, "name": "words", "objective": "masked_words", "weak": True, "weak_per_source": 5}, HAND],
    ],
    ids=["r_drop and fgm", "alignment", "masked_words"],
)
def test_a_run_with_another_objective_goes_on_where_it_was(
    stages: list[dict[str, Any]], make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHECKPOINT_SECONDS", 0.0)
    whole, broken = make_run("whole", stages), make_run("broken", stages)
    history = train(whole)
    broken.progress = interrupt_at(2, stages[0]["name"])
    with pytest.raises(InterruptionError):
        train(broken)
    broken.progress = lambda _text, _done, _total: None
    train(broken, resume=True)
    weights, others = load_file(whole.weights), load_file(broken.weights)
    assert all(torch.equal(tensor, others[name]) for name, tensor in weights.items())
    assert [bool(entry["dev"]) for entry in history] == [each["name"] != "words" for each in stages for _ in range(2)]


def test_words_come_before_labels_and_the_prior_is_that_of_the_labels(make_run: Callable[..., Run]) -> None:
    words = {**HAND, "name": "words", "objective": "masked_words", "weak": True, "weak_per_source": 20, "epochs": 1}
    still = {**HAND, "learning_rate": 1e-12, "head_learning_rate": 1e-12, "epochs": 1}
    run = make_run("words", [words, still])
    train(run)
    prior = output_prior(load_mixture(run, run.recipe.stage[1]))
    assert torch.allclose(load_file(run.weights)["heads.bias"], prior, atol=1e-5)
    with pytest.raises(ValueError, match="the last stage must have objective = 'labels'"):
        make_run("none", [words])


def test_a_checkpoint_from_before_there_were_objectives_is_resumed(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHECKPOINT_SECONDS", 0.0)
    run = make_run("old", [HAND])
    run.progress = interrupt_at(2, "hand")
    with pytest.raises(InterruptionError):
        train(run)
    saved = torch.load(run.folder / "checkpoint.pt", weights_only=True)
    del saved["objective"]
    torch.save(saved, run.folder / "checkpoint.pt")
    run.progress = lambda _text, _done, _total: None
    assert len(train(run, resume=True)) == 2


def test_alignment_without_parallel_texts_is_refused(
    make_run: Callable[..., Run], corpora_folder: Callable[..., Path]
) -> None:
    run = make_run("alone", [{**HAND, "alignment": 0.5}])
    rows = {code: list(read_corpora(run.corpora, (code,))) for code in LANGUAGES}
    run.corpora = corpora_folder(rows | {code: [] for code in LANGUAGES if code != "en"})
    with pytest.raises(ConfigurationError, match=r"alignment needs texts that say the same.*has 0 of them"):
        train(run)


def test_a_factor_of_an_unknown_source_is_refused(make_run: Callable[..., Run]) -> None:
    run = make_run("misspelt", [{**HAND, "source_factors": {"writen": 3.0}}])
    with pytest.raises(ConfigurationError, match="source_factors name writen, of which there is no hand-labelled text"):
        load_mixture(run, run.recipe.stage[0])


def test_training_stops_when_no_epoch_is_better(make_run: Callable[..., Run]) -> None:
    stages = [{**HAND, "epochs": 8, "patience": 2, "learning_rate": 1e-12, "head_learning_rate": 1e-12}]
    history = train(make_run("patient", stages))
    assert len(history) == 3
    assert len({entry["score"] for entry in history}) == 1


def test_a_stage_that_stopped_early_is_not_trained_again_after_an_interruption(make_run: Callable[..., Run]) -> None:
    still = {"learning_rate": 1e-12, "head_learning_rate": 1e-12}
    run = make_run("stopped", [{**HAND, **still, "name": "still", "epochs": 8, "patience": 1}, HAND])
    run.progress = interrupt_at(2, "hand")
    with pytest.raises(InterruptionError):
        train(run)
    run.progress = lambda _text, _done, _total: None
    history = train(run, resume=True)
    assert [entry["stage"] for entry in history] == ["still", "still", "hand", "hand"]


def test_a_folder_that_holds_a_run_is_not_overwritten(make_run: Callable[..., Run]) -> None:
    run = make_run("done", [{**HAND, "epochs": 1}])
    train(run)
    before = run.weights.read_bytes()
    with pytest.raises(ConfigurationError, match=r"already holds a run; continue it with --resume, or name another"):
        train(run)
    with pytest.raises(ConfigurationError, match=r"holds no checkpoint to resume from; start without --resume"):
        train(run, resume=True)
    assert run.weights.read_bytes() == before


def test_an_unfinished_run_is_not_overwritten_either(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHECKPOINT_SECONDS", 0.0)
    run = make_run("unfinished", [HAND])
    run.progress = interrupt_at(3, "hand")
    with pytest.raises(InterruptionError):
        train(run)
    with pytest.raises(ConfigurationError, match="already holds a run"):
        train(run)


def test_there_must_be_something_to_resume(make_run: Callable[..., Run]) -> None:
    with pytest.raises(ConfigurationError, match="holds no checkpoint to resume from"):
        train(make_run("empty", [HAND]), resume=True)


def test_the_encoder_is_cut_trimmed_and_kept(make_run: Callable[..., Run], tokenizer: Tokenizer) -> None:
    run = make_run("cut", [HAND], layers=[1])
    encoder, small = prepare_encoder(run)
    assert len(encoder.encoder.layer) == 1
    assert encoder.config.vocab_size == small.get_vocab_size() < tokenizer.get_vocab_size()
    for text in load_hand_labels(run.annotations, "train")["text"]:
        assert small.encode(text).tokens == tokenizer.encode(text).tokens

    written = (run.folder / "base" / "model.safetensors").stat().st_mtime_ns
    again, _ = prepare_encoder(run)
    assert (run.folder / "base" / "model.safetensors").stat().st_mtime_ns == written
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in encoder.state_dict().items())


def test_the_vocabulary_may_stay_whole(make_run: Callable[..., Run], tokenizer: Tokenizer) -> None:
    encoder, same = prepare_encoder(make_run("whole", [HAND], trim_vocabulary=False))
    assert encoder.config.vocab_size == tokenizer.get_vocab_size()
    assert same.to_str() == tokenizer.to_str()


def test_a_mixture_holds_the_named_data_once(make_run: Callable[..., Run]) -> None:
    run = make_run("mixture", TWO_STAGES)
    mixture = load_mixture(run, run.recipe.stage[0])
    ids = list(mixture["id"])
    assert len(set(ids)) == len(ids)
    assert set(mixture["origin"]) == {"real", "adapted", "weak"}
    evaluated = {row["id"] for row in read_annotations(run.annotations) if row["split"] != "train"}
    assert not evaluated & set(ids)
    assert EVALUATION_ONLY not in set(load_mixture(run, run.recipe.stage[1])["origin"])


def test_named_weak_sources_replace_what_a_teacher_says_of_them(make_run: Callable[..., Run], tmp_path: Path) -> None:
    soft = str(tmp_path / "soft.safetensors")
    stage = {"name": "soft", "hand": False, "soft": soft, "weak": True, "weak_per_source": 50}
    run = make_run("mixed", [{**stage, "weak_sources": ["massive"]}])
    rows = [row for row in read_corpora(run.corpora) if not is_out_of_domain_test(row)]
    ids = [row["id"] for row in rows]
    save_soft_labels(Path(soft), ids, np.full((len(ids), LOGIT_COUNT), 3.0, dtype=np.float32))
    mixture = load_mixture(run, run.recipe.stage[0])
    assert len(set(mixture["id"])) == len(mixture)
    types = zip(mixture["source"], mixture["failure_types"], strict=True)
    highest = {(source == "massive", round(max(values), 2)) for source, values in types}
    assert highest == {(True, 0.0), (False, 0.95)}


def test_a_weak_source_without_a_rule_is_named(make_run: Callable[..., Run]) -> None:
    stage = {"name": "weak", "weak": True, "weak_sources": ["massiv"]}
    run = make_run("wrong", [stage])
    with pytest.raises(ConfigurationError, match=r"weak_sources: massiv stand in no rule"):
        load_mixture(run, run.recipe.stage[0])


def test_a_larger_part_of_the_labels_holds_the_smaller_one(annotations: Path) -> None:
    hand = load_hand_labels(annotations, "train")
    parts = [set(part_of(hand, part)["id"]) for part in (0.25, 0.5, 0.75, 1.0)]
    assert all(small < large for small, large in itertools.pairwise(parts))
    assert len(parts[1]) == pytest.approx(len(hand) / 2, rel=0.3)
    assert parts[-1] == set(hand["id"])


def test_a_share_of_the_labelled_texts_is_read_changed(annotations: Path) -> None:
    hand = load_hand_labels(annotations, "train")
    for share, least, most in ((0.0, 0, 0), (0.5, 0.25, 0.75), (1.0, 1, 1)):
        changed = with_changes(hand, {"emoji": share})
        differ = [before != after for before, after in zip(hand["text"], changed["text"], strict=True)]
        assert least <= sum(differ) / len(hand) <= most
        assert str(changed.remove_columns("text").to_dict()) == str(hand.remove_columns("text").to_dict())


def test_a_change_reaches_only_the_language_it_is_made_for(annotations: Path) -> None:
    hand = load_hand_labels(annotations, "train")
    changed = with_changes(hand, {"no_diacritics": 1.0, "traditional": 1.0})
    touched = {row["language"] for row, text in zip(hand, changed["text"], strict=True) if row["text"] != text}
    assert touched <= {"tr", "zh"}
    assert "tr" in touched
    assert not set("çğışöü") & set("".join(row["text"] for row in changed if row["language"] == "tr"))


def test_a_stage_without_data_is_refused(make_run: Callable[..., Run]) -> None:
    run = make_run("nothing", [{**HAND, "hand": False}])
    with pytest.raises(ConfigurationError, match=r"stage 'hand' has no data: set one of hand, weak, soft"):
        load_mixture(run, run.recipe.stage[0])


def test_the_prior_is_the_logit_of_each_mean_target(annotations: Path) -> None:
    dataset: Dataset = load_hand_labels(annotations, "train")
    prior = output_prior(dataset).numpy()
    assert prior.shape == (LOGIT_COUNT,)
    types = np.asarray(dataset["failure_types"]).mean(axis=0)
    np.testing.assert_allclose(prior[HEADS["failure_types"]], np.log(types / (1 - types)), rtol=1e-5)
    classes = np.asarray(dataset["nps"]).mean(axis=0)
    np.testing.assert_allclose(prior[HEADS["nps"]], np.log(classes), rtol=1e-5)
    np.testing.assert_allclose(np.exp(prior[HEADS["primary"]]).sum(), 1.0, rtol=1e-5)


def test_the_prior_of_what_nobody_knows_is_one_half(annotations: Path) -> None:
    dataset = load_hand_labels(annotations, "train").map(lambda row: {"at_risk": float("nan")})
    assert output_prior(dataset)[HEADS["at_risk"]].item() == pytest.approx(0.0)


def test_a_run_goes_on_from_another_with_its_vocabulary_and_heads(make_run: Callable[..., Run]) -> None:
    first = make_run("first", [{**HAND, "epochs": 1}])
    train(first)
    second = make_run("second", [{**HAND, "epochs": 1, "learning_rate": 1e-9, "head_learning_rate": 1e-9}])
    second.recipe = second.recipe.model_copy(update={"start": str(first.folder)})
    train(second)
    (teacher, _, _), (student, tokenizer, _) = load_run(first.folder), load_run(second.folder)
    assert tokenizer.get_vocab_size() == len(teacher.encoder.embeddings.word_embeddings.weight)
    for name, value in teacher.state_dict().items():
        torch.testing.assert_close(student.state_dict()[name], value, atol=1e-5, rtol=0)
    assert [run["recipe"]["name"] for run in lineage(second.folder)] == ["first", "second"]
    assert all(run["data"]["hand"]["rows"] for run in lineage(second.folder))


def test_the_final_weights_are_a_mean_with_those_of_other_runs(make_run: Callable[..., Run]) -> None:
    first, beside = make_run("first", [{**HAND, "epochs": 1}]), make_run("beside", [{**HAND, "epochs": 1}])
    train(first)
    beside.recipe = beside.recipe.model_copy(update={"start": str(first.folder), "seed": 5})
    train(beside)
    last = make_run("last", [{**HAND, "epochs": 1}])
    parts = {str(first.folder): 0.25, str(beside.folder): 0.5}
    last.recipe = last.recipe.model_copy(update={"start": str(first.folder), "mean_with": parts})
    train(last)
    trained = load_file(last.folder / "stage1.safetensors")
    others = [finished_weights(run.folder) for run in (first, beside)]
    for name, value in finished_weights(last.folder).items():
        torch.testing.assert_close(value, 0.25 * others[0][name] + 0.5 * others[1][name] + 0.25 * trained[name])
    assert any(not torch.equal(value, trained[name]) for name, value in others[1].items())
    assert [run["recipe"]["name"] for run in lineage(last.folder)] == ["first", "beside", "last"]


def test_a_mean_with_a_run_of_another_form_is_refused_before_the_training(make_run: Callable[..., Run]) -> None:
    first = make_run("first", [{**HAND, "epochs": 1}])
    train(first)
    shallow = make_run("shallow", [{**HAND, "epochs": 1}], layers=[0])
    shallow.recipe = shallow.recipe.model_copy(
        update={"start": str(first.folder), "mean_with": {str(first.folder): 0.5}}
    )
    with pytest.raises(ConfigurationError, match=r"mean_with: .*first has other layers, vocabulary or heads than this"):
        train(shallow)
    assert not shallow.weights.exists()


@pytest.mark.parametrize("layers", [[0, 2, 4, 6], [0, 3, 6], [0, 7], []])
def test_a_student_keeps_some_layers_of_its_start(
    make_run: Callable[..., Run],
    make_encoder: Callable[[int], BertModel],
    source: str,
    tokenizer: Tokenizer,
    layers: list[int],
) -> None:
    save_encoder(make_encoder(8), tokenizer, Path(source))
    first = make_run("first", [{**HAND, "epochs": 1}])
    train(first)
    student = make_run("student", [{**HAND, "epochs": 1}], layers=layers)
    student.recipe = student.recipe.model_copy(update={"start": str(first.folder)})
    encoder, _ = prepare_encoder(student)
    teacher = load_run(first.folder)[0].encoder
    assert_same_weights(encoder.embeddings, teacher.embeddings)
    assert len(encoder.encoder.layer) == len(layers)
    for kept, layer in zip(encoder.encoder.layer, layers, strict=True):
        assert_same_weights(kept, teacher.encoder.layer[layer])

    train(student)
    trained, _, _ = load_run(student.folder)
    assert len(trained.encoder.encoder.layer) == trained.encoder.config.num_hidden_layers == len(layers)


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    expected = other.state_dict()
    assert one.state_dict().keys() == expected.keys()
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def test_a_start_that_is_no_finished_run_is_named(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run("lost", [HAND])
    run.recipe = run.recipe.model_copy(update={"start": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigurationError, match="nowhere"):
        train(run)


def limited(run: Run, folder: Path, annotations: Path | None = None, *, source: str = "app-reviews") -> Run:
    """The run, allowed only ``source`` by its recipe and a register in ``folder``."""
    entry = 'language = "en"\nrows = 1\nlicence = "MIT"\nverified = true\n'
    register = f'[[source]]\nname = "{source}"\npermissive = true\n{entry}'
    register += f'[[source]]\nname = "waimai-10k"\npermissive = false\n{entry}'
    (folder / "sources.toml").write_text(register, encoding="utf-8")
    run.recipe = run.recipe.model_copy(update={"data": DataSection(licences="permissive")})
    run.project, run.annotations = folder, annotations or run.annotations
    return run


def test_licences_limit_weak_hand_and_written_texts(
    make_run: Callable[..., Run],
    annotation_folder: Callable[..., Path],
    annotate: Callable[..., dict[str, str]],
    tmp_path: Path,
) -> None:
    rows = [
        annotate("train", "The food was cold.", "poor_quality", source="app-reviews"),
        annotate("train", "The bill was wrong.", "price_billing", source="waimai-10k"),
    ]
    adapted = [
        annotate("train", "Ապուրը սառն էր։", "poor_quality", origin="adapted", source="app-reviews"),
        annotate("train", "Հաշիվը սխալ էր։", "price_billing", origin="adapted", source="waimai-10k"),
    ]
    written = annotate("train", "Geç kaldılar.", "delay_wait", origin="written", source="written")
    (tmp_path / "written").mkdir()
    with (tmp_path / "written" / "tr.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, written)
        writer.writeheader()
        writer.writerow(written)
    run = limited(make_run("limited", TWO_STAGES), tmp_path, annotation_folder({"en": rows, "hy": adapted}))

    hand = load_mixture(run, run.recipe.stage[1])
    assert sorted(hand["text"]) == ["Geç kaldılar.", "The food was cold.", "Ապուրը սառն էր։"]
    weak = load_mixture(run, run.recipe.stage[0])
    assert set(weak["source"]) == {"app-reviews", "written"}
    assert len(weak) > len(hand)


def test_without_an_allowed_text_there_is_no_training(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = limited(make_run("none", [HAND]), tmp_path, source="elsewhere")
    with pytest.raises(ConfigurationError, match="stage 'hand' has no text of an allowed source"):
        load_mixture(run, run.recipe.stage[0])
    run = limited(make_run("lost", [HAND]), tmp_path)
    run.project = None
    with pytest.raises(ConfigurationError, match=r"needs the register sources\.toml; name --project"):
        load_mixture(run, run.recipe.stage[0])


def test_the_vocabulary_counts_allowed_texts_only(
    make_run: Callable[..., Run], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    all_texts, few = make_run("all", [HAND]), limited(make_run("few", [HAND]), tmp_path)
    assert prepare_encoder(few)[1].get_vocab_size() < prepare_encoder(all_texts)[1].get_vocab_size()
