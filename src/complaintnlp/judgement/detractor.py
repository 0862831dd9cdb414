"""NPS class: from the text, overridden by a survey score; and the NPS of a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.records import NpsClass, NpsResult
from complaintnlp.taxonomy import NPS_CLASS_IDS

_RESAMPLES: Final = 2000


@dataclass(frozen=True, slots=True)
class NpsEstimate:
    """Net promoter score of a set: promoters minus detractors in percent, with its 95% bootstrap interval.

    The interval tells what another sample of as many customers might show. It knows nothing of the errors of classes
    that were read from text.
    """

    texts: int
    nps: float
    low: float
    high: float


def estimate_nps(counts: Mapping[NpsClass, int], *, seed: int = 0) -> NpsEstimate | None:
    """NPS of the customers of one language; None where there are none.

    Never put languages together or compare them: how people use the scale, and how well the model reads them, differs.
    Compare a language with its own past.

    Args:
        counts: customers of each class.
        seed: of the resampling.
    """
    texts = sum(counts.values())
    if not texts:
        return None
    shares = np.array([counts.get("promoter", 0), counts.get("detractor", 0), counts.get("passive", 0)]) / texts
    drawn = np.random.default_rng(seed).multinomial(texts, shares, size=_RESAMPLES)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / texts, [0.025, 0.975])
    return NpsEstimate(texts, 100 * float(shares[0] - shares[1]), 100 * float(low), 100 * float(high))


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
