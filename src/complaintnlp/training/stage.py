"""One stage of training: the loop, its moving average, its checkpoints, its best epoch."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from complaintnlp.training.batches import TokenizedData, tokenize
from complaintnlp.training.metrics import json_ready, selection_score
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.objectives import LabelObjective, MaskedWordsObjective, Objective
from complaintnlp.training.predict import development_figures, predict
from complaintnlp.training.recipe import Recipe, StageSection

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a description, batches done and batches in all."""

EpochEnd = Callable[[dict[str, Any], int], None]
"""Called with the entry of the history that an epoch adds, and how many there are now."""

CHECKPOINT_SECONDS: Final = 180.0
_MAX_GRADIENT_NORM: Final = 1.0
_AVERAGE_WARMUP: Final = 10


@dataclass
class TrainingState:
    """Where a run stands: the next batch to train on, the best epoch of the stage so far, and the history."""

    stage: int = 0
    epoch: int = 0
    batch: int = 0
    best_score: float = -1.0
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)

    def next_stage(self) -> None:
        """Move to the start of the next stage."""
        self.stage, self.epoch, self.batch, self.best_score, self.best_epoch = self.stage + 1, 0, 0, -1.0, -1


@dataclass(frozen=True)
class StageFolder:
    """Files of a run's folder that a stage writes."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        """State of an unfinished run. A torch file that only `torch.load(weights_only=True)` ever reads."""
        return self.path / "checkpoint.pt"

    @property
    def metrics(self) -> Path:
        """Development figures of every epoch."""
        return self.path / "metrics.json"

    def best(self, stage: int) -> Path:
        """Weights of the best epoch of a stage, counted from 0."""
        return self.path / f"stage{stage + 1}.safetensors"


def uses_bfloat16(precision: str) -> bool:
    """Whether matrix products run in bfloat16: if asked for, or if ``auto`` and the CPU has instructions for it."""
    if precision == "auto":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return precision == "bf16"


class StageTrainer:
    """Trains one stage; afterwards the network holds the weights of its best epoch.

    Args:
        recipe: of the run.
        network: trained in place.
        tokenizer: with the network's vocabulary.
        mixture: what to train on.
        folder: where checkpoints, metrics and weights go.
        state: where the run stands; kept up to date.
        translations: groups of texts that say the same, for a stage with ``alignment``.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: ComplaintNetwork,
        tokenizer: Tokenizer,
        mixture: Dataset,
        folder: StageFolder,
        state: TrainingState,
        *,
        translations: Sequence[Sequence[str]] = (),
    ) -> None:
        self.recipe, self.network, self.tokenizer = recipe, network, tokenizer
        self.folder, self.state = folder, state
        self.stage: StageSection = recipe.stage[state.stage]
        stage = self.stage
        self.tokens = TokenizedData.of(
            mixture,
            tokenizer,
            recipe.max_tokens,
            network.encoder.config.pad_token_id,
            {"language": stage.language_factors, "origin": stage.origin_factors, "source": stage.source_factors},
        )
        seed = recipe.seed + 1000 * state.stage
        self.plan = [self.tokens.epoch(seed + epoch, self.stage.batch_tokens) for epoch in range(self.stage.epochs)]
        self.total = sum(len(batches) for batches in self.plan)
        network.freeze(self.stage.frozen_layers)
        self.half = uses_bfloat16(recipe.precision)
        self.objective = self._objective(translations)
        groups = parameter_groups(network, self.stage)
        if own := list(self.objective.module.parameters()):
            groups.append({"params": own, "lr": self.stage.head_learning_rate, "weight_decay": 0.0})
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self._last_checkpoint = time.monotonic()

    def _objective(self, translations: Sequence[Sequence[str]]) -> Objective:
        if self.stage.objective == "masked_words":
            return MaskedWordsObjective(self.network, self.tokenizer, half=self.half)
        return LabelObjective(
            self.network,
            self.recipe.loss.model_dump(),
            self.stage,
            half=self.half,
            translations=[tokenize(self.tokenizer, texts, self.recipe.max_tokens) for texts in translations],
            pad_id=self.tokens.pad_id,
        )

    def restore(self, saved: dict[str, Any]) -> None:
        """Continue from a checkpoint of this stage."""
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        self.average = saved["average"]
        self.objective.module.load_state_dict(saved.get("objective", {}))  # absent before 0.6.0
        torch.set_rng_state(saved["random"])

    def run(
        self, development: Dataset | None, progress: Progress, on_epoch: EpochEnd = lambda _entry, _count: None
    ) -> None:
        """Train to the end of the stage, or until its patience is used up.

        Without development texts, or without labels to learn, no epoch is chosen: the last one counts.
        """
        state, stage = self.state, self.stage
        if stage.objective != "labels":
            development = None
        logger.info("stage %r: %d batches, %s", stage.name, self.total, "bf16" if self.half else "fp32")
        while state.epoch < stage.epochs and not self._out_of_patience():
            loss = self._train_epoch(progress)
            self._finish_epoch(loss, development)
            on_epoch(state.history[-1], len(state.history))
        self.network.load_state_dict(load_file(self.folder.best(state.stage)))

    def _out_of_patience(self) -> bool:
        state, patience = self.state, self.stage.patience
        if patience is None or state.epoch - 1 - state.best_epoch < patience:
            return False
        logger.info("stopped early: %d epochs without a better one", patience)
        return True

    def _train_epoch(self, progress: Progress) -> float:
        """Train the rest of the current epoch; the mean loss of its batches."""
        state, batches = self.state, self.plan[self.state.epoch]
        before = sum(len(epoch) for epoch in self.plan[: state.epoch])
        self.network.train()
        losses = []
        while state.batch < len(batches):
            losses.append(self._step(batches[state.batch]))
            state.batch += 1
            self._update_average(before + state.batch)
            progress(f"{self.stage.name} {state.epoch + 1}/{self.stage.epochs}", before + state.batch, self.total)
            if time.monotonic() - self._last_checkpoint > CHECKPOINT_SECONDS:
                self.save_checkpoint()
        return sum(losses) / max(1, len(losses))

    def _step(self, rows: list[int]) -> float:
        loss = self.objective.backward(self.tokens.batch(rows))
        learned = (*self.network.parameters(), *self.objective.module.parameters())
        nn.utils.clip_grad_norm_(learned, _MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def _finish_epoch(self, loss: float, development: Dataset | None) -> None:
        state = self.state
        figures = {} if development is None else self._evaluate(development)
        score = selection_score(figures) if figures else float(state.epoch)
        entry = {"stage": self.stage.name, "epoch": state.epoch + 1, "loss": loss, "score": score, "dev": figures}
        state.history.append(entry)
        self.folder.metrics.write_text(json.dumps(json_ready(state.history), indent=2), encoding="utf-8")
        f1 = ", ".join(f"{name} {group['type_micro_f1']:.3f}" for name, group in figures.items())
        measured = f", dev score {score:.4f}, micro-F1 {f1}" if figures else ""
        logger.info("%s, epoch %d: loss %.4f%s", self.stage.name, state.epoch + 1, loss, measured)
        if score > state.best_score:
            state.best_score, state.best_epoch = score, state.epoch
            save_file(self.average, self.folder.best(state.stage))
        state.epoch, state.batch = state.epoch + 1, 0
        self.save_checkpoint()

    def _evaluate(self, development: Dataset) -> dict[str, dict[str, float]]:
        current = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.average)
        scores = predict(self.network, self.tokenizer, development["text"], self.recipe.max_tokens)
        self.network.load_state_dict(current)
        return development_figures(scores, development)

    def _rate(self, step: int) -> float:
        rise = max(1, round(self.total * self.stage.warmup))
        if step < rise:
            return (step + 1) / rise
        return max(0.0, (self.total - step) / max(1, self.total - rise))

    def _update_average(self, step: int) -> None:
        decay = min(self.stage.ema_decay, step / (step + _AVERAGE_WARMUP))
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                if parameter.requires_grad:
                    self.average[name].lerp_(parameter, 1.0 - decay)

    def save_checkpoint(self) -> None:
        """Write everything that `restore` and the run need to go on, in one rename."""
        part = self.folder.checkpoint.with_suffix(".part")
        content: dict[str, Tensor | Any] = {
            "network": self.network.state_dict(),
            "average": self.average,
            "objective": self.objective.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "state": asdict(self.state),
            "random": torch.get_rng_state(),
        }
        torch.save(content, part)
        part.replace(self.folder.checkpoint)
        self._last_checkpoint = time.monotonic()


def parameter_groups(network: ComplaintNetwork, stage: StageSection) -> list[dict[str, Any]]:
    """Trainable parameters by layer: the output layer at its own rate, each lower layer slower by ``layer_decay``."""
    layers = len(network.encoder.encoder.layer)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith(("heads", "queries")):
            rate = stage.head_learning_rate
        elif name.startswith("encoder.encoder.layer."):
            rate = stage.learning_rate * stage.layer_decay ** (layers - 1 - int(name.split(".")[3]))
        else:
            rate = stage.learning_rate * stage.layer_decay**layers
        decay = 0.0 if parameter.dim() == 1 else stage.weight_decay
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]
