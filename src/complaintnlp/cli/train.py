"""``complaintnlp train``: a model from the ground by a recipe, or the released one further on a user's own labels."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from complaintnlp.cli.own_table import read_own_table
from complaintnlp.cli.shared import (
    ANNOTATIONS,
    CORPORA,
    ERR,
    OUT,
    PROJECT,
    Annotations,
    Corpora,
    Project,
    app,
    progress_steps,
    training_extra,
)
from complaintnlp.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from complaintnlp.training.own_check import OwnData
    from complaintnlp.training.retrain import RetrainOptions
    from complaintnlp.training.tracking import Report
    from complaintnlp.training.train import Run


@app.command()
def train(  # noqa: PLR0913, PLR0917 - options
    recipe: Annotated[
        Path | None, typer.Argument(help="Recipe, for example training/recipes/v0.toml.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="With --data: model folder to write. With a recipe: run folder, by default runs/NAME of the recipe.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of a recipe.")] = False,
    own: Annotated[
        Path | None,
        typer.Option("--data", help="Your own labelled texts: CSV, TSV or JSON Lines.", show_default=False),
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option(help="With --data: model folder to start from. Default: the released model.", show_default=False),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="With --data: your names of failures and new types (TOML).", show_default=False),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="With --data: the text column, where it is not found.", show_default=False)
    ] = None,
    check_only: Annotated[bool, typer.Option("--check", help="With --data: check the texts, train nothing.")] = False,
    epochs: Annotated[int, typer.Option(help="With --data: passes over the texts.", min=1)] = 3,
    frozen_layers: Annotated[
        int | None,
        typer.Option(help="With --data: lowest layers that do not learn. Default: half.", min=0, show_default=False),
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="With --data: peak rate of the top layer.")] = 3e-4,
    mlflow: Annotated[
        bool,
        typer.Option("--mlflow", help="Keep settings and figures in MLflow too; MLFLOW_TRACKING_URI says where."),
    ] = False,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Train further on your own labels (--data), or from the ground by a recipe.

    Your labels are checked first; figures before and after are printed for your held-out texts and for ours. A recipe's
    run leaves checkpoints every few minutes and continues with --resume.

    Needs the extra **train**. The columns of a file of labels are explained in docs/retraining.md.

    Example: complaintnlp train --data mine.csv -o models/mine

    Example: complaintnlp train training/recipes/v0.toml
    """
    if (recipe is None) == (own is None):
        raise InvalidInputError("give either a recipe or, with --data, your own labelled texts")
    if recipe is not None:
        _by_recipe(recipe, out, annotations, corpora, project, resume=resume, mlflow=mlflow)
        return
    if resume:
        raise InvalidInputError("--resume continues the run of a recipe; retraining takes minutes, start it again")
    if out is None and not check_only:
        raise InvalidInputError("--data needs -o: the model folder to write")
    with training_extra("complaintnlp train"):
        from complaintnlp.training.retrain import RetrainOptions  # noqa: PLC0415
    data = _checked(Path(str(own)), taxonomy, text_column, annotations, init)
    if out is not None and not check_only:
        options = RetrainOptions(epochs=epochs, frozen_layers=frozen_layers, learning_rate=learning_rate)
        _retrain(data, out, options, init, annotations, mlflow=mlflow)


def _by_recipe(
    recipe: Path, out: Path | None, annotations: Path, corpora: Path, project: Path, *, resume: bool, mlflow: bool
) -> None:
    with training_extra("complaintnlp train"):
        from complaintnlp.training.train import check_folder  # noqa: PLC0415
        from complaintnlp.training.train import train as run_training  # noqa: PLC0415
    run = _run(recipe, out, annotations, corpora, project)
    check_folder(run, resume=resume)
    settings = run.recipe.model_dump(mode="json", exclude_none=True)
    with _tracking(mlflow, run.recipe.name, settings, run.folder) as report, progress_steps("preparing") as progress:
        run.progress, run.on_epoch = progress, report
        history = run_training(run, resume=resume)
    last = [entry for entry in history if entry["stage"] == history[-1]["stage"]]
    best = max(last, key=lambda entry: float(entry["score"]))
    OUT.print(f"{run.weights}: best development score {best['score']:.4f} ({best['stage']}, epoch {best['epoch']})")


def _tracking(
    wanted: bool, name: str, settings: dict[str, Any], folder: Path | None = None
) -> AbstractContextManager[Report]:
    """Where figures go: to MLflow if that is wanted, else nowhere."""
    from complaintnlp.training.tracking import mlflow_run  # noqa: PLC0415

    if not wanted:
        return nullcontext(lambda _figures, _step: None)
    try:
        import mlflow  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError("--mlflow", "mlflow", "mlflow") from error
    return mlflow_run(name, settings, folder)


def _run(recipe: Path, out: Path | None, annotations: Path, corpora: Path, project: Path) -> Run:
    from complaintnlp.training.recipe import load_recipe  # noqa: PLC0415
    from complaintnlp.training.train import Run  # noqa: PLC0415

    loaded = load_recipe(recipe)
    return Run(loaded, out or Path("runs") / loaded.name, annotations, corpora, project)


def _checked(
    own: Path, taxonomy: Path | None, text_column: str | None, annotations: Path, init: Path | None
) -> OwnData:
    """Read and check a user's labels, and print what was found."""
    from complaintnlp.model.folder import read_model_folder  # noqa: PLC0415
    from complaintnlp.training.dataset import HeldOut  # noqa: PLC0415
    from complaintnlp.training.own_check import check, check_tables  # noqa: PLC0415
    from complaintnlp.training.own_data import COLUMNS, read_own_texts  # noqa: PLC0415
    from complaintnlp.training.own_types import load_own_types, load_type_names  # noqa: PLC0415

    kept = read_model_folder(init).own_types if init is not None else ()
    names = load_type_names(taxonomy, kept)
    texts = read_own_texts(read_own_table(own, COLUMNS, text_column=text_column), names, str(own))
    data = check(texts, HeldOut.of(annotations) if annotations.is_dir() else None, load_own_types(taxonomy, kept))
    for table in check_tables(data):
        OUT.print(table)
    data.require_enough([known.id for known in kept])
    return data


def _retrain(
    data: OwnData, out: Path, options: RetrainOptions, init: Path | None, annotations: Path, *, mlflow: bool
) -> None:
    from complaintnlp.training.retrain import retrain  # noqa: PLC0415

    settings = {**asdict(options), "init": str(init or "released"), "texts": len(data.train)}
    with _tracking(mlflow, out.resolve().name, settings) as track, progress_steps("preparing") as progress:
        report = retrain(data, out, options, init=init, annotations=annotations, progress=progress)
        track(report.figures(), options.epochs)
    typer.echo(report.markdown())
    ERR.print(f"{report.folder}: written after {report.seconds / 60:.1f} minutes", style="dim")
