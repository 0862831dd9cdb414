"""Bootstrap intervals over texts; a leaf.

Texts are drawn, never labels: the labels of one text stand and fall together.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_RESAMPLES: Final = 1000
_BOUNDS: Final = (0.025, 0.975)


def resampled_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums of ``(n, ...)`` values over 1,000 resamples of the ``n`` texts: ``(1000, ...)``.

    The draws are the same for the same number of texts, so that sums of two records belong together.
    """
    count = len(values)
    flat = values.reshape(count, -1).astype(np.float64)
    generator = np.random.default_rng(0)
    sums = np.empty((_RESAMPLES, flat.shape[1]))
    for row in sums:
        row[:] = np.bincount(generator.integers(0, count, count), minlength=count) @ flat
    return sums.reshape(_RESAMPLES, *values.shape[1:])


def bounds(draws: NDArray[np.float64]) -> dict[str, float]:
    """The middle 95% of resampled figures: ``low`` and ``high``."""
    low, high = np.quantile(draws, _BOUNDS)
    return {"low": float(low), "high": float(high)}
