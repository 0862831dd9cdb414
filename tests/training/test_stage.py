"""Learning rates, the moving average's warm-up, and where a run stands."""

from __future__ import annotations

import pytest
from transformers import BertModel

from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.recipe import StageSection
from complaintnlp.training.stage import TrainingState, parameter_groups, uses_bfloat16


def test_each_lower_layer_learns_slower_and_vectors_do_not_decay(encoder: BertModel) -> None:
    network = ComplaintNetwork(encoder)
    stage = StageSection(name="x", learning_rate=1e-3, head_learning_rate=1e-2, layer_decay=0.5, weight_decay=0.1)
    groups = {id(p): (g["lr"], g["weight_decay"]) for g in parameter_groups(network, stage) for p in g["params"]}
    parameters = dict(network.named_parameters())
    assert set(groups) == {id(parameter) for parameter in parameters.values()}
    for name, rate in {
        "heads.weight": 1e-2,
        "encoder.encoder.layer.1.output.dense.weight": 1e-3,
        "encoder.encoder.layer.0.output.dense.weight": 5e-4,
        "encoder.embeddings.word_embeddings.weight": 2.5e-4,
    }.items():
        assert groups[id(parameters[name])] == pytest.approx((rate, 0.1)), name
    assert groups[id(parameters["heads.bias"])] == pytest.approx((1e-2, 0.0))
    assert groups[id(parameters["encoder.embeddings.LayerNorm.weight"])] == pytest.approx((2.5e-4, 0.0))


def test_what_is_frozen_is_in_no_group(encoder: BertModel) -> None:
    network = ComplaintNetwork(encoder)
    network.freeze(1)
    grouped = {id(p) for group in parameter_groups(network, StageSection(name="x")) for p in group["params"]}
    trained = {id(parameter) for parameter in network.parameters() if parameter.requires_grad}
    assert grouped == trained


def test_the_next_stage_starts_at_its_first_batch_and_keeps_the_history() -> None:
    state = TrainingState(stage=0, epoch=3, batch=2, best_score=0.7, best_epoch=1, history=[{"epoch": 1}])
    state.next_stage()
    assert state == TrainingState(stage=1, history=[{"epoch": 1}])


def test_the_recipe_may_force_a_precision() -> None:
    assert uses_bfloat16("bf16")
    assert not uses_bfloat16("fp32")
