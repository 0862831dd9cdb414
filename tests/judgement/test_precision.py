from __future__ import annotations

from typing import Any

import pytest

from complaintnlp.errors import InvalidInputError, ModelFolderError
from complaintnlp.judgement.decide import Policy
from complaintnlp.judgement.precision import PRECISIONS, SETTING, precision_policy

POLICY = Policy(language_shift={"hy": -0.1}, risk_reasons=(0.4,) * 4, review_below=0.3)


def table(**changes: Any) -> dict[str, Any]:
    row = {
        "failure_types": {"threshold": 0.7, "precision": 0.91, "recall": 0.5, "held_out": 0.89},
        "at_risk": {"threshold": 0.8, "precision": 0.9, "recall": 0.6, "held_out": None},
    }
    return {SETTING: {str(wanted): {**row, **changes} for wanted in PRECISIONS}}


def test_only_thresholds_of_types_and_risk_change() -> None:
    chosen = precision_policy(POLICY, table(), 0.9, "mine")
    assert chosen == Policy(
        failure_types=(0.7,) * 13, language_shift={}, at_risk=0.8, risk_reasons=(0.4,) * 4, review_below=0.3
    )


def test_another_precision_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"precision 0.85 is not one of 0.7, 0.8, 0.9, 0.95"):
        precision_policy(POLICY, table(), 0.85, "mine")


def test_a_folder_without_the_table_says_how_to_get_it() -> None:
    with pytest.raises(ModelFolderError, match="add them with: complaintnlp calibrate mine"):
        precision_policy(POLICY, {}, 0.9, "mine")


@pytest.mark.parametrize("head", ["failure_types", "at_risk"])
def test_a_precision_that_was_not_reached_says_what_was(head: str) -> None:
    settings = table(**{head: {"threshold": None, "precision": 0.87, "recall": 0.2, "held_out": None}})
    with pytest.raises(InvalidInputError, match=rf"not reach precision 0.95 for {head}: the best .* 0.870, .* 0.200"):
        precision_policy(POLICY, settings, 0.95, "mine")


@pytest.mark.parametrize(
    "point",
    [
        {"precision": 0.9, "recall": 0.6},
        {"threshold": 1.2, "precision": 0.9, "recall": 0.6},
        {"threshold": "high", "precision": 0.9, "recall": 0.6},
        {"threshold": 0.5, "precision": 0.9, "recall": 0.6, "more": 1},
        None,
    ],
)
def test_a_damaged_table_is_refused(point: Any) -> None:
    with pytest.raises(ModelFolderError, match=r"mine: .*calibrate"):
        precision_policy(POLICY, table(at_risk=point), 0.9, "mine")
