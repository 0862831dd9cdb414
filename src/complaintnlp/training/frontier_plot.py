"""The report of `complaintnlp.training.frontier` as a plot: quality against texts per second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from complaintnlp.training.frontier import Report

if TYPE_CHECKING:
    from matplotlib.typing import HashableList

PLOT_SUFFIXES: Final = (".png", ".svg")

_SIZE: Final = (12.0, 6.5)
_DPI: Final = 100
_WIDE: Final = 8.0
"""Ratio of the fastest to the slowest from which the axis counts in ones, twos and fives."""

Value = Callable[[dict[str, Any]], float]


def plot_frontier(report: Report, path: Path) -> None:
    """Draw the mean of type micro-F1 in a large panel and every group's in a small one.

    Labels are ASCII, groups go by their codes: no font for Chinese or Armenian is needed.

    Args:
        report: as `measure_frontier` gives it.
        path: one of `PLOT_SUFFIXES`.
    """
    groups = list(next(iter(report["models"].values()))["groups"])
    # A figure without pyplot keeps no state, and its file's suffix picks Agg or SVG: no screen is needed.
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    panels = figure.subplot_mosaic(_mosaic(groups), width_ratios=(1.5, 1.5, 1, 1), sharex=True)
    ceiling = report["ceiling_texts_per_second"]
    panels["mean"].axvline(ceiling, color="0.6", linestyle=":", linewidth=1, label="a model that costs nothing")
    _draw(panels["mean"], report, lambda entry: float(entry["mean_type_micro_f1"]), labelled=True)
    panels["mean"].set_title(f"type micro-F1, mean of the languages ({report['split']} split)")
    panels["mean"].set_xlabel(f"texts per second, whole path, {report['workers']} at once (log)")
    panels["mean"].set_ylabel("type micro-F1")
    # Below the axes: "best" knows nothing of the names beside the points, and hid one.
    panels["mean"].legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=8)
    for group in groups:
        _draw(panels[group], report, _of_group(group), labelled=False)
        panels[group].set_title(group, fontsize=9)
        panels[group].tick_params(labelsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The same report gives the same file: no date, no random ids; text stays text, which is small.
    with mpl.rc_context({"svg.hashsalt": "frontier", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _mosaic(groups: list[str]) -> list[HashableList[str]]:
    padded = [*groups, "."] if len(groups) % 2 else groups
    return [["mean", "mean", *padded[row : row + 2]] for row in range(0, len(padded), 2)]


def _of_group(group: str) -> Value:
    return lambda entry: float(entry["groups"][group]["type_micro_f1"])


def _draw(axes: Axes, report: Report, value: Value, *, labelled: bool) -> None:
    models = report["models"]
    edge = sorted((m["texts_per_second"], value(m)) for m in models.values() if m["on_frontier"])
    axes.plot(*zip(*edge, strict=True), color="0.75", linewidth=1, zorder=1)
    for number, (name, model) in enumerate(models.items()):
        point = (model["texts_per_second"], value(model))
        axes.plot(*point, "o", color=f"C{number % 10}", zorder=3)
        if labelled:
            axes.annotate(_ascii(name), point, (6, 5), textcoords="offset points", fontsize=9, parse_math=False)
    for number, cascade in enumerate(report["cascades"]):
        line = [(entry["texts_per_second"], value(entry)) for entry in cascade["lines"]]
        label = _ascii(f"cascade {cascade['fast']} : {cascade['good']}, speed estimated")
        style = ("--", "-.", ":")[number % 3]
        axes.plot(*zip(*line, strict=True), style, marker=".", color="0.3", linewidth=1, label=label, zorder=2)
        check = cascade["check"]
        chosen = next(entry for entry in cascade["lines"] if entry["cut"] == check["cut"])
        measured = "speed measured at the chosen cut" if number == 0 else None
        axes.plot(check["texts_per_second"], value(chosen), "x", color="0.1", linestyle="", label=measured, zorder=4)
    _count_in_round_numbers(axes)
    axes.grid(visible=True, color="0.92")


def _count_in_round_numbers(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.1)
    low, high = axes.get_xlim()
    wide = high / low > _WIDE
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _ascii(name: str) -> str:
    return name.encode("ascii", "replace").decode("ascii")
