"""Train the multi-task network by a recipe, with checkpoints that a later call resumes from.

A plain loop rather than the transformers Trainer: losses masked per head, batches by token budget, a
learning rate per layer and several stages over different mixtures would each need an override there.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, concatenate_datasets
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, SOFTMAX_HEADS
from complaintnlp.training import dataset as data
from complaintnlp.training.encoder import load_encoder, save_encoder
from complaintnlp.training.label_mapping import load_mapping
from complaintnlp.training.network import ComplaintNetwork, keep_layers
from complaintnlp.training.perturb import perturb
from complaintnlp.training.project_labels import load_training_labels
from complaintnlp.training.recipe import Change, Recipe, StageSection
from complaintnlp.training.soft_labels import load_soft_labels
from complaintnlp.training.sources import AFTER_CASES, OWN_SOURCES, REGISTER_FILE, load_sources, permissive_names
from complaintnlp.training.stage import EpochEnd, Progress, StageFolder, StageTrainer, TrainingState
from complaintnlp.training.vocabulary import count_pieces, pieces_to_keep, trim

logger = logging.getLogger(__name__)


@dataclass
class Run:
    """A recipe, the folder of its run, and the data.

    Attributes:
        recipe: what to do.
        folder: where everything is written.
        annotations: folder of hand labels.
        corpora: folder of corpora with native labels.
        project: folder of the project's own labels and texts, or None.
        progress: told how far the training is.
        on_epoch: told the figures of each epoch.
    """

    recipe: Recipe
    folder: Path
    annotations: Path
    corpora: Path
    project: Path | None = None
    progress: Progress = field(default=lambda _text, _done, _total: None)
    on_epoch: EpochEnd = field(default=lambda _entry, _count: None)

    @property
    def weights(self) -> Path:
        """Weights of the best epoch of the last stage."""
        return self.folder / "network.safetensors"

    @property
    def recipe_file(self) -> Path:
        """The recipe that the run was begun with."""
        return self.folder / "recipe.json"

    @property
    def data_file(self) -> Path:
        """What each stage trained on."""
        return self.folder / "data.json"

    @cached_property
    def allowed_sources(self) -> frozenset[str] | None:
        """Sources that the recipe's licences allow, with the project's own texts; None allows all.

        Raises:
            ConfigurationError: the recipe limits them, and the project's folder has no register.
        """
        if self.recipe.data.licences == "all":
            return None
        if self.project is None:
            raise ConfigurationError(f"licences = 'permissive' needs the register {REGISTER_FILE}; name --project")
        return permissive_names(load_sources(self.project / REGISTER_FILE)) | (set(OWN_SOURCES) - {AFTER_CASES})

    def allows(self, source: str) -> bool:
        """Whether the run may learn from this source."""
        return self.allowed_sources is None or source in self.allowed_sources

    @property
    def table_file(self) -> Path:
        """Development figures as a table for people; ``metrics.json`` holds the same."""
        return self.folder / "metrics.md"


def train(run: Run, *, resume: bool = False) -> list[dict[str, Any]]:
    """Train all stages of a recipe.

    Args:
        run: recipe, folder and data.
        resume: continue from the folder's checkpoint instead of starting anew.

    Returns:
        The history: one entry per epoch with the development figures per group. It also stands in
        ``metrics.json`` of the folder; the weights are in ``network.safetensors``.

    Raises:
        ConfigurationError: the folder already holds a run and ``resume`` is not set, or there is nothing to resume.
    """
    recipe, folder = run.recipe, StageFolder(run.folder)
    check_folder(run, resume=resume)
    run.folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        run.recipe_file.write_text(recipe.model_dump_json(indent=2), encoding="utf-8")
    torch.manual_seed(recipe.seed)
    encoder, tokenizer = prepare_encoder(run)
    network = ComplaintNetwork(encoder, dropout=recipe.dropout, pooling=recipe.pooling)
    others = weights_to_mix(recipe.mean_with, network)
    development = data.load_hand_labels(run.annotations, "dev", evaluation_only=False)
    state, saved = TrainingState(), None
    if resume:
        saved = torch.load(folder.checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        state = TrainingState(**saved["state"])
        logger.info("resumed at stage %d, epoch %d, batch %d", state.stage + 1, state.epoch + 1, state.batch)
    while state.stage < len(recipe.stage):
        mixture = load_mixture(run, recipe.stage[state.stage])
        _note_data(run, recipe.stage[state.stage].name, mixture)
        if state.stage == 0 and saved is None and recipe.start is not None:
            load_heads(network, Path(recipe.start))
        if state.stage == first_labels(recipe) and saved is None and recipe.start is None:
            network.set_output_prior(output_prior(mixture))
        translations = []
        if recipe.stage[state.stage].alignment:
            translations = data.load_translations(run.corpora, data.HeldOut.of(run.annotations))
        trainer = StageTrainer(recipe, network, tokenizer, mixture, folder, state, translations=translations)
        if saved is not None:
            trainer.restore(saved)
            saved = None
        trainer.run(development, run.progress, run.on_epoch)
        state.next_stage()
    network.load_state_dict(mean_weights(network.state_dict(), others))
    save_file(network.state_dict(), run.weights)
    run.table_file.write_text(history_markdown(state.history), encoding="utf-8")
    save_encoder(network.encoder, tokenizer, run.folder / "encoder")
    folder.checkpoint.unlink(missing_ok=True)
    return state.history


def first_labels(recipe: Recipe) -> int:
    """The first stage that learns labels, counted from 0."""
    return next(number for number, stage in enumerate(recipe.stage) if stage.objective == "labels")


def check_folder(run: Run, *, resume: bool) -> None:
    """Make sure that a run can begin, or go on, in its folder.

    Raises:
        ConfigurationError: it holds a run already, or none to resume, or one of another recipe.
    """
    folder = StageFolder(run.folder)
    if resume and not folder.checkpoint.is_file():
        raise ConfigurationError(f"{run.folder} holds no checkpoint to resume from; start without --resume")
    if resume and Recipe.model_validate_json(run.recipe_file.read_text(encoding="utf-8")) != run.recipe:
        raise ConfigurationError(
            f"{run.folder} was begun with another recipe, see {run.recipe_file}; resume with that one, "
            "or start anew in another folder with --out"
        )
    if not resume and (folder.checkpoint.is_file() or run.weights.is_file()):
        raise ConfigurationError(
            f"{run.folder} already holds a run; continue it with --resume, or name another folder with --out"
        )


def _note_data(run: Run, stage: str, mixture: Dataset) -> None:
    """Keep what a stage trained on: rows per language and origin, and the fingerprint."""
    seen = json.loads(run.data_file.read_text(encoding="utf-8")) if run.data_file.is_file() else {}
    rows = Counter(f"{code} {origin}" for code, origin in zip(mixture["language"], mixture["origin"], strict=True))
    seen[stage] = {
        "rows": dict(sorted(rows.items())),
        "sources": sorted(set(mixture["source"])),
        "fingerprint": data.fingerprint(mixture),
    }
    run.data_file.write_text(json.dumps(seen, indent=2) + "\n", encoding="utf-8")


def history_markdown(history: list[dict[str, Any]]) -> str:
    """Development figures of every epoch as a table."""
    names = ("type_micro_f1", "type_macro_f1", "intensity_qwk", "nps_macro_f1", "at_risk_auroc")
    lines = [f"| stage | epoch | loss | score | group | {' | '.join(names)} |", "| --- " * (5 + len(names)) + "|"]
    for entry in history:
        for group, figures in entry["dev"].items():
            cells = " | ".join(f"{figures[name]:.3f}" for name in names)
            start = f"| {entry['stage']} | {entry['epoch']} | {entry['loss']:.4f} | {entry['score']:.4f}"
            lines.append(f"{start} | {group} | {cells} |")
    return "\n".join(lines) + "\n"


def prepare_encoder(run: Run) -> tuple[BertModel, Tokenizer]:
    """The recipe's encoder, trimmed and cut to its layers; kept in the run's folder for the next call."""
    folder, section = run.folder / "base", run.recipe.encoder
    if run.recipe.start is not None:
        section = section.model_copy(
            update={"source": str(Path(run.recipe.start) / "encoder"), "trim_vocabulary": False}
        )
    made_for = folder / "section.json"
    if made_for.is_file() and json.loads(made_for.read_text(encoding="utf-8")) != section.model_dump(mode="json"):
        raise ConfigurationError(f"{folder} was made for another [encoder]; remove {run.folder}, or name another --out")
    if not (folder / "model.safetensors").is_file():
        encoder, tokenizer = load_encoder(section.source)
        if section.layers is not None:
            keep_layers(encoder, section.layers)
        if section.trim_vocabulary:
            kept = pieces_to_keep(tokenizer, _piece_counts(run, tokenizer), min_count=section.min_piece_count)
            encoder, tokenizer = trim(encoder, tokenizer, kept)
            logger.info("vocabulary trimmed to %d pieces", len(kept))
        folder.mkdir(parents=True, exist_ok=True)
        made_for.write_text(section.model_dump_json(indent=2), encoding="utf-8")
        save_encoder(encoder, tokenizer, folder)
    return load_encoder(str(folder))


def load_heads(network: ComplaintNetwork, start: Path) -> None:
    """Take over the heads of a finished run.

    Raises:
        ConfigurationError: the folder holds no finished run.
    """
    heads = {name: value for name, value in finished_weights(start).items() if name.startswith(("heads", "queries"))}
    network.load_state_dict(heads, strict=False)


def finished_weights(run: Path) -> dict[str, torch.Tensor]:
    """The weights of a finished run.

    Raises:
        ConfigurationError: the folder holds no finished run.
    """
    weights = run / "network.safetensors"
    if not weights.is_file():
        raise ConfigurationError(f"{str(run)!r} of start or mean_with holds no finished run; train it first")
    return load_file(weights)


def weights_to_mix(
    mean_with: Mapping[str, float], network: ComplaintNetwork
) -> list[tuple[dict[str, torch.Tensor], float]]:
    """Weights of finished runs and their parts in a mean.

    Raises:
        ConfigurationError: a folder holds no finished run, or one of another form than the network.
    """
    form = {name: value.shape for name, value in network.state_dict().items()}
    others = [(run, finished_weights(Path(run)), part) for run, part in mean_with.items()]
    for run, weights, _ in others:
        if {name: value.shape for name, value in weights.items()} != form:
            raise ConfigurationError(f"mean_with: {run} has other layers, vocabulary or heads than this run")
    return [(weights, part) for _, weights, part in others]


def mean_weights(
    own: Mapping[str, torch.Tensor], others: Sequence[tuple[Mapping[str, torch.Tensor], float]]
) -> dict[str, torch.Tensor]:
    """The weighted mean of networks of the same form; what the parts of the others leave is of the first."""
    rest = 1.0 - sum(part for _, part in others)
    return {name: rest * value + sum(part * weights[name] for weights, part in others) for name, value in own.items()}


def _piece_counts(run: Run, tokenizer: Tokenizer) -> Counter[int]:
    held_out = data.HeldOut.of(run.annotations)
    corpus = (
        data.model_text(row["text"], row["lang"])
        for row in data.read_corpora(run.corpora)
        if run.allows(row["source"])
        and not data.is_out_of_domain_test(row)
        and not held_out.holds(row["id"], row["text"])
    )
    counts = count_pieces(tokenizer, corpus)
    counts.update(count_pieces(tokenizer, training_labels(run)["text"]))
    return counts


def training_labels(run: Run) -> Dataset:
    """The hand-labelled texts that a run may train on."""
    return _allowed(run, load_training_labels(run.annotations, run.project, run.corpora))


def _allowed(run: Run, texts: Dataset) -> Dataset:
    if run.allowed_sources is None:
        return texts
    return texts.select([row for row, source in enumerate(texts["source"]) if run.allows(source)])


def load_mixture(run: Run, stage: StageSection) -> Dataset:
    """The texts that a stage trains on.

    Raises:
        ConfigurationError: the stage names no data.
    """
    held_out = data.HeldOut.of(run.annotations)
    hand = training_labels(run)
    parts = [with_changes(part_of(hand, stage.hand_part), stage.changes)] if stage.hand else []
    if stage.weak:
        known = frozenset(hand["id"])
        weak = data.load_weak_labels(
            run.corpora,
            held_out,
            load_mapping(),
            per_source=stage.weak_per_source,
            exclude=known,
            sources=frozenset(stage.weak_sources) or None,
        )
        parts.append(weak)
    if stage.soft:
        files = [Path(file) for file in stage.soft]
        soft = load_soft_labels(files, run.corpora, held_out, hand, share=stage.soft_share)
        kept = [row for row, source in enumerate(soft["source"]) if source not in stage.weak_sources]
        parts.append(soft.select(kept))
    if not parts:
        raise ConfigurationError(f"stage {stage.name!r} has no data: set one of hand, weak, soft")
    mixture = _allowed(run, concatenate_datasets(parts))
    labelled = {source for source, origin in zip(mixture["source"], mixture["origin"], strict=True) if origin != "weak"}
    if unknown := sorted(set(stage.source_factors) - labelled):
        raise ConfigurationError(
            f"stage {stage.name!r}: source_factors name {', '.join(unknown)}, of which there is no hand-labelled text; "
            f"there are {', '.join(sorted(labelled)) or 'none'}"
        )
    if not len(mixture):
        raise ConfigurationError(f"stage {stage.name!r} has no text of an allowed source; see licences in the recipe")
    return mixture


def part_of(hand: Dataset, part: float) -> Dataset:
    """A part of the hand-labelled texts, chosen by a hash of the id: a larger part holds the smaller one."""
    return hand.select([row for row, text_id in enumerate(hand["id"]) if _falls_below(part, "part", text_id)])


def with_changes(hand: Dataset, shares: Mapping[Change, float]) -> Dataset:
    """Some texts misspelt, without diacritics and the like in place of what was written; each by one change at most."""
    texts = list(hand["text"])
    for row, (text_id, language) in enumerate(zip(hand["id"], hand["language"], strict=True)):
        for name, share in shares.items():
            changed = perturb(name, texts[row], language, text_id) if _falls_below(share, name, text_id) else None
            if changed is not None:
                texts[row] = changed
                break
    return Dataset.from_dict({**hand.to_dict(), "text": texts}, features=data.FEATURES)


def _falls_below(share: float, purpose: str, text_id: str) -> bool:
    digest = hashlib.sha1(f"{purpose}{text_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:2], "big") < share * 2**16


def output_prior(mixture: Dataset) -> torch.Tensor:
    """Logit of each output's mean target; where nothing is known, that of one half."""
    prior = []
    for head in HEADS:
        values = np.asarray(mixture[head], dtype=np.float64).reshape(len(mixture), -1)
        counts = (~np.isnan(values)).sum(axis=0)
        mean = np.where(counts, np.nansum(values, axis=0) / np.maximum(counts, 1), 0.5).clip(1e-3, 1 - 1e-3)
        prior.append(np.log(mean) if head in SOFTMAX_HEADS else np.log(mean / (1 - mean)))
    return torch.tensor(np.concatenate(prior), dtype=torch.float32)
