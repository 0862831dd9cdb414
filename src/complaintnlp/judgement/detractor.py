"""NPS class: from the text, overridden by a survey score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from complaintnlp.records import NpsClass, NpsResult
from complaintnlp.taxonomy import NPS_CLASS_IDS


def class_of_score(nps_score: int) -> NpsClass:
    """Class of an answer 0-10 to the recommendation question (Reichheld 2003): 9-10, 7-8, 0-6."""
    if nps_score >= 9:
        return "promoter"
    return "passive" if nps_score >= 7 else "detractor"


def nps_result(probabilities: NDArray[np.float64] | None, nps_score: int | None) -> NpsResult | None:
    """The NPS answer; None where neither a survey score nor a scored text says anything.

    Stars are no substitute: they rate one transaction, not the intention to recommend.

    Args:
        probabilities: ``(3,)`` from the text, or None where the text could not be scored.
        nps_score: the customer's own answer, which always overrides the text.
    """
    if probabilities is None and nps_score is None:
        return None
    by_class = None
    if probabilities is not None:
        by_class = {name: round(float(p), 4) for name, p in zip(NPS_CLASS_IDS, probabilities, strict=True)}
    if nps_score is not None:
        return NpsResult.model_validate(
            {"class": class_of_score(nps_score), "probabilities": by_class, "source": "survey"}
        )
    assert probabilities is not None  # noqa: S101 - for the type checker
    return NpsResult.model_validate(
        {"class": NPS_CLASS_IDS[int(probabilities.argmax())], "probabilities": by_class, "source": "text"}
    )
