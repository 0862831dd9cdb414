"""The multi-task network: an encoder, and heads that each look at their own words.

Every output has a query of its own: it weighs the tokens by their match with the query, and its logit is the
weighted mean of the tokens' votes. A complaint names several failures, each in its own place; one mean over all
tokens would thin out each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, LOGIT_COUNT, OWN_PART, OWN_TYPES, SOFTMAX_HEADS

_MASKED: Final = -1e4
"""Match of a padding token: its weight is zero."""


class ComplaintNetwork(nn.Module):
    """Texts to logits.

    Args:
        encoder: a BERT encoder; its hidden size sets the width of the heads.
        dropout: on the token vectors that the heads see.
        pooling: ``attention`` learns the queries; ``mean`` leaves them at zero, which weighs all tokens alike.
        own_types: failure types of a user's own; each adds an output behind those of the heads.
    """

    def __init__(
        self,
        encoder: BertModel,
        *,
        dropout: float = 0.1,
        pooling: Literal["attention", "mean"] = "attention",
        own_types: int = 0,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(encoder.config.hidden_size, LOGIT_COUNT + own_types)
        self.queries = nn.Linear(encoder.config.hidden_size, LOGIT_COUNT + own_types, bias=False)
        nn.init.normal_(self.heads.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)
        # From zero queries the weights start equal: training begins at plain mean pooling.
        nn.init.zeros_(self.queries.weight)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits ``(n, outputs)`` of token ids ``(n, length)``; the mask is 1 on tokens, 0 on padding."""
        weights, votes = self.attend(input_ids, attention_mask)
        logits: Tensor = (weights * votes).sum(dim=1) + self.heads.bias
        return logits

    def attend(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """How much each output looks at each token, and what the token says: both ``(n, length, outputs)``.

        The weights of one output sum to 1 over the tokens.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        hidden = self.dropout(hidden)
        match = self.queries(hidden).float()
        match = match.masked_fill(attention_mask.unsqueeze(-1) == 0, _MASKED)
        return match.softmax(dim=1), functional.linear(hidden, self.heads.weight).float()

    def set_output_prior(self, prior: Tensor) -> None:
        """Start the output bias at the label prior; from zero, rare labels take epochs to leave the ground."""
        with torch.no_grad():
            self.heads.bias.copy_(prior)

    @property
    def outputs(self) -> int:
        """Number of logits: `LOGIT_COUNT`, and one for each own failure type."""
        return self.heads.out_features

    def add_own_types(self, prior: Tensor, likes: Sequence[int]) -> None:
        """Append an output for each of some further failure types.

        It starts at its label prior, whatever the text, and looks at the words that the output ``likes`` looks at: from
        equal weights it would learn too slowly for the few steps of a retraining.
        """
        votes, queries = self.heads.weight.detach(), self.queries.weight.detach()
        self.heads.weight = nn.Parameter(torch.cat([votes, votes.new_zeros(len(prior), votes.shape[1])]))
        self.heads.bias = nn.Parameter(torch.cat([self.heads.bias.detach(), prior]))
        self.queries.weight = nn.Parameter(torch.cat([queries, queries[list(likes)]]))
        self.heads.out_features = self.queries.out_features = len(self.heads.bias)

    def freeze(self, layers: int | None) -> None:
        """Freeze the embeddings (0) and the ``layers`` lowest layers, or neither (None)."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)
        self.queries.requires_grad_(self.pooling == "attention")
        if layers is not None:
            for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:layers]):
                part.requires_grad_(False)


def keep_layers(encoder: BertModel, layers: list[int]) -> BertModel:
    """Keep the named transformer layers, counted from 0, in order (in place).

    An empty list keeps none: what is left is a static model, in which a token's vector does not depend on the others.

    Raises:
        ConfigurationError: a layer does not exist, or the list does not rise.
    """
    available = len(encoder.encoder.layer)
    if layers != sorted(set(layers) & set(range(available))):
        raise ConfigurationError(
            f"encoder.layers {layers} must name layers of the encoder, counted from 0 and rising; it has {available}, "
            "and [] keeps none"
        )
    encoder.encoder.layer = nn.ModuleList(encoder.encoder.layer[layer] for layer in layers)
    encoder.config.num_hidden_layers = len(layers)
    for index, layer in enumerate(encoder.encoder.layer):
        layer.attention.self.layer_idx = index
    return encoder


def multitask_loss(logits: Tensor, targets: dict[str, Tensor], loss_weights: dict[str, float]) -> Tensor:
    """Weighted sum of the heads' losses over what each text teaches.

    Args:
        logits: ``(n, outputs)`` in float32.
        targets: columns of `complaintnlp.training.dataset.FEATURES` as tensors, unknown values NaN,
            and ``weight`` per text; ``own_types`` where there are any.
        loss_weights: one factor per head; own failure types have that of the 13.

    Returns:
        A scalar; zero where the batch teaches nothing.
    """
    weight = targets["weight"]
    total = logits.new_zeros(())
    own = {OWN_TYPES: OWN_PART} if OWN_TYPES in targets else {}
    loss_weights = {OWN_TYPES: loss_weights["failure_types"], **loss_weights}
    for head, part in {**HEADS, **own}.items():
        output, target = logits[:, part], targets[head]
        if head in SOFTMAX_HEADS:
            known = ~target.isnan().any(dim=1)
            losses = -(target.nan_to_num() * output.log_softmax(dim=1)).sum(dim=1)
        else:
            target = target.reshape(output.shape)
            known = ~target.isnan()
            losses = functional.binary_cross_entropy_with_logits(output, target.nan_to_num(), reduction="none")
        factor = known * (weight if known.dim() == 1 else weight.unsqueeze(1))
        total = total + loss_weights[head] * (losses * factor).sum() / known.sum().clamp(min=1)
    return total
