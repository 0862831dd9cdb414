"""``complaintnlp data label-studio``: texts out to be labelled, labels in to be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from complaintnlp.cli.own_table import read_own_table
from complaintnlp.cli.shared import OUT, data_app, training_extra

label_studio_app = typer.Typer(
    help="Texts to Label Studio, and labels back from it. Needs the extra **train**.", no_args_is_help=True
)
data_app.add_typer(label_studio_app, name="label-studio")


@label_studio_app.command("export")
def export_tasks(
    texts: Annotated[Path, typer.Argument(help="Texts: CSV, TSV or JSON Lines, such as label-queue writes.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Tasks to import in Label Studio (JSON).")],
    config: Annotated[
        Path | None,
        typer.Option(help="Also write the labelling interface (XML); it is printed otherwise.", show_default=False),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="Your taxonomy file: its new failure types are offered too (TOML).", show_default=False),
    ] = None,
    ui_language: Annotated[str, typer.Option(help="Language of the labels: tr, zh, hy, en.")] = "en",
    text_column: Annotated[
        str | None, typer.Option(help="The text column, where it is not found.", show_default=False)
    ] = None,
) -> None:
    """Write texts as Label Studio tasks, and the labelling interface.

    Needs the extra **train**.

    Example: complaintnlp data label-studio export queue.jsonl -o tasks.json --config labels.xml
    """
    with training_extra("complaintnlp data label-studio export"):
        from complaintnlp.training.label_studio import labelling_config, write_tasks  # noqa: PLC0415
        from complaintnlp.training.own_types import load_own_types  # noqa: PLC0415
    interface = labelling_config(ui_language, load_own_types(taxonomy))
    rows = (cells for _, cells in read_own_table(texts, ("text", "id", "language"), text_column=text_column))
    count = write_tasks(rows, out)
    if config is None:
        typer.echo(interface)
    else:
        config.write_text(interface, encoding="utf-8")
    OUT.print(f"{out}: {count:,} tasks", markup=False)


@label_studio_app.command("import")
def import_labels(
    export: Annotated[Path, typer.Argument(help="Export of a Label Studio project, format JSON.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Labels to write (CSV), for train --data.")],
) -> None:
    """Write the labels of a Label Studio project as a table that train --data reads.

    Needs the extra **train**.

    Example: complaintnlp data label-studio import project-export.json -o mine.csv
    """
    with training_extra("complaintnlp data label-studio import"):
        from complaintnlp.training.label_studio import write_table  # noqa: PLC0415
    count, unlabelled = write_table(export, out)
    OUT.print(f"{out}: {count:,} labelled texts, {unlabelled:,} tasks without a label left out", markup=False)
