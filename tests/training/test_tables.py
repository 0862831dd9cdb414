from __future__ import annotations

import pytest

from complaintnlp.training.tables import cell_with_interval, number, table_head, table_row


def test_rows_of_a_table() -> None:
    assert table_head("a", "b") == ("| a | b |", "| --- | --- |")
    assert table_row([number(0.12345), number(None)]) == "| 0.123 | - |"


@pytest.mark.parametrize(("value", "cell"), [(0.5, "0.500 (0.400-0.600)"), (float("nan"), "-"), (None, "-")])
def test_a_figure_stands_beside_its_interval(value: float | None, cell: str) -> None:
    assert cell_with_interval(value, {"low": 0.4, "high": 0.6}) == cell
