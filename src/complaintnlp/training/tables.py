"""Rows of markdown tables; a leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def table_row(cells: Sequence[str]) -> str:
    """One row of a markdown table."""
    return f"| {' | '.join(cells)} |"


def table_head(*titles: str) -> tuple[str, str]:
    """The first two rows of a markdown table."""
    return table_row(titles), table_row(["---"] * len(titles))


def number(value: float | None) -> str:
    """A figure with three decimals; a dash where there is none."""
    return "-" if value is None or np.isnan(value) else f"{value:.3f}"


def cell_with_interval(value: float | None, interval: Mapping[str, float]) -> str:
    """A figure and its interval (``low``, ``high``)."""
    text = number(value)
    return text if text == "-" else f"{text} ({number(interval['low'])}-{number(interval['high'])})"
