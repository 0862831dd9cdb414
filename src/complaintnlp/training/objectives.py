"""What a batch asks of the network: its labels, and what keeps it from leaning on chance; or the words left out.

What stands beside the labels is off by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, SOFTMAX_HEADS
from complaintnlp.training.batches import pad
from complaintnlp.training.network import ComplaintNetwork, multitask_loss
from complaintnlp.training.recipe import StageSection

MASKED_SHARE: Final = 0.15
MASK_TOKENS: Final = ("<mask>", "[MASK]")
_KEPT_SHARE, _RANDOM_SHARE = 0.1, 0.1
_NOT_PREDICTED: Final = -100
_PAIRS: Final = 24
"""Pairs of one meaning beside each batch."""
_TEMPERATURE: Final = 0.05

Batch = tuple[Tensor, Tensor, dict[str, Tensor]]
Translations = Sequence[Sequence[list[int]]]
"""Token ids of texts that say the same, at least two languages each."""


class Objective(Protocol):
    """Adds the gradients of a batch to the network's and gives the loss. ``module`` holds weights of its own."""

    module: nn.Module

    def backward(self, batch: Batch) -> float:
        """Add the gradients of a batch; its loss."""
        ...


class LabelObjective:
    """The labels of a batch, with what the stage asks beside them.

    Args:
        network: whose gradients are added up.
        loss_weights: one factor per head.
        stage: names ``r_drop``, ``fgm`` and ``alignment``.
        half: whether matrix products run in bfloat16.
        translations: for ``alignment``.
        pad_id: of the tokenizer.
    """

    def __init__(
        self,
        network: ComplaintNetwork,
        loss_weights: dict[str, float],
        stage: StageSection,
        *,
        half: bool,
        translations: Translations = (),
        pad_id: int = 0,
    ) -> None:
        self.network, self.loss_weights, self.stage, self.half = network, loss_weights, stage, half
        self.translations, self.pad_id = translations, pad_id
        self.module = nn.Module()

    def backward(self, batch: Batch) -> float:
        """Add the gradients of a batch; its loss without noise."""
        if not self.stage.fgm:
            return self._backward(batch)
        with AdversarialNoise(self.network.encoder.embeddings) as noise:
            loss = self._backward(batch)
            noise.aim(self.stage.fgm, batch[1])
            self._loss(batch).backward()  # type: ignore[no-untyped-call]
        return loss

    def _backward(self, batch: Batch) -> float:
        loss = self._loss(batch)
        if self.stage.alignment:
            loss = loss + self.stage.alignment * self._alignment()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _loss(self, batch: Batch) -> Tensor:
        ids, mask, targets = batch
        logits = self._logits(ids, mask)
        loss = multitask_loss(logits, targets, self.loss_weights)
        if not self.stage.r_drop:
            return loss
        again = self._logits(ids, mask)
        labels = (loss + multitask_loss(again, targets, self.loss_weights)) / 2
        return labels + self.stage.r_drop * consistency_loss(logits, again, self.loss_weights)

    def _logits(self, ids: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            logits: Tensor = self.network(ids, mask)
        return logits.float()

    def _alignment(self) -> Tensor:
        """Contrast of texts that say the same in two languages against the others of the batch."""
        chosen = torch.randperm(len(self.translations))[:_PAIRS].tolist()
        pairs = [
            [self.translations[row][i] for i in torch.randperm(len(self.translations[row]))[:2].tolist()]
            for row in chosen
        ]
        sides = [self._meaning([pair[side] for pair in pairs]) for side in (0, 1)]
        match = sides[0] @ sides[1].T / _TEMPERATURE
        same = torch.arange(len(pairs))
        return (functional.cross_entropy(match, same) + functional.cross_entropy(match.T, same)) / 2

    def _meaning(self, texts: Sequence[list[int]]) -> Tensor:
        ids, mask = pad(texts, self.pad_id)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            hidden = self.network.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        share = mask.unsqueeze(-1) / mask.sum(dim=1).reshape(-1, 1, 1)
        return functional.normalize((hidden * share).sum(dim=1), dim=1)


class MaskedWordsObjective:
    """Guess tokens that were left out, to meet the wording of the field before any label.

    A projection of its own stands between the encoder and its word vectors; the heads stay as they were.
    """

    def __init__(self, network: ComplaintNetwork, tokenizer: Tokenizer, *, half: bool) -> None:
        self.network, self.half = network, half
        width = network.encoder.config.hidden_size
        self.module: nn.Module = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        special = {token.content: number for number, token in tokenizer.get_added_tokens_decoder().items()}
        named = [special[name] for name in MASK_TOKENS if name in special]
        if not named:
            raise ConfigurationError(
                f"objective = 'masked_words' needs an encoder whose vocabulary has {' or '.join(MASK_TOKENS)}; "
                "this one has neither: train with objective = 'labels'"
            )
        self.mask_id = named[0]
        self.special = torch.tensor(sorted(special.values()))

    def backward(self, batch: Batch) -> float:
        """Add the gradients of a batch; the mean cross-entropy of the tokens left out."""
        ids, mask, _ = batch
        shown, wanted = masked(ids, self.special, self.mask_id, self.network.encoder.config.vocab_size)
        asked = wanted != _NOT_PREDICTED
        if not bool(asked.any()):
            return 0.0
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            hidden = self.network.encoder(input_ids=shown, attention_mask=mask).last_hidden_state[asked]
            words = self.network.encoder.embeddings.word_embeddings.weight
            logits = functional.linear(self.module(hidden), words)
        loss = functional.cross_entropy(logits.float(), wanted[asked])
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())


class AdversarialNoise:
    """Noise on a text's token vectors, in the direction in which its loss grows.

    "FGM": Miyato, Dai and Goodfellow 2017, "Adversarial training methods for semi-supervised text classification".
    Used as a context: what it hangs on the embeddings is gone afterwards.
    """

    def __init__(self, embeddings: nn.Module) -> None:
        self._vectors: Tensor | None = None
        self._noise: Tensor | None = None
        self._hook = embeddings.register_forward_hook(self._add)

    def __enter__(self) -> AdversarialNoise:
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def aim(self, size: float, mask: Tensor) -> None:
        """Add noise in the next passes, of ``size`` times the norm of the text's vectors in the first one.

        Args:
            size: share of the norm.
            mask: ``(n, length)``, 1 on tokens and 0 on padding, which counts in neither norm.
        """
        if self._vectors is None or self._vectors.grad is None:
            raise RuntimeError("no backward pass has gone through the embeddings")
        shown = mask.unsqueeze(-1)
        gradient, vectors = self._vectors.grad * shown, self._vectors.detach() * shown
        norm = gradient.flatten(1).norm(dim=1).clamp(min=1e-12).reshape(-1, 1, 1)
        self._noise = size * vectors.flatten(1).norm(dim=1).reshape(-1, 1, 1) * gradient / norm

    def _add(self, _module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        if self._noise is not None:
            return output + self._noise
        if not torch.is_grad_enabled() or self._vectors is not None:
            return output
        if not output.requires_grad:  # frozen embeddings
            output = output.detach().requires_grad_()
        output.retain_grad()
        self._vectors = output
        return output


def consistency_loss(first: Tensor, second: Tensor, loss_weights: dict[str, float]) -> Tensor:
    """Symmetric divergence of two views ``(n, outputs)`` of a batch that differ by dropout alone.

    "R-Drop" (Liang et al. 2021): half of KL(p, q) + KL(q, p), which is the sum of (p - q)(log p - log q); a mean over
    the texts and outputs of each head, the heads weighted as in the loss. All texts count alike; own failure types do
    not count.
    """
    total = first.new_zeros(())
    for head, part in HEADS.items():
        one, two = first[:, part], second[:, part]
        if head in SOFTMAX_HEADS:
            one, two = one.log_softmax(dim=1), two.log_softmax(dim=1)
            divergence = ((one.exp() - two.exp()) * (one - two)).sum(dim=1)
        else:
            divergence = (one.sigmoid() - two.sigmoid()) * (one - two)
        total = total + loss_weights[head] * divergence.mean() / 2
    return total


def masked(ids: Tensor, special: Tensor, mask_id: int, size: int) -> tuple[Tensor, Tensor]:
    """Leave out tokens: what is shown, and what is to be guessed (-100 where nothing is).

    Of the tokens asked for, a tenth stay and a tenth give way to a random one, as in BERT (Devlin et al. 2019).
    """
    asked = (torch.rand(ids.shape) < MASKED_SHARE) & ~torch.isin(ids, special)
    fate = torch.rand(ids.shape)
    shown = torch.where(asked & (fate >= _KEPT_SHARE + _RANDOM_SHARE), mask_id, ids)
    replaced = asked & (fate >= _KEPT_SHARE) & (fate < _KEPT_SHARE + _RANDOM_SHARE)
    shown = torch.where(replaced, torch.randint(size, ids.shape), shown)
    return shown, torch.where(asked, ids, _NOT_PREDICTED)
