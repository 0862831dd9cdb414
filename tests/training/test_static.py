"""A model without transformer layers, from its recipe to answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp import Analyzer
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.training.evaluate import evaluate_model
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.metrics import GROUPS
from complaintnlp.training.network import ComplaintNetwork, keep_layers
from complaintnlp.training.predict import predict_logits
from complaintnlp.training.release import release_run
from complaintnlp.training.restore import restore_network
from complaintnlp.training.train import Run, train

STAGE = {"name": "hand", "epochs": 12, "batch_tokens": 128, "learning_rate": 1e-2, "head_learning_rate": 3e-2}
TEXTS = ["the soup tasted of nothing.", "Երեկ երեկոյան առաքիչը երկու ժամ ուշացավ։", "账单扣了两次。", "kurye " * 20]


def test_a_recipe_without_layers_gives_a_model_that_reads(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run("static", [STAGE], layers=[])
    history = train(run)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]

    folder = release_run(run.folder, tmp_path / "model", run.annotations, name="static", version="1")
    report = evaluate_model(folder, run.annotations, "dev", note=lambda text: None)
    # Unseen openers before sentences that it has learned: the words alone nearly always tell the type.
    assert all(report["groups"][name]["type_micro_f1"] > 0.6 for name in GROUPS)
    answer = Analyzer.load(folder).analyze("Yesterday evening, the bill was charged twice.", evidence=True)
    assert answer.primary_failure == "price_billing"
    assert answer.evidence


def test_int8_stays_near_the_static_network(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    torch.manual_seed(2)
    network = ComplaintNetwork(keep_layers(encoder, []), dropout=0.0).eval()
    torch.nn.init.normal_(network.heads.weight, std=0.3)
    torch.nn.init.normal_(network.queries.weight)
    folder = tmp_path / "model"
    write_model_folder(folder, network, tokenizer, name="static", version="1", max_tokens=64, training={})
    runtime = Runtime(read_model_folder(folder))
    served = np.concatenate([runtime.logits(text) for text in TEXTS])
    expected = predict_logits(network, tokenizer, TEXTS, 64)
    assert np.corrcoef(served.ravel(), expected.ravel())[0, 1] > 0.99
    restored, tokens = restore_network(folder)
    assert np.corrcoef(predict_logits(restored, tokens, TEXTS, 64).ravel(), served.ravel())[0, 1] > 0.99
