"""Plots of a measured report: reliability, risk against coverage, confusion of primary types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from complaintnlp.errors import ConfigurationError
from complaintnlp.training.metrics import BINS
from complaintnlp.training.reliability import ALL, COVERAGES, TITLES
from complaintnlp.training.tables import number

RELIABILITY: Final = "reliability.png"
RISK_COVERAGE: Final = "risk-coverage.png"
CONFUSION: Final = "confusion-types.png"

MAX_BYTES: Final = 150_000
"""Largest plot: they are committed."""

_DPI: Final = 80
_COLUMNS: Final = 4
_NEEDED: Final = ("calibration", "risk_coverage", "confusion")


def draw_plots(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw the three plots of a report that `complaintnlp evaluate` wrote.

    Args:
        report: as `complaintnlp.training.evaluate.evaluate_model` gives it, or read from its JSON.
        folder: created if needed; plots of the same names are replaced.

    Returns:
        The files: reliability, risk against coverage, confusion of primary types.

    Raises:
        ConfigurationError: the report lacks figures, since an older version wrote it.
    """
    missing = [name for name in _NEEDED if name not in report]
    if missing:
        raise ConfigurationError(
            f"the report has no {', '.join(missing)}: another version wrote it; run complaintnlp evaluate again"
        )
    title = f"{report['model']['name']} {report['model']['version']}, {report['split']} split"
    folder.mkdir(parents=True, exist_ok=True)
    with _style():
        figures = {
            RELIABILITY: _reliability(report["calibration"][ALL], title),
            RISK_COVERAGE: _risk_coverage(report["risk_coverage"], title),
            CONFUSION: _confusion(report["confusion"]["primary"], title),
        }
        return [_save(figure, folder / name) for name, figure in figures.items()]


@contextmanager
def _style() -> Iterator[None]:
    with rc_context({"font.size": 8, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False}):
        yield


def _save(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure)
    # Without the software's name the same report gives the same bytes.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ConfigurationError(f"{path} takes {size:,} bytes, at most {MAX_BYTES:,} are allowed")
    return path


def _reliability(heads: Mapping[str, Any], title: str) -> Figure:
    """One diagram a head: how often what is given a probability comes true, and how many fall into each bin."""
    rows = -(-len(TITLES) // _COLUMNS)
    figure = Figure(figsize=(3.0 * _COLUMNS, 3.2 * rows), layout="constrained")
    figure.suptitle(f"{title}: reliability, all but the real Armenian comments")
    for place, (name, head_title) in enumerate(TITLES.items(), start=1):
        head = heads[name]
        axes = figure.add_subplot(rows, _COLUMNS, place)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        if head["bins"]:
            _bins(axes, head["bins"])
        axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="probability", ylabel="frequency")
        axes.set_title(f"{head_title}\nECE {number(head['ece'])} ({number(head['low'])}-{number(head['high'])})")
    return figure


def _bins(axes: Axes, bins: list[dict[str, float]]) -> None:
    probabilities = [each["probability"] for each in bins]
    frequencies = [each["frequency"] for each in bins]
    counts = np.array([each["count"] for each in bins], dtype=float)
    axes.bar(probabilities, counts / counts.sum(), width=0.7 / BINS, color="tab:orange", alpha=0.35)
    axes.plot(probabilities, frequencies, marker="o", markersize=4, color="tab:blue")
    for probability, frequency, count in zip(probabilities, frequencies, counts, strict=True):
        axes.annotate(f"{count:.0f}", (probability, frequency), (0, 5), textcoords="offset points", ha="center", size=6)


def _risk_coverage(groups: Mapping[str, Any], title: str) -> Figure:
    """A curve a language; a cross marks where the model says ``needs_review``."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for name, values in groups.items():
        (line,) = axes.plot(COVERAGES, values["curve"], label=f"{name} (area {number(values['aurc'])})")
        kept = values["wrong_kept"]["share"]
        if kept is not None:
            axes.plot(values["coverage"], kept, marker="X", markersize=9, color=line.get_color(), linestyle="")
    axes.plot([], [], marker="X", color="0.3", linestyle="", label="cut of needs_review")
    axes.set(xlim=(0, 1.02), ylim=(0, None), xlabel="share of texts answered, the surest first")
    axes.set_ylabel("share of them with a wrong type or NPS class")
    axes.set_title(f"{title}: risk against coverage")
    axes.legend()
    return figure


def _confusion(table: Mapping[str, Any], title: str) -> Figure:
    """Rows are gold; shade is the share of the row, the number counts texts."""
    labels, counts = table["labels"], np.array(table["counts"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(8.0, 7.0), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, size=7)
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="answer", ylabel="gold", title=f"{title}: primary failure type")
    return figure
