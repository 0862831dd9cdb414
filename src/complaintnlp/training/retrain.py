"""Train a model folder further on a user's own labels, and tell what that won and what it cost."""

from __future__ import annotations

import csv
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer

from complaintnlp.errors import ConfigurationError, InvalidInputError
from complaintnlp.judgement.decide import Decisions, Policy, decide, folder_policy
from complaintnlp.model.folder import CARD_FILE, OWN_SETTING, ModelFolder, read_model_folder
from complaintnlp.model.own_type import OwnType, merged
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import HEADS, OWN_PART, OWN_TYPES, SOFTMAX_HEADS, Calibration, Scores, sigmoid, softmax
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.training import dataset as data
from complaintnlp.training.calibrate import calibrated, combined_scores, window_logits
from complaintnlp.training.evaluate import groups_of, weights_hash
from complaintnlp.training.export import check_size, write_model_folder, write_settings
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.own_check import NEW_TYPE_BELOW, OwnData, label_counts
from complaintnlp.training.own_data import ORIGIN, own_dataset
from complaintnlp.training.own_figures import (
    MIN_POSITIVES,
    MIN_TEXTS,
    Figures,
    OwnTypeFigures,
    comparison_markdown,
    enough_labels,
    own_calibration,
    own_thresholds,
    own_type_figures,
    own_types_markdown,
    partial_figures,
)
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.recipe import Recipe, StageSection
from complaintnlp.training.release import refuse_other_folders, replaced_when_complete
from complaintnlp.training.restore import restore_network
from complaintnlp.training.stage import Progress, StageFolder, StageTrainer, TrainingState

logger = logging.getLogger(__name__)

SAMPLES: Final = Path("data/samples")
"""Our own labelled sample, where no annotations are at hand to measure forgetting on."""


@dataclass(frozen=True)
class RetrainOptions:
    """How to train.

    Attributes:
        name: of the new model; that of its folder if None.
        version: of the new model.
        epochs: passes over the texts.
        frozen_layers: lowest layers that do not learn, beside the embeddings; half of all if None.
        learning_rate: peak rate of the top layer.
        head_learning_rate: peak rate of the heads.
        batch_tokens: padded tokens a batch.
        seed: of the order of the texts and of dropout.
    """

    name: str | None = None
    version: str = "1"
    epochs: int = 3
    frozen_layers: int | None = None
    learning_rate: float = 3e-4
    head_learning_rate: float = 2e-3
    batch_tokens: int = 1024
    seed: int = 13


@dataclass(frozen=True, slots=True)
class RetrainReport:
    """What came of it.

    Attributes:
        folder: the new model.
        own: figures on the user's held-out texts, before and after.
        ours: the same on our own texts, and which these are; None where none are at hand.
        notes: what a reader of the figures should know.
        seconds: that training and measuring took.
        own_types: failure types of the user's own.
    """

    folder: Path
    own: tuple[Figures, Figures]
    ours: tuple[str, Figures, Figures] | None
    notes: tuple[str, ...]
    seconds: float
    own_types: tuple[OwnTypeFigures, ...] = ()

    def figures(self) -> dict[str, dict[str, Figures]]:
        """The figures of the tables, by whose texts they are of (``own``, ``ours``) and ``before`` or ``after``."""
        pairs = {"own": self.own, **({} if self.ours is None else {"ours": self.ours[1:]})}
        return {name: dict(zip(("before", "after"), pair, strict=True)) for name, pair in pairs.items()}

    def markdown(self) -> str:
        """Both tables, before → after, and the notes."""
        lines = ["Your held-out texts, before → after:", "", comparison_markdown(*self.own)]
        if self.own_types:
            lines += ["", "Your own failure types, F1 on the held-out texts:", "", own_types_markdown(self.own_types)]
        if self.ours is not None:
            lines += ["", f"{self.ours[0]}, before → after (what was forgotten):", ""]
            lines.append(comparison_markdown(*self.ours[1:]))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes)])


def retrain(
    own: OwnData,
    out: Path,
    options: RetrainOptions,
    *,
    init: Path | None = None,
    annotations: Path | None = None,
    progress: Progress = lambda _text, _done, _total: None,
) -> RetrainReport:
    """Fine-tune a model folder and write a new one that every other command accepts.

    What the user's labels leave open is taught by the first model's own answer on the same text, so that those heads
    stay as they were while the layers below them move.

    Args:
        own: checked texts.
        out: model folder to write; an older model there is replaced when the new one is complete.
        options: how.
        init: model folder to start from; the released model if None.
        annotations: folder of our hand labels, to measure what is forgotten; our sample if None or not there.
        progress: told how far the training is.

    Raises:
        InvalidInputError: too few texts, or an option that does not fit the model.
        ModelFolderError: ``init`` cannot be trained further.
        ConfigurationError: ``out`` is no model folder, or the very folder to start from.
    """
    started = time.monotonic()
    base = read_model_folder(init)
    refuse_other_folders(out)
    if out.resolve() == base.path.resolve():
        raise ConfigurationError(f"{out} is the model to start from; name another folder")
    own = replace(own, own_types=merged(base.own_types, own.own_types))
    own.require_enough([known.id for known in base.own_types])
    network, tokenizer = restore_network(init)
    recipe = _recipe(options, base, network, out)
    ids = [own_type.id for own_type in own.own_types]
    train, held_out = (own_dataset(part, own.types, ids) for part in (own.train, own.held_out))
    taught = with_own_answers(train, network, tokenizer, base.max_tokens)
    new = own.own_types[len(base.own_types) :]
    if new:
        likes = [int(HEADS["failure_types"].start) + FAILURE_TYPE_IDS.index(own_type.like) for own_type in new]
        network.add_own_types(_label_prior(train, len(base.own_types)), likes)
    _train(recipe, network, tokenizer, taught, progress)
    with replaced_when_complete(out) as fresh:
        training = {
            "runs": [*base.settings["training"].get("runs", []), _run_entry(recipe, train)],
            "retrained_from": {"name": base.name, "version": base.version, "sha256": weights_hash(base.path)},
        }
        write_model_folder(
            fresh,
            network,
            tokenizer,
            name=options.name or recipe.name,
            version=options.version,
            max_tokens=base.max_tokens,
            training=training,
            own_types=_starting_thresholds(own.own_types, base),
        )
        check_size(fresh)
        notes = [*_calibrate(fresh, base, held_out), *_rare_types(own, base)]
        models = (base, read_model_folder(fresh))
        ours = our_texts(annotations)
        answers = [_answers(model, held_out) for model in models]
        report = RetrainReport(
            folder=out.resolve(),
            own=_compare(answers, held_out, _own_groups(held_out)),
            ours=(ours[0], *_compare([_answers(model, ours[1]) for model in models], ours[1], groups_of(ours[1])))
            if ours
            else None,
            notes=tuple(notes),
            seconds=time.monotonic() - started,
            own_types=own_type_figures([decisions for _, decisions in answers], train, held_out, own.own_types),
        )
        title = f"# {models[1].name} {models[1].version}\n\nRetrained from {base.name} {base.version} on "
        card = f"{title}{len(train)} texts; {len(held_out)} were held out.\n\n{report.markdown()}\n"
        (fresh / CARD_FILE).write_text(card, encoding="utf-8")
    return report


def with_own_answers(texts: Dataset, network: ComplaintNetwork, tokenizer: Tokenizer, max_tokens: int) -> Dataset:
    """The same texts with the network's probabilities in place of unknown labels.

    A text whose failures are all of the user's own types was judged to name none of the 13. What the network has no
    output for yet stays unknown.
    """
    logits = predict_logits(network, tokenizer, texts["text"], max_tokens).astype(np.float64)
    columns: dict[str, Any] = {name: list(texts[name]) for name in texts.column_names}
    for head, part in HEADS.items():
        known = np.asarray(texts[head], dtype=np.float64)
        answers = softmax(logits[:, part]) if head in SOFTMAX_HEADS else sigmoid(logits[:, part])
        columns[head] = np.where(np.isnan(known), answers.reshape(known.shape), known)
    if OWN_TYPES in columns:
        own, answers = np.asarray(texts[OWN_TYPES], dtype=np.float64), sigmoid(logits[:, OWN_PART])
        given = np.asarray(texts["failure_types"], dtype=np.float64)
        columns["failure_types"][(own == 1).any(axis=1) & ~(given == 1).any(axis=1)] = 0.0
        answered = own[:, : answers.shape[1]]  # a view: the first columns are those of the network
        answered[np.isnan(answered)] = answers[np.isnan(answered)]
        columns[OWN_TYPES] = own
    plain = {name: values.tolist() if isinstance(values, np.ndarray) else values for name, values in columns.items()}
    return Dataset.from_dict(plain, features=texts.features)


def _label_prior(texts: Dataset, known: int) -> torch.Tensor:
    """Logit of the share of texts that name each own failure type but the ``known`` first ones."""
    share = np.nanmean(np.asarray(texts[OWN_TYPES], dtype=np.float64)[:, known:], axis=0).clip(1e-3, 1 - 1e-3)
    return torch.tensor(np.log(share / (1 - share)), dtype=torch.float32)


def _starting_thresholds(own_types: Sequence[OwnType], base: ModelFolder) -> list[OwnType]:
    """A new type starts from the threshold of the one that it is handled like."""
    known = {own.id for own in base.own_types}
    policy = Policy.from_dict(base.thresholds, str(base.path))
    likes = dict(zip(FAILURE_TYPE_IDS, policy.failure_types, strict=True))
    return [own if own.id in known else replace(own, threshold=likes[own.like]) for own in own_types]


def our_texts(annotations: Path | None) -> tuple[str, Dataset] | None:
    """Texts of our own to measure forgetting on, and what they are: the development split, else the sample."""
    if annotations is not None and annotations.is_dir():
        return "Our development split", data.load_hand_labels(annotations, "dev")
    if not (SAMPLES / "labels.csv").is_file():
        return None
    tables = []
    for name in ("reviews.csv", "labels.csv"):
        with (SAMPLES / name).open(encoding="utf-8", newline="") as stream:
            tables.append({row["review_id"]: row for row in csv.DictReader(stream)})
    rows = [_sample_row(review, tables[1][key]) for key, review in tables[0].items() if key in tables[1]]
    return "Our sample (60 written texts: a rough sign only)", data.hand_dataset(rows)


def _sample_row(review: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    language = detect(normalize(review["text"]).text).code
    fixed = {"id": review["review_id"], "language": language or "en", "source": "sample", "origin": "written"}
    return {**labels, **fixed, "text": review["text"], "primary": labels["failure_types"].split(";")[0]}


def _recipe(options: RetrainOptions, base: ModelFolder, network: ComplaintNetwork, out: Path) -> Recipe:
    layers = len(network.encoder.encoder.layer)
    frozen = layers // 2 if options.frozen_layers is None else options.frozen_layers
    if not 0 <= frozen <= layers:
        raise InvalidInputError(f"frozen_layers {frozen} must lie in 0..{layers}: the model has {layers} layers")
    stage = StageSection(
        name=ORIGIN,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        head_learning_rate=options.head_learning_rate,
        batch_tokens=options.batch_tokens,
        frozen_layers=frozen,
    )
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in out.resolve().name.casefold()).strip("-")
    return Recipe(
        name=name or ORIGIN, seed=options.seed, max_tokens=base.max_tokens, pooling=network.pooling, stage=[stage]
    )


def _train(recipe: Recipe, network: ComplaintNetwork, tokenizer: Tokenizer, texts: Dataset, progress: Progress) -> None:
    torch.manual_seed(recipe.seed)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = StageTrainer(recipe, network, tokenizer, texts, StageFolder(Path(scratch)), TrainingState())
        # No epoch is chosen: with a rate that falls to zero the last is the best, and the held-out part stays unseen.
        trainer.run(None, progress)


def _run_entry(recipe: Recipe, texts: Dataset) -> dict[str, Any]:
    rows = Counter(f"{code} {ORIGIN}" for code in texts["language"])
    entry = {"rows": dict(sorted(rows.items())), "sources": [], "fingerprint": data.fingerprint(texts)}
    return {"recipe": recipe.model_dump(mode="json"), "data": {ORIGIN: entry}}


def _calibrate(folder: Path, base: ModelFolder, held_out: Dataset) -> list[str]:
    """Write calibration and thresholds; what was done, in words."""
    model = read_model_folder(folder)
    windows = window_logits(Runtime(model), held_out["text"])
    # An own failure type that is new here has no calibration in the base.
    starting = Calibration({**model.calibration.temperatures, **base.calibration.temperatures}, base.calibration.biases)
    calibration = own_calibration(np.stack([logits[0] for logits in windows]), held_out, starting)
    old = replace(folder_policy(base), own_types=model.own_types)
    policy = own_thresholds(combined_scores(windows, calibration), held_out, old)
    settings = calibrated(model.settings, calibration, policy)
    if policy.own_types:
        settings[OWN_SETTING] = [own.to_dict() for own in policy.own_types]
    write_settings(folder, settings)
    kept = [head for head in HEADS if not enough_labels(held_out, head)]
    notes = []
    if kept:
        notes.append(
            f"calibration and thresholds of {', '.join(kept)} are the old ones: fewer than {MIN_TEXTS} held-out texts "
            f"have these labels, or fewer than {MIN_POSITIVES} say yes or no"
        )
    if len(kept) < len(HEADS):
        notes.append(
            "the others were drawn towards the held-out texts, so the figures after may flatter by about a point"
        )
    return notes


def _own_groups(texts: Dataset) -> list[str]:
    return list(texts["language"])


def _rare_types(own: OwnData, base: ModelFolder) -> Iterator[str]:
    counts = label_counts(own.train)
    for new in own.own_types[len(base.own_types) :]:
        count = counts[f"failure_types: {new.id}"]
        if count < NEW_TYPE_BELOW:
            yield (
                f"the new failure type {new.id} has {count} texts to train on, fewer than {NEW_TYPE_BELOW}: "
                "label more before you rely on it"
            )


def _answers(model: ModelFolder, texts: Dataset) -> tuple[Scores, Decisions]:
    """What a model makes of texts, through the runtime that serves it; own types only where the texts know them."""
    scores = combined_scores(window_logits(Runtime(model), texts["text"]), model.calibration)
    policy = folder_policy(model) if OWN_TYPES in texts.column_names else replace(folder_policy(model), own_types=())
    return scores, decide(scores, policy, texts["language"])


def _compare(answers: Sequence[tuple[Scores, Decisions]], texts: Dataset, groups: list[str]) -> tuple[Figures, Figures]:
    before, after = (_measure(*each, texts, groups) for each in answers)
    return before, after


def _measure(scores: Scores, decisions: Decisions, texts: Dataset, groups: list[str]) -> Figures:
    """Figures per group, and over all where there are several."""
    figures = partial_figures(scores, decisions, texts, groups)
    if len(figures) > 1:
        figures |= partial_figures(scores, decisions, texts, ["all"] * len(groups))
    return figures
