"""Commands that measure a model: evaluate, gate, robustness, compare, and the card that says what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from complaintnlp.cli.shared import (
    ANNOTATIONS,
    CHECKLIST,
    CORPORA,
    ERR,
    OUT,
    PROJECT,
    Annotations,
    Corpora,
    Project,
    ReportFile,
    Split,
    app,
    check_split,
    progress_steps,
    training_extra,
)


@app.command()
def evaluate(  # noqa: PLR0913, PLR0917 - options
    model: Annotated[Path | None, typer.Argument(help="Model folder. Default: the released model.")] = None,
    split: Split = "dev",
    baselines: Annotated[bool, typer.Option(help="Also train and measure the two baselines.")] = True,
    baselines_from: Annotated[
        Path | None,
        typer.Option(help="Take the baselines from an earlier report on the same texts.", show_default=False),
    ] = None,
    out: ReportFile = None,
    plots: Annotated[
        Path | None, typer.Option(help="Also draw reliability, risk-coverage and confusion here.", show_default=False)
    ] = None,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Measure a model folder on hand labels, per language, with confusion tables, beside two baselines.

    Needs the extra **train**.
    """
    check_split(split)
    with training_extra("complaintnlp evaluate"):
        from complaintnlp.training import evaluate as evaluation  # noqa: PLC0415
        from complaintnlp.training.plots import draw_plots  # noqa: PLC0415
        from complaintnlp.training.project_labels import load_training_labels  # noqa: PLC0415
        from complaintnlp.training.reliability import beyond_target, calibration_markdown, review_markdown  # noqa: PLC0415
    report = evaluation.evaluate_model(
        model,
        annotations,
        split,
        train=(lambda: load_training_labels(annotations, project, corpora)) if baselines else None,
        baselines=baselines_from,
        note=lambda text: ERR.print(text, style="dim"),
    )
    typer.echo(evaluation.markdown_tables(report))
    typer.echo(f"\n{calibration_markdown(report)}\n\n{beyond_target(report)}\n\n{review_markdown(report)}")
    typer.echo(evaluation.confusion_markdown(report))
    if plots is not None:
        ERR.print(f"drawn: {', '.join(map(str, draw_plots(report, plots)))}", style="dim", soft_wrap=True)
    if out is not None:
        evaluation.write_report(report, out)
        ERR.print(f"written to {out}", style="dim")


@app.command()
def calibrate(
    model: Annotated[Path, typer.Argument(help="Model folder; its complaintnlp.json is written.")],
    annotations: Annotations = ANNOTATIONS,
) -> None:
    """Fit calibration and thresholds of a model folder anew on the development split; export has done so already.

    Also writes the thresholds that **--precision** of analyze and score uses. A report or card of the folder no longer
    fits it: evaluate it again.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp calibrate"):
        from complaintnlp.training.calibrate import precision_markdown  # noqa: PLC0415
        from complaintnlp.training.release import recalibrate  # noqa: PLC0415
    from complaintnlp.judgement.precision import SETTING  # noqa: PLC0415

    with ERR.status("scoring the development split"):
        folder = recalibrate(model, annotations)
    typer.echo(precision_markdown(folder.settings[SETTING]))
    ERR.print(f"{folder.path}: calibration and thresholds written", style="dim")


@app.command()
def robustness(
    model: Annotated[Path | None, typer.Argument(help="Model folder. Default: the released model.")] = None,
    split: Split = "dev",
    checklist: Annotated[Path, typer.Option(help="Folder of hand-written checklists.")] = CHECKLIST,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="Report of another model, as -o wrote it, to put beside this one; may be given repeatedly."),
    ] = None,
    out: ReportFile = None,
    annotations: Annotations = ANNOTATIONS,
) -> None:
    """Measure what typing errors, capitals, other letters and the like cost a model, and run the checklists.

    Needs the extra **train**.

    Example: complaintnlp robustness models/mine -o mine.json --beside training/results/released.json
    """
    check_split(split)
    with training_extra("complaintnlp robustness"):
        from complaintnlp.training import robustness as room  # noqa: PLC0415
        from complaintnlp.training.evaluate import read_report, write_report  # noqa: PLC0415
    with progress_steps("loading") as progress:
        report = room.measure_robustness(
            model,
            annotations,
            split,
            checklist,
            progress=progress,
        )
    typer.echo(room.robustness_markdown(report))
    if beside:
        typer.echo("\n" + room.beside_markdown([report, *map(read_report, beside)]))
    if out is not None:
        write_report(report, out)
        ERR.print(f"written to {out}", style="dim")


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Folders of finished runs; a+b is the ensemble of two.")],
    split: Split = "dev",
    written: Annotated[
        bool,
        typer.Option(
            "--written", help="Measure on the held-out texts written for the project: more Armenian ones than in dev."
        ),
    ] = False,
    annotations: Annotations = ANNOTATIONS,
    project: Project = PROJECT,
) -> None:
    """Compare runs on hand labels, with intervals, and with the gain over the first one.

    Needs the extra **train**.

    Example: complaintnlp compare runs/teacher runs/small runs/teacher+runs/small
    """
    check_split(split)
    with training_extra("complaintnlp compare"):
        from complaintnlp.training import compare as comparison  # noqa: PLC0415
    report = comparison.compare_runs(
        runs,
        annotations,
        split,
        project=project if written else None,
        note=lambda text: ERR.print(text, style="dim"),
    )
    typer.echo(comparison.comparison_markdown(report, split, crossed=not written))


@app.command()
def gate(  # noqa: PLR0917 - options
    run: Annotated[Path, typer.Argument(help="Folder of the run that the model was exported from.")],
    model: Annotated[Path | None, typer.Argument(help="Model folder. Default: the released model.")] = None,
    texts: Annotated[int, typer.Option(help="Unlabelled texts of each language.", min=1)] = 10_000,
    out: ReportFile = None,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Gate an int8 model: how far its answers lie from its own float32 network on unlabelled corpus texts.

    Exit code 1 where a language fails. Needs the extra **train**.

    Example: complaintnlp gate runs/small-hand models/complaintnlp-small
    """
    with training_extra("complaintnlp gate"):
        from complaintnlp.training import gate as room  # noqa: PLC0415
        from complaintnlp.training.evaluate import write_report  # noqa: PLC0415
    with progress_steps("loading") as progress:
        report = room.run_gate(
            run,
            model,
            annotations,
            corpora,
            project=project,
            texts=texts,
            progress=progress,
        )
    typer.echo(room.gate_markdown(report))
    if out is not None:
        write_report(report, out)
        ERR.print(f"written to {out}", style="dim")
    if not report["passed"]:
        raise typer.Exit(1)


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Model folder; its README.md is written.")],
    results: Annotated[Path, typer.Argument(help="Report that evaluate -o wrote.")],
    plots: Annotated[Path, typer.Option(help="Folder to draw the plots into that the card links.")] = Path(
        "training/plots"
    ),
) -> None:
    """Write the model card from a measured report, with its plots.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp card"):
        from complaintnlp.training.model_card import write_card  # noqa: PLC0415
    OUT.print(str(write_card(model, results, plots=plots)))
