"""The multi-task network: an encoder, mean pooling, and one linear layer that holds all heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from complaintnlp.model.scores import HEADS, LOGIT_COUNT, SOFTMAX_HEADS


class ComplaintNetwork(nn.Module):
    """Texts to logits.

    Args:
        encoder: a BERT encoder; its hidden size sets the width of the heads.
        dropout: on the pooled vector.
    """

    def __init__(self, encoder: BertModel, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(encoder.config.hidden_size, LOGIT_COUNT)
        nn.init.normal_(self.heads.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits ``(n, LOGIT_COUNT)`` of token ids ``(n, length)``; the mask is 1 on tokens, 0 on padding."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        logits: Tensor = self.heads(self.dropout(pooled))
        return logits

    def set_output_prior(self, prior: Tensor) -> None:
        """Start the output bias at the label prior; from zero, rare labels take epochs to leave the ground."""
        with torch.no_grad():
            self.heads.bias.copy_(prior)

    def freeze(self, layers: int | None) -> None:
        """Freeze the embeddings (0) and the ``layers`` lowest layers, or nothing (None)."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)
        if layers is not None:
            for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:layers]):
                part.requires_grad_(False)


def keep_layers(encoder: BertModel, layers: list[int]) -> BertModel:
    """Keep the named transformer layers, counted from 0, in order (in place).

    Raises:
        ValueError: a layer does not exist.
    """
    available = len(encoder.encoder.layer)
    if not layers or any(not 0 <= layer < available for layer in layers):
        raise ValueError(f"layers {layers} must lie in 0..{available - 1}")
    encoder.encoder.layer = nn.ModuleList(encoder.encoder.layer[layer] for layer in layers)
    encoder.config.num_hidden_layers = len(layers)
    for index, layer in enumerate(encoder.encoder.layer):
        layer.attention.self.layer_idx = index
    return encoder


def multitask_loss(logits: Tensor, targets: dict[str, Tensor], loss_weights: dict[str, float]) -> Tensor:
    """Weighted sum of the heads' losses over what each text teaches.

    Args:
        logits: ``(n, LOGIT_COUNT)`` in float32.
        targets: columns of `complaintnlp.training.dataset.FEATURES` as tensors, unknown values NaN,
            and ``weight`` per text.
        loss_weights: one factor per head.

    Returns:
        A scalar; zero where the batch teaches nothing.
    """
    weight = targets["weight"]
    total = logits.new_zeros(())
    for head, part in HEADS.items():
        output, target = logits[:, part], targets[head]
        if head in SOFTMAX_HEADS:
            known = ~target.isnan().any(dim=1)
            losses = -(target.nan_to_num() * output.log_softmax(dim=1)).sum(dim=1)
        else:
            target = target.reshape(output.shape)
            known = ~target.isnan()
            losses = functional.binary_cross_entropy_with_logits(output, target.nan_to_num(), reduction="none")
        factor = known * (weight if known.dim() == 1 else weight.unsqueeze(1))
        total = total + loss_weights[head] * (losses * factor).sum() / factor.sum().clamp(min=1e-6)
    return total
