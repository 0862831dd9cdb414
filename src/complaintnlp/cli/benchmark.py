"""``complaintnlp benchmark``: measure models beside others; needs the extra **train**."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from complaintnlp.cli.shared import (
    ANNOTATIONS,
    CORPORA,
    ERR,
    PROJECT,
    Annotations,
    Corpora,
    Model,
    Project,
    app,
    progress_steps,
    training_extra,
)
from complaintnlp.errors import InvalidInputError

benchmark_app = typer.Typer(help="Measure models beside others. Needs the extra **train**.", no_args_is_help=True)
app.add_typer(benchmark_app, name="benchmark")


@benchmark_app.command()
def yardsticks(  # noqa: PLR0917 - options
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Yardsticks. Default: all.", show_default=False)
    ] = None,
    model: Model = None,
    texts: Annotated[int, typer.Option(help="At most so many texts of each yardstick.", min=50)] = 3000,
    out: Annotated[
        Path, typer.Option("-o", "--output", help="Report (JSON) to write or to add to; a table (.md) goes beside it.")
    ] = Path("training/results/yardsticks.json"),
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Measure a model on public data sets beside published figures, with the encoder frozen.

    Each is measured three ways: a regression on the base encoder's vectors, one on the model's logits, both
    cross-validated, and the model's own answers as they are. Texts that the model was trained on are left out. Results
    are kept one by one: a yardstick named alone is measured again, the others stay.

    Needs the extra **train**.

    Example: complaintnlp benchmark yardsticks waimai semeval2018-anger --texts 1500
    """
    if out.suffix != ".json":
        raise InvalidInputError(f"--output {out} must end in .json; the table goes beside it, ending in .md")
    with training_extra("complaintnlp benchmark yardsticks"):
        from complaintnlp.training import yardsticks as room  # noqa: PLC0415
        from complaintnlp.training.yardstick_table import yardsticks_markdown  # noqa: PLC0415
    options = room.YardstickOptions(model, annotations, corpora, project, texts)
    with progress_steps("loading") as progress:
        report = room.measure_yardsticks(
            options,
            names or (),
            out,
            progress=progress,
        )
    table = yardsticks_markdown(report)
    out.with_suffix(".md").write_text(table + "\n", encoding="utf-8")
    typer.echo(table)
    ERR.print(f"written to {out} and {out.with_suffix('.md')}", style="dim")
