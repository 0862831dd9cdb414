"""The network and its masked losses, checked against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, LOGIT_COUNT, SOFTMAX_HEADS
from complaintnlp.training.network import ComplaintNetwork, keep_layers, multitask_loss

ONES = dict.fromkeys(HEADS, 1.0)


def width(head: str) -> int:
    return int(HEADS[head].stop - HEADS[head].start)


def unknown(texts: int) -> dict[str, Tensor]:
    """Targets that teach nothing."""
    targets = {head: torch.full((texts, width(head)), math.nan) for head in HEADS}
    targets["at_risk"] = targets["at_risk"][:, 0]
    return {**targets, "weight": torch.ones(texts)}


def only(head: str) -> dict[str, float]:
    return {name: float(name == head) for name in HEADS}


def random_logits(texts: int) -> Tensor:
    return torch.randn((texts, LOGIT_COUNT), generator=torch.Generator().manual_seed(1)).requires_grad_()


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def cross_entropy(logit: float, target: float) -> float:
    return -target * math.log(sigmoid(logit)) - (1 - target) * math.log(1 - sigmoid(logit))


@pytest.mark.parametrize("head", sorted(set(HEADS) - SOFTMAX_HEADS))
def test_the_loss_of_a_sigmoid_head_is_its_weighted_mean_cross_entropy(head: str) -> None:
    logits, targets = random_logits(3), unknown(3)
    targets["weight"] = torch.tensor([1.0, 0.25, 0.5])
    column = targets[head].view(3, -1)  # the same memory
    column[0], column[1, 0] = 1.0, 0.3
    values = logits.detach()[:, HEADS[head]]
    taught = [(1.0, float(value), 1.0) for value in values[0]] + [(0.25, float(values[1, 0]), 0.3)]
    expected = sum(w * cross_entropy(x, t) for w, x, t in taught) / len(taught)
    assert multitask_loss(logits, targets, only(head)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("head", sorted(SOFTMAX_HEADS))
def test_the_loss_of_a_softmax_head_is_its_weighted_mean_cross_entropy(head: str) -> None:
    logits, targets = random_logits(3), unknown(3)
    targets["weight"] = torch.tensor([1.0, 0.25, 0.5])
    targets[head][0] = torch.nn.functional.one_hot(torch.tensor(1), width(head)).float()
    soft = torch.zeros(width(head))
    soft[0], soft[2] = 0.75, 0.25
    targets[head][2] = soft
    values = logits.detach()[:, HEADS[head]].double()

    def log_share(row: int, column: int) -> float:
        return float(values[row, column]) - math.log(sum(math.exp(v) for v in values[row].tolist()))

    expected = (1.0 * -log_share(0, 1) + 0.5 * -(0.75 * log_share(2, 0) + 0.25 * log_share(2, 2))) / 2
    assert multitask_loss(logits, targets, only(head)).item() == pytest.approx(expected, rel=1e-5)


def test_heads_add_up_by_their_factors() -> None:
    logits, targets = random_logits(2), unknown(2)
    targets["at_risk"][:] = torch.tensor([1.0, 0.0])
    targets["nps"][0] = torch.tensor([0.0, 1.0, 0.0])
    risk, nps = (multitask_loss(logits, targets, only(head)).item() for head in ("at_risk", "nps"))
    total = multitask_loss(logits, targets, {**ONES, "at_risk": 0.5, "nps": 3.0})
    assert total.item() == pytest.approx(0.5 * risk + 3.0 * nps, rel=1e-6)


def test_what_is_unknown_gives_no_gradient() -> None:
    logits, targets = random_logits(3), unknown(3)
    targets["failure_types"][0, 2] = 1.0
    targets["nps"][1] = torch.tensor([1.0, 0.0, 0.0])
    targets["primary"][2, :4] = 0.25  # half known is unknown for a softmax
    loss = multitask_loss(logits, targets, ONES)
    assert torch.isfinite(loss)
    (gradient,) = torch.autograd.grad(loss, logits)
    taught = torch.zeros_like(gradient, dtype=torch.bool)
    taught[0, HEADS["failure_types"].start + 2] = True
    taught[1, HEADS["nps"]] = True
    assert torch.equal(gradient != 0, taught)


def test_a_batch_that_teaches_nothing_costs_nothing() -> None:
    logits = random_logits(2)
    loss = multitask_loss(logits, unknown(2), ONES)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0.0
    assert not gradient.any()


def test_a_weak_text_teaches_less_even_where_no_strong_one_stands_in_the_batch() -> None:
    logits, targets = random_logits(2), unknown(2)
    targets["at_risk"][:] = 1.0
    targets["weight"] = torch.tensor([0.6, 0.2])
    (gradient,) = torch.autograd.grad(multitask_loss(logits, targets, ONES), logits)
    column = HEADS["at_risk"].start
    slopes = [sigmoid(float(value)) - 1 for value in logits.detach()[:, column]]
    assert gradient[:, column].tolist() == pytest.approx([0.3 * slopes[0], 0.1 * slopes[1]], rel=1e-4)


def test_padding_does_not_change_the_logits(encoder: BertModel) -> None:
    network = ComplaintNetwork(encoder).eval()
    ids = torch.tensor([[0, 40, 41, 42, 2]])
    padded = torch.tensor([[0, 40, 41, 42, 2, 1, 1, 1], [0, 50, 51, 52, 53, 54, 55, 2]])
    with torch.inference_mode():
        alone = network(ids, torch.ones_like(ids))
        batched = network(padded, (padded != 1).long())
    assert alone.shape == (1, LOGIT_COUNT)
    torch.testing.assert_close(alone[0], batched[0], atol=1e-5, rtol=1e-5)


def test_the_output_starts_at_the_prior(encoder: BertModel) -> None:
    network = ComplaintNetwork(encoder, dropout=0.0)
    with torch.no_grad():
        network.heads.weight.zero_()
    prior = torch.linspace(-3, 3, LOGIT_COUNT)
    network.set_output_prior(prior)
    ids = torch.tensor([[0, 40, 2]])
    assert torch.equal(network(ids, torch.ones_like(ids))[0], prior)
    assert network.heads.bias.requires_grad


def test_kept_layers_are_the_named_ones_in_order(encoder: BertModel) -> None:
    first, second = encoder.encoder.layer
    assert keep_layers(encoder, [1]) is encoder
    assert list(encoder.encoder.layer) == [second]
    assert encoder.config.num_hidden_layers == 1
    assert second.attention.self.layer_idx == 0
    assert first is not second
    ids = torch.tensor([[0, 40, 2]])
    assert encoder(ids).last_hidden_state.shape == (1, 3, 32)


def test_without_layers_a_token_does_not_see_the_others(encoder: BertModel) -> None:
    keep_layers(encoder, [])
    assert encoder.config.num_hidden_layers == 0
    ids = torch.tensor([[0, 40, 41, 2], [0, 40, 55, 2]])
    with torch.inference_mode():
        first, second = encoder(ids).last_hidden_state
        expected = encoder.embeddings(ids)[0]
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(first[[0, 1, 3]], second[[0, 1, 3]])
    assert not torch.equal(first[2], second[2])


@pytest.mark.parametrize("layers", [[2], [0, -1], [1, 0], [0, 0]])
def test_layers_that_do_not_exist_or_do_not_rise_are_refused(encoder: BertModel, layers: list[int]) -> None:
    with pytest.raises(ConfigurationError, match=r"counted from 0 and rising; it has 2, and \[\] keeps none"):
        keep_layers(encoder, layers)


@pytest.mark.parametrize(
    ("layers", "frozen"),
    [
        (None, ()),
        (0, ("encoder.embeddings",)),
        (1, ("encoder.embeddings", "encoder.encoder.layer.0")),
        (2, ("encoder.embeddings", "encoder.encoder.layer.0", "encoder.encoder.layer.1")),
    ],
)
def test_freezing_starts_at_the_bottom_and_is_taken_back(
    encoder: BertModel, layers: int | None, frozen: tuple[str, ...]
) -> None:
    network = ComplaintNetwork(encoder)
    network.freeze(2)
    network.freeze(layers)
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen or ("nothing",)), name


# --- own failure types


def test_own_types_are_taught_like_failure_types_and_where_known() -> None:
    logits = torch.randn((3, LOGIT_COUNT + 2), generator=torch.Generator().manual_seed(7)).requires_grad_()
    targets = {**unknown(3), "own_types": torch.full((3, 2), math.nan)}
    targets["own_types"][0, 1] = 1.0
    loss = multitask_loss(logits, targets, only("failure_types"))
    (gradient,) = torch.autograd.grad(loss, logits)
    chance = sigmoid(float(logits.detach()[0, LOGIT_COUNT + 1]))
    assert loss.item() == pytest.approx(-math.log(chance), rel=1e-5)
    assert gradient.nonzero().tolist() == [[0, LOGIT_COUNT + 1]]


def test_a_new_output_starts_at_its_prior_and_leaves_the_others_alone(encoder: BertModel) -> None:
    network = ComplaintNetwork(encoder, dropout=0.0, own_types=1).eval()
    torch.nn.init.normal_(network.queries.weight)
    ids = torch.tensor([[0, 40, 41, 2]])
    before = network(ids, torch.ones_like(ids))
    network.add_own_types(torch.tensor([-2.0, 1.0]), [3, 7])
    after = network(ids, torch.ones_like(ids))
    assert before.shape == (1, LOGIT_COUNT + 1)
    assert network.outputs == LOGIT_COUNT + 3
    torch.testing.assert_close(after[:, : LOGIT_COUNT + 1], before)
    assert after[0, LOGIT_COUNT + 1 :].tolist() == [-2.0, 1.0]
    assert torch.equal(network.queries.weight[LOGIT_COUNT + 1 :], network.queries.weight[[3, 7]])
    after.sum().backward()
    assert network.heads.weight.grad is not None
    assert network.heads.weight.grad[LOGIT_COUNT + 1 :].any(dim=1).all()
