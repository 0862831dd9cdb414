"""Consistency of two passes, adversarial noise, words left out, and parallel texts drawn together."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.scores import HEADS, LOGIT_COUNT
from complaintnlp.training.network import ComplaintNetwork, multitask_loss
from complaintnlp.training.objectives import (
    AdversarialNoise,
    Batch,
    LabelObjective,
    MaskedWordsObjective,
    Objective,
    consistency_loss,
    masked,
)
from complaintnlp.training.recipe import LossSection, StageSection

LOSSES = LossSection().model_dump()
ONES = dict.fromkeys(HEADS, 1.0)


@pytest.fixture
def network(encoder: BertModel) -> ComplaintNetwork:
    torch.manual_seed(1)
    return ComplaintNetwork(encoder, dropout=0.0)


def batch_of(network: ComplaintNetwork, rows: int = 4, length: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(4, network.encoder.config.vocab_size, (rows, length), generator=generator)
    targets: dict[str, Tensor] = {
        head: torch.full((rows, part.stop - part.start), 1.0 / (part.stop - part.start)) for head, part in HEADS.items()
    }
    return ids, torch.ones_like(ids), {**targets, "weight": torch.ones(rows)}


def objective(network: ComplaintNetwork, **settings: float) -> LabelObjective:
    return LabelObjective(network, LOSSES, StageSection.model_validate({"name": "x", **settings}), half=False)


def learn(asked: Objective, batch: Batch, parameters: Iterable[Tensor], *, steps: int, rate: float) -> list[float]:
    """Train on one batch; the loss of each step."""
    optimizer = torch.optim.Adam(list(parameters), lr=rate)
    losses = []
    for _ in range(steps):
        losses.append(asked.backward(batch))
        optimizer.step()
        optimizer.zero_grad()
    return losses


def gradients(network: ComplaintNetwork) -> dict[str, Tensor]:
    found = {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}
    network.zero_grad()
    return found


def test_plain_labels_give_the_gradient_of_the_multitask_loss(network: ComplaintNetwork) -> None:
    network.eval()
    ids, mask, targets = batch_of(network)
    loss = objective(network).backward((ids, mask, targets))
    ours = gradients(network)
    expected = multitask_loss(network(ids, mask), targets, LOSSES)
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(expected.item())
    for name, gradient in gradients(network).items():
        assert torch.allclose(gradient, ours[name]), name


def test_two_views_that_agree_cost_nothing() -> None:
    logits = torch.randn(5, LOGIT_COUNT)
    assert consistency_loss(logits, logits, ONES).item() == 0.0


def test_the_divergence_is_that_of_the_textbook() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(3, LOGIT_COUNT), torch.randn(3, LOGIT_COUNT)
    only = {**dict.fromkeys(HEADS, 0.0), "nps": 1.0}
    p, q = (torch.distributions.Categorical(logits=view[:, HEADS["nps"]]) for view in (first, second))
    both = torch.distributions.kl_divergence(p, q) + torch.distributions.kl_divergence(q, p)
    assert consistency_loss(first, second, only).item() == pytest.approx(both.mean().item() / 2, rel=1e-5)
    only = {**dict.fromkeys(HEADS, 0.0), "at_risk": 1.0}
    a, b = (torch.distributions.Bernoulli(logits=view[:, HEADS["at_risk"]]) for view in (first, second))
    both = torch.distributions.kl_divergence(a, b) + torch.distributions.kl_divergence(b, a)
    assert consistency_loss(first, second, only).item() == pytest.approx(both.mean().item() / 2, rel=1e-5)


def disagreement(network: ComplaintNetwork, batch: Batch) -> float:
    with torch.no_grad():
        views = [[network(batch[0], batch[1]) for _ in range(40)] for _ in range(2)]
        return sum(consistency_loss(one, two, ONES).item() for one, two in zip(*views, strict=True))


def test_r_drop_pulls_two_passes_together(encoder: BertModel) -> None:
    after = {}
    for weight in (0.0, 300.0):
        torch.manual_seed(2)
        network = ComplaintNetwork(copy.deepcopy(encoder), dropout=0.5).train()
        batch = batch_of(network)
        learn(objective(network, r_drop=weight), batch, network.parameters(), steps=100, rate=1e-3)
        after[weight] = disagreement(network, batch)
    assert after[300.0] < after[0.0] / 2


@pytest.mark.parametrize("frozen", [None, 0])
def test_adversarial_noise_adds_the_gradient_of_a_harder_batch(network: ComplaintNetwork, frozen: int | None) -> None:
    network.eval()
    network.freeze(frozen)
    batch = batch_of(network)
    plain_loss = objective(network).backward(batch)
    plain = gradients(network)
    noisy = objective(network, fgm=0.2)
    assert noisy.backward(batch) == pytest.approx(plain_loss)
    both = gradients(network)
    assert any(not torch.allclose(both[name], 2 * plain[name], rtol=1e-3) for name in plain)
    noisy.backward(batch)
    for name, gradient in gradients(network).items():  # nothing is left over from the batch before
        assert torch.allclose(gradient, both[name], atol=1e-6), name


def test_noise_has_the_asked_size_raises_the_loss_and_leaves_nothing_behind() -> None:
    table = nn.Embedding(10, 4)
    ids, mask = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])

    def loss_of(vectors: Tensor) -> Tensor:
        return (vectors**2 * mask.unsqueeze(-1)).sum()

    with AdversarialNoise(table) as noise:
        plain = table(ids)
        loss_of(plain).backward()  # type: ignore[no-untyped-call]
        noise.aim(0.1, mask)
        moved = table(ids)
    size = (moved - plain).flatten(1).norm(dim=1) / (plain * mask.unsqueeze(-1)).flatten(1).norm(dim=1)
    assert torch.allclose(size, torch.tensor([0.1, 0.1]), atol=1e-6)  # padding counts in neither
    assert torch.equal(moved[1, 2], plain[1, 2])
    assert loss_of(moved).item() > loss_of(plain).item()
    assert torch.equal(table(ids), plain)
    assert not table._forward_hooks


def test_noise_without_a_pass_is_refused() -> None:
    with AdversarialNoise(nn.Embedding(3, 2)) as noise, pytest.raises(RuntimeError, match="no backward pass"):
        noise.aim(0.1, torch.ones(1, 1))


def test_special_tokens_are_never_left_out_and_a_seventh_of_the_others_is() -> None:
    torch.manual_seed(0)
    ids = torch.randint(0, 50, (200, 100))
    special = torch.tensor([0, 1, 2])
    shown, wanted = masked(ids, special, 2, 50)
    asked = wanted != -100
    assert not torch.isin(ids[asked], special).any()
    assert asked.sum().item() / (~torch.isin(ids, special)).sum().item() == pytest.approx(0.15, abs=0.01)
    assert torch.equal(wanted[asked], ids[asked])
    assert torch.equal(shown[~asked], ids[~asked])
    assert (shown[asked] == 2).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (shown[asked] == ids[asked]).float().mean().item() == pytest.approx(0.1, abs=0.03)


def test_an_encoder_without_a_mask_is_refused(network: ComplaintNetwork, tokenizer_json: str) -> None:
    other = Tokenizer.from_str(tokenizer_json.replace("<mask>", "<blank>"))
    with pytest.raises(ConfigurationError, match=r"needs an encoder whose vocabulary has <mask> or \[MASK\]"):
        MaskedWordsObjective(network, other, half=False)


def test_words_left_out_are_learned_and_the_heads_stay(network: ComplaintNetwork, tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    batch = batch_of(network, rows=8, length=12)
    asked = MaskedWordsObjective(network, tokenizer, half=False)
    heads = network.heads.weight.detach().clone()
    losses = learn(asked, batch, [*network.parameters(), *asked.module.parameters()], steps=150, rate=5e-3)
    assert sum(losses[-5:]) < sum(losses[:5]) / 2
    assert torch.equal(network.heads.weight, heads)


def test_alignment_draws_parallel_texts_together(network: ComplaintNetwork) -> None:
    torch.manual_seed(0)
    network.train()
    translations = [[[0, 10 + i, 2], [0, 40 + i, 41 + i, 2], [0, 80 + i, 2]] for i in range(8)]
    asked = LabelObjective(
        network,
        dict.fromkeys(LOSSES, 0.0),
        StageSection(name="x", alignment=1.0),
        half=False,
        translations=translations,
        pad_id=1,
    )
    losses = learn(asked, batch_of(network), network.parameters(), steps=60, rate=1e-3)
    assert sum(losses[-5:]) < sum(losses[:5]) / 2


@pytest.mark.parametrize("name", ["r_drop", "fgm", "alignment"])
def test_what_goes_beside_labels_is_refused_without_them(name: str) -> None:
    with pytest.raises(ValueError, match="objective = 'labels'"):
        StageSection.model_validate({"name": "x", "objective": "masked_words", name: 0.1})
