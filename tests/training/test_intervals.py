"""Bootstrap draws against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from complaintnlp.training.intervals import bounds, resampled_sums


def test_sums_scatter_as_theory_says() -> None:
    hits = np.arange(400) % 4 == 0
    sums = resampled_sums(np.stack([hits, ~hits], axis=1))
    assert sums.shape == (1000, 2)
    assert (sums.sum(axis=1) == 400).all()
    assert sums[:, 0].mean() == pytest.approx(100, abs=1)
    assert sums[:, 0].std() == pytest.approx(np.sqrt(400 * 0.25 * 0.75), rel=0.1)


def test_the_draws_are_those_of_whole_texts_and_always_the_same() -> None:
    values = np.random.default_rng(3).random((30, 2, 5))
    draws = np.random.default_rng(0).integers(0, 30, (1000, 30))
    np.testing.assert_allclose(resampled_sums(values), values[draws].sum(axis=1))


def test_bounds_hold_the_middle_95_in_100() -> None:
    assert bounds(np.arange(1001) / 1000) == {"low": pytest.approx(0.025), "high": pytest.approx(0.975)}
