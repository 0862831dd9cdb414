"""The list of yardsticks: the packaged one, what it answers to native labels, and what is wrong in others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.sources import load_sources
from complaintnlp.training.yardstick_list import Yardstick, choose, load_yardsticks

SOURCES = Path(__file__).parents[2] / "data" / "sources.toml"
ENTRY = """[[yardstick]]
name = "mine"
source = "shop"
label = "stars"
task = "binary"
positive = ["1"]
head = "nps"
metrics = ["auroc"]
difference = "none"
"""


@pytest.fixture(scope="module", name="packaged")
def packaged_yardsticks() -> dict[str, Yardstick]:
    return {yardstick.name: yardstick for yardstick in load_yardsticks()}


def test_every_source_stands_in_the_register(packaged: dict[str, Yardstick]) -> None:
    assert {each.source for each in packaged.values()} <= {source.name for source in load_sources(SOURCES)}


@pytest.mark.parametrize(
    ("name", "labels", "answer"),
    [
        ("airline-sentiment", {"sentiment": "neutral"}, "neutral"),
        ("airline-detractor", {"sentiment": "neutral"}, False),
        ("airline-reason", {"negative_reason": "Late Flight"}, "Late Flight"),
        ("airline-reason", {"negative_reason": "no such reason"}, None),
        ("airline-reason", {"sentiment": "positive"}, None),
        ("semeval2016-turkish", {"aspects": [["A", "negative"], ["B", "negative"]]}, "negative"),
        ("semeval2016-turkish", {"aspects": [["A", "negative"], ["B", "positive"]]}, None),
        ("semeval2016-turkish", {"aspects": []}, None),
        ("semeval2018-anger", {"anger_intensity": 0.5}, 0.5),
        ("semeval2018-anger", {"fear_intensity": 0.5}, None),
        ("complaint-severity", {"complaint": "1", "reproach_level": 3.0}, "3"),
        ("complaint-severity", {"complaint": "0", "reproach_level": 0.0}, None),
        ("complaint-reproach", {"complaint": "0", "reproach_level": 0.0}, 0.0),
        ("food-delivery-stars", {"stars": 2.0}, True),
        ("food-delivery-stars", {"stars": 2}, True),
        ("food-delivery-stars", {"stars": 3.0}, False),
    ],
)
def test_native_labels_become_answers(
    packaged: dict[str, Yardstick], name: str, labels: dict[str, Any], answer: object
) -> None:
    assert packaged[name].gold(labels) == answer


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ENTRY.replace("auroc", "pearson"), "metric pearson is not one of auroc, f1, accuracy, macro_f1"),
        (ENTRY.replace('"nps"', '"intensity"'), "head intensity is not one of nps"),
        (ENTRY.replace('positive = ["1"]', ""), "binary needs positive"),
        (ENTRY + 'classes = { a = ["nobody"] }', "output nobody is not one of detractor"),
        (ENTRY + 'colour = "red"', "colour"),
        (ENTRY + ENTRY, "mine stands there more than once"),
        ("[[yardstick]", "cannot be read as TOML"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "list.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"list\.toml") as caught:
        load_yardsticks(path)
    assert problem in str(caught.value)


def test_choosing_keeps_the_order_of_the_list_and_refuses_unknown_names(packaged: dict[str, Yardstick]) -> None:
    everything = tuple(packaged.values())
    assert [each.name for each in choose(everything, ["waimai", "airline-reason"])] == ["airline-reason", "waimai"]
    assert choose(everything, ()) == everything
    with pytest.raises(ConfigurationError, match="waimay is not one of airline-sentiment"):
        choose(everything, ["waimay"])
