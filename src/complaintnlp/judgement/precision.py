"""Thresholds for a wanted precision: of the failure types and risks that are answered, how many shall be right.

A model folder holds a table of them, measured on the development split at calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from complaintnlp.errors import InvalidInputError, ModelFolderError
from complaintnlp.judgement.decide import Policy
from complaintnlp.taxonomy import FAILURE_TYPE_IDS

PRECISIONS: Final = (0.7, 0.8, 0.9, 0.95)
"""What may be asked for."""

SETTING: Final = "precision"
"""Entry of the model folder that holds the table."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does on the development split.

    Attributes:
        threshold: None where no threshold gives the wanted precision.
        precision: share of right answers at the threshold; where there is none, the best that any gives.
        recall: share of the labels that are found at that precision.
        held_out: precision on folds of the split by thresholds of the other folds; None where a fold has none.
    """

    threshold: float | None
    precision: float
    recall: float
    held_out: float | None = None


def precision_policy(policy: Policy, settings: Mapping[str, Any], wanted: float, where: str) -> Policy:
    """The policy with the thresholds of failure types and at risk that reach a wanted precision.

    They hold for every language alike; reasons and the review flag stay as they are.

    Args:
        policy: of the folder.
        settings: of the folder.
        wanted: one of `PRECISIONS`.
        where: the folder, for messages.

    Raises:
        InvalidInputError: another precision, or one that was not reached on the development split.
        ModelFolderError: the folder has no such table, or a damaged one.
    """
    if wanted not in PRECISIONS:
        allowed = ", ".join(map(str, PRECISIONS))
        raise InvalidInputError(f"precision {wanted} is not one of {allowed}; leave it out for best F1")
    if SETTING not in settings:
        raise ModelFolderError(
            f"{where} has no thresholds for a wanted precision; add them with: complaintnlp calibrate {where}"
        )
    points = _points(settings[SETTING], wanted, where)
    for name, point in points.items():
        if point.threshold is None:
            raise InvalidInputError(
                f"{where} does not reach precision {wanted} for {name}: the best on the development split was "
                f"{point.precision:.3f}, with recall {point.recall:.3f}; ask for less"
            )
    types, risk = (points[name].threshold for name in ("failure_types", "at_risk"))
    assert types is not None  # noqa: S101 - checked above
    assert risk is not None  # noqa: S101
    return replace(policy, failure_types=(types,) * len(FAILURE_TYPE_IDS), language_shift={}, at_risk=risk)


def _points(table: Any, wanted: float, where: str) -> dict[str, Point]:
    try:
        row = table[str(wanted)]
        points = {name: Point(**row[name]) for name in ("failure_types", "at_risk")}
        sound = all(
            0.0 <= value <= 1.0
            for point in points.values()
            for value in (0.0 if point.threshold is None else point.threshold, point.precision, point.recall)
        )
    except (KeyError, TypeError) as error:
        raise ModelFolderError(
            f"{where}: the thresholds for precision {wanted} are incomplete ({error!r}); calibrate it again"
        ) from error
    if not sound:
        raise ModelFolderError(
            f"{where}: thresholds, precision and recall must be numbers from 0 to 1; calibrate again"
        )
    return points
