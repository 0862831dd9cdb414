"""``complaintnlp benchmark frontier``: what a choice of model costs and brings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from complaintnlp.cli.benchmark import benchmark_app
from complaintnlp.cli.shared import (
    ANNOTATIONS,
    CORPORA,
    ERR,
    PROJECT,
    Annotations,
    Corpora,
    Project,
    check_split,
    progress_steps,
    training_extra,
)


@benchmark_app.command()
def frontier(  # noqa: PLR0913, PLR0917 - options
    models: Annotated[
        list[Path],
        typer.Argument(
            help="Model folders; each goes by its folder's name. Speed is also given as a multiple of the first."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--output", help="Report to write: .md or .json.", metavar="FILE")],
    plot: Annotated[
        Path | None,
        typer.Option(help="Also draw quality against texts per second: .png or .svg.", show_default=False),
    ] = None,
    cascade: Annotated[
        list[str] | None,
        typer.Option(
            help="Also measure two of the models in a row, FAST:GOOD: the good one is asked only where the fast one is "
            "not sure. May be repeated.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Hand labels to measure on: dev, or test (for releases only).")] = "dev",
    texts: Annotated[int, typer.Option(help="Texts to time.", min=4)] = 2000,
    rounds: Annotated[int, typer.Option(help="Times that each model is timed; the best counts.", min=1)] = 3,
    workers: Annotated[int, typer.Option(help="Texts read at once, one thread each.", min=1)] = 2,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Quality against speed of several models, to choose the one to release.

    For each model: type micro-F1 per language and their mean, detractor F1, intensity QWK and risk AUROC, through the
    int8 runtime as **evaluate** measures them; texts per second of the whole path (language, tokens, model, judgement,
    plan) and of the model alone; milliseconds a text; size. A model is on the frontier if no other one is both faster
    and better. Choose among those: the last one before more speed costs more quality than it is worth.

    A cascade is shown as a line, from all texts read by the good model to all read by the fast one. Its cuts are always
    chosen on the development split.

    Timing needs an idle machine: close what else is running, and look at the rounds in the JSON. Without corpora the
    sample reviews of the project's folder are timed.

    Needs the extra **train**.

    Example: complaintnlp benchmark frontier models/complaintnlp-small models/student-4 models/static
    -o frontier.md --plot frontier.png --cascade static:student-4
    """
    check_split(split)
    with training_extra("complaintnlp benchmark frontier"):
        from complaintnlp.training import frontier as room  # noqa: PLC0415
        from complaintnlp.training import frontier_report as reports  # noqa: PLC0415

        reports.check_suffix(out, reports.REPORT_SUFFIXES, "-o")
        if plot is not None:
            from complaintnlp.training.frontier_plot import PLOT_SUFFIXES, plot_frontier  # noqa: PLC0415

            reports.check_suffix(plot, PLOT_SUFFIXES, "--plot")
    options = room.FrontierOptions(
        split=split,
        cascades=tuple(cascade or ()),
        corpora=corpora,
        samples=project / "samples" / "reviews.csv",
        texts=texts,
        rounds=rounds,
        workers=workers,
    )
    with progress_steps("loading") as progress:
        report = room.measure_frontier(
            models,
            annotations,
            options,
            progress=progress,
        )
    typer.echo(reports.frontier_markdown(report))
    reports.write_frontier(report, out)
    ERR.print(f"written to {out}", style="dim")
    if plot is not None:
        plot_frontier(report, plot)
        ERR.print(f"drawn in {plot}", style="dim")
