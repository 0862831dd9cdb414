"""The report of `complaintnlp.training.frontier` as markdown or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import InvalidInputError
from complaintnlp.training.cascade import TOLERANCE
from complaintnlp.training.evaluate import FIGURES, write_report
from complaintnlp.training.frontier import IN_MEAN, QUALITY, Report
from complaintnlp.training.tables import number, table_head, table_row

REPORT_SUFFIXES: Final = (".md", ".json")


def check_suffix(path: Path, allowed: tuple[str, ...], option: str) -> None:
    """Refuse a file of another kind, before minutes of measuring rather than after.

    Raises:
        InvalidInputError: names the option, the file and what is allowed.
    """
    if path.suffix not in allowed:
        raise InvalidInputError(f"{option} {path}: the file must end in {' or '.join(allowed)}")


def write_frontier(report: Report, path: Path) -> None:
    """Write the report as its suffix says, one of `REPORT_SUFFIXES`."""
    if path.suffix == ".json":
        write_report(report, path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(frontier_markdown(report) + "\n", encoding="utf-8")


def frontier_markdown(report: Report) -> str:
    """What was measured and how, speed and type micro-F1, the other figures, and the cascades."""
    cascades = (line for cascade in report["cascades"] for line in _cascade_lines(cascade))
    return "\n".join((speed_markdown(report), "", *_figures_table(report), *cascades))


def speed_markdown(report: Report) -> str:
    """What was measured and how, speed and type micro-F1."""
    timed = report["timed"]
    chosen = "on which epochs, calibration, thresholds and cuts were chosen"
    split = f"dev split, {chosen}" if report["split"] == "dev" else f"test split; the dev split is that {chosen}"
    return "\n".join(
        (
            f"Quality: {split}. The mean is that of {', '.join(IN_MEAN)}.",
            "",
            f"Speed: {report['machine']}; {timed['texts']} texts ({timed['origin']}) of {timed['mean_tokens']:.1f} "
            f"tokens in the mean, {report['workers']} at once with one thread each, best of {_rounds(report)} rounds; "
            "p50 and p99 are of one text at a time. Everything but the model takes so long that a model which cost "
            f"nothing would give {report['ceiling_texts_per_second']:.0f} texts/s.",
            "",
            *_models_table(report),
        )
    )


def _rounds(report: Report) -> int:
    return len(next(iter(report["models"].values()))["rounds"])


def _groups(report: Report) -> list[str]:
    return list(next(iter(report["models"].values()))["groups"])


def _models_table(report: Report) -> Iterator[str]:
    groups = _groups(report)
    speed = ("texts/s", "x first", "model alone, texts/s", "p50 ms", "p99 ms")
    yield from table_head("model", "layers", "MB", *speed, "type micro-F1, mean", *groups, "on the frontier")
    first = next(iter(report["models"].values()))["texts_per_second"]
    for name, model in report["models"].items():
        rate = model["texts_per_second"]
        yield table_row(
            (
                *(name, "-" if model["layers"] is None else str(model["layers"]), f"{model['bytes'] / 1e6:.1f}"),
                *(f"{rate:.0f}", f"{rate / first:.2f}", f"{model['model_texts_per_second']:.0f}"),
                *(f"{model['p50_ms']:.1f}", f"{model['p99_ms']:.1f}", number(model["mean_type_micro_f1"])),
                *(number(model["groups"][group]["type_micro_f1"]) for group in groups),
                "yes" if model["on_frontier"] else "no",
            )
        )


def _figures_table(report: Report) -> Iterator[str]:
    groups = _groups(report)
    yield from table_head("figure", "model", *groups)
    for figure in QUALITY[1:]:
        for name, model in report["models"].items():
            yield table_row((FIGURES[figure], name, *(number(model["groups"][group][figure]) for group in groups)))


def _cascade_lines(cascade: dict[str, Any]) -> Iterator[str]:
    fast, good, check = cascade["fast"], cascade["good"], cascade["check"]
    groups = list(cascade["lines"][0]["groups"])
    yield ""
    yield (
        f"Cascade: {fast} answers where its confidence is above the cut, {good} elsewhere. Cuts are quantiles of that "
        "confidence on the dev split; texts/s are estimated from the measured times of both."
    )
    yield ""
    yield from table_head(
        "cut", f"labelled texts by {fast}", f"timed texts by {fast}", "texts/s", "type micro-F1, mean", *groups
    )
    for line in cascade["lines"]:
        yield table_row(
            (
                *(f"{line['cut']:.4f}", f"{line['share']:.0%}", f"{line['timed_share']:.0%}"),
                *(f"{line['texts_per_second']:.0f}", number(line["mean_type_micro_f1"])),
                *(number(line["groups"][group]["type_micro_f1"]) for group in groups),
            )
        )
    yield ""
    yield (
        f"At the cut {check['cut']:.4f}, chosen on the dev split as the one that lets {fast} answer most within "
        f"{TOLERANCE} of the mean of {good}, or least where none is, {check['texts_per_second']:.0f} texts/s were "
        f"measured and {check['estimated']:.0f} estimated."
    )
