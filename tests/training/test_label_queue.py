"""The queue asks for what the model is unsure of, and never for a text that is labelled or held out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import BertModel

from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.training.dataset import read_annotations, read_corpora
from complaintnlp.training.export import write_model_folder
from complaintnlp.training.label_queue import QueueOptions, label_queue, teaching_value, write_queue
from complaintnlp.training.network import ComplaintNetwork
from complaintnlp.training.project_labels import add_labels, split_of

OUTPUTS = len(FAILURE_TYPE_IDS) + 1


@pytest.fixture
def model(encoder: BertModel, tokenizer: Tokenizer, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    write_model_folder(
        folder, ComplaintNetwork(encoder).eval(), tokenizer, name="tiny", version="1", max_tokens=64, training={}
    )
    return folder


@pytest.fixture
def known(annotations: Path, tmp_path: Path) -> Path:
    """Hand labels whose sources are those of the corpora: the queue asks for no other source."""
    folder = tmp_path / "annotations"
    folder.mkdir()
    for path in annotations.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(
            text.replace("written-here", {"tr": "trendyol-electronics", "en": "app-reviews"}.get(path.stem, "x")),
            encoding="utf-8",
        )
    return folder


def test_the_queue_holds_training_texts_without_labels(model: Path, known: Path, corpora: Path, tmp_path: Path) -> None:
    options = QueueOptions(per_language=10, source_share=1.0, languages=("tr", "en"))
    seen: list[tuple[int, int]] = []
    first = label_queue([model], known, corpora, options, progress=lambda *step: seen.append(step))
    assert seen[-1][0] == seen[-1][1] >= len(first) == 20
    texts = {row["id"]: row for row in read_corpora(corpora)}
    annotated = {row["id"] for row in read_annotations(known)}
    for row in first:
        assert split_of(row["id"]) == "train"
        assert row["id"] not in annotated
        assert texts[row["id"]]["text"] == row["text"]
        assert row["source"] in {"trendyol-electronics", "app-reviews"}
    assert [row["lang"] for row in first] == ["tr"] * 10 + ["en"] * 10
    assert sum(row["value"] == 0 for row in first) == 4

    write_queue(first, tmp_path / "out" / "queue.jsonl")
    lines = (tmp_path / "out" / "queue.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == first
    labels = {"types": [], "intensity": 0, "nps": "passive", "at_risk": 0, "reasons": []}
    answers = tmp_path / "answers.jsonl"
    answers.write_text("\n".join(json.dumps({"id": row["id"], **labels}) for row in first), encoding="utf-8")
    add_labels([answers], tmp_path / "project", corpora)
    second = label_queue([model], known, corpora, options, project=tmp_path / "project")
    assert not {row["id"] for row in first} & {row["id"] for row in second}


def test_no_source_takes_more_than_its_share(model: Path, known: Path, corpora: Path) -> None:
    options = QueueOptions(per_language=10, source_share=0.3, languages=("tr",))
    assert len(label_queue([model], known, corpora, options)) == 3


def test_doubt_disagreement_and_rarity_raise_the_value() -> None:
    sure = np.full((2, 1, OUTPUTS), 0.01)
    doubtful, disputed, rare = sure.copy(), sure.copy(), sure.copy()
    doubtful[:, 0, 0] = 0.5
    disputed[0, 0, 0], disputed[1, 0, 0] = 0.1, 0.9
    rare[:, 0, 1] = 0.5
    rates = np.full(OUTPUTS, 0.1)
    rates[1] = 0.01
    values = [float(teaching_value(case, rates)[0]) for case in (sure, doubtful, disputed, rare)]
    assert values == sorted(values[:2]) + sorted(values[2:])
    assert values[0] < values[1] < values[2]
    assert values[1] < values[3]
