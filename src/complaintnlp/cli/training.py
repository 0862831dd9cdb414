"""Commands of those who train models and look after the data; nearly all need the extra **train**."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from complaintnlp import __version__
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
    data_app,
    progress_bar,
    progress_steps,
    training_extra,
)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "complaintnlp-small",
    version: Annotated[str, typer.Option(help="Version of the model.")] = __version__,
    any_size: Annotated[
        bool, typer.Option("--any-size", help="Allow more than 45 MB, to measure a model that is not for release.")
    ] = False,
    annotations: Annotations = ANNOTATIONS,
) -> None:
    """Write a trained run as an int8 model folder, calibrated on the development split.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp export"):
        from complaintnlp.training.release import release_run  # noqa: PLC0415
    with ERR.status("exporting, quantising, calibrating"):
        folder = release_run(run, out, annotations, name=name, version=version, any_size=any_size)
    OUT.print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.1f} MB")


@app.command("soft-label")
def soft_label(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: the teacher.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="File to write (safetensors).")],
    per_source: Annotated[int, typer.Option(help="Texts of each language and source.", min=1)] = 600,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Score a sample of the corpora with a teacher, for a student's recipe to learn from.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp soft-label"):
        from complaintnlp.training.release import soft_label_corpora  # noqa: PLC0415
    with progress_bar() as bar:
        task = bar.add_task("soft labels", total=None)
        count = soft_label_corpora(
            run,
            out,
            annotations,
            corpora,
            project=project,
            per_source=per_source,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    OUT.print(f"{out}: {count:,} texts")


@app.command("label-queue")
def label_queue(  # noqa: PLR0917 - options
    out: Annotated[Path, typer.Option("-o", "--output", help="JSON Lines to write. It holds corpus texts.")],
    model: Annotated[
        list[Path] | None,
        typer.Option(help="Model folder; several times for seeds that may disagree. Default: the released model."),
    ] = None,
    per_language: Annotated[int, typer.Option(help="Texts of each language.", min=1)] = 400,
    pool_per_source: Annotated[int, typer.Option(help="Candidates of each language and source.", min=1)] = 250,
    random_share: Annotated[float, typer.Option(help="Part drawn at random.", min=0, max=1)] = 0.2,
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Pick the corpus texts whose labels would teach most: doubt, disagreement, rare types.

    Only texts of the training split that no label is known for. Label them by the annotation guide, and keep the
    labels by id in data/labels/: the texts are other people's.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp label-queue"):
        from complaintnlp.training import label_queue as queue  # noqa: PLC0415
    with progress_bar() as bar:
        task = bar.add_task("scoring", total=None)
        rows = queue.label_queue(
            model or [None],
            annotations,
            corpora,
            queue.QueueOptions(per_language, pool_per_source, random_share),
            project=project,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    queue.write_queue(rows, out)
    OUT.print(f"{out}: {len(rows):,} texts")


@data_app.command("report")
def data_report(annotations: Annotations = ANNOTATIONS, corpora: Corpora = CORPORA, project: Project = PROJECT) -> None:
    """Print what each source teaches: rows, rows with targets, heads, and whether its licence is permissive.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data report"):
        from complaintnlp.training.data_report import report_tables  # noqa: PLC0415
    from complaintnlp.training.sources import REGISTER_FILE, load_sources, permissive_names  # noqa: PLC0415

    permissive = permissive_names(load_sources(project / REGISTER_FILE))
    for table in report_tables(annotations, corpora, permissive):
        OUT.print(table)


@data_app.command("fetch")
def data_fetch(
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with SOURCE/file for each source, as downloaded.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--output", help="Folder of corpora to write.")] = Path("corpora"),
    permissive: Annotated[bool, typer.Option("--permissive", help="Only sources with a permissive licence.")] = False,
    project: Project = PROJECT,
) -> None:
    """Say where each public source is, or build the corpora's rows from files that you downloaded. Downloads nothing.

    Without --from it lists repository, commit and files. With it, the files that are there are read, and rows whose
    id is one of the corpora's are written; what is missing is named.

    Example: complaintnlp data fetch --from downloads -o corpora
    """
    from complaintnlp.training import fetch  # noqa: PLC0415
    from complaintnlp.training.sources import REGISTER_FILE, load_sources  # noqa: PLC0415

    sources = [source for source in load_sources(project / REGISTER_FILE) if source.permissive or not permissive]
    if folder is None:
        typer.echo("\n".join(fetch.source_lines(sources)))
        return
    with progress_steps("reading") as progress:
        results = fetch.build_corpora(
            sources,
            folder,
            out,
            fetch.read_ids(project / "ids"),
            progress=progress,
        )
    OUT.print(fetch.fetch_table(results))
    OUT.print(f"{out}: {sum(result.matched for result in results):,} rows; details in {out / fetch.REPORT_FILE}")


@data_app.command("ids")
def data_ids(corpora: Corpora = CORPORA, project: Project = PROJECT) -> None:
    """Write down the ids of the corpora's rows, by which data fetch knows them again.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data ids"):
        from complaintnlp.training.dataset import read_corpora  # noqa: PLC0415
    from complaintnlp.training.fetch import write_ids  # noqa: PLC0415

    write_ids(read_corpora(corpora), project / "ids")
    OUT.print(f"{project / 'ids'} written")


@data_app.command("add-labels")
def add_labels(
    files: Annotated[list[Path], typer.Argument(help="JSON Lines of an annotator.")],
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Check labels that annotators wrote and add them to the project: by id for corpus texts, with text for own ones.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data add-labels"):
        from complaintnlp.training import project_labels  # noqa: PLC0415
    for place, count in project_labels.add_labels(files, project, corpora).items():
        OUT.print(f"{place}: {count:,}")


@data_app.command("agreement")
def agreement(
    second: Annotated[Path, typer.Argument(help="JSON Lines of a second, independent annotator, by id.")],
    project: Project = PROJECT,
) -> None:
    """Measure how far a second annotator agrees with the project's labels, per language.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data agreement"):
        from complaintnlp.training.agreement import agreement as compare  # noqa: PLC0415
    rows = compare(second, project)
    typer.echo(f"| {' | '.join(rows[0])} |\n{'| --- ' * len(rows[0])}|")
    for row in rows:
        cells = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        typer.echo(f"| {' | '.join(cells)} |")


@data_app.command("armenian-words")
def armenian_words(
    out: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    annotations: Annotations = ANNOTATIONS,
    corpora: Corpora = CORPORA,
    project: Project = PROJECT,
) -> None:
    """Count Armenian words; the package spells Armenian in Latin letters by this list.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data armenian-words"):
        from complaintnlp.training.word_counts import armenian_word_counts  # noqa: PLC0415
    counts = armenian_word_counts(annotations, corpora, project)
    out.write_text("".join(f"{word}\t{count}\n" for word, count in counts), encoding="utf-8")
    OUT.print(f"{out}: {len(counts):,} words")


@data_app.command("rates")
def data_rates(annotations: Annotations = ANNOTATIONS, corpora: Corpora = CORPORA) -> None:
    """Measure the label mapping's rates again on the hand-labelled training texts.

    Needs the extra **train**.
    """
    with training_extra("complaintnlp data rates"):
        from complaintnlp.training.data_report import rate_lines  # noqa: PLC0415
    for line in rate_lines(annotations, corpora):
        typer.echo(line)


@app.command("fit-risk")
def fit_risk(
    customers: Annotated[Path, typer.Argument(help="CSV with the signals of each case and whether the customer left.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Risk policy to write (TOML).")],
    keep: Annotated[
        list[str] | None, typer.Option(help="Signal whose points stay as they are; may be repeated.")
    ] = None,
    keep_missing: Annotated[bool, typer.Option(help="So for every signal that the file has no column for.")] = False,
) -> None:
    """Fit the points of the at-risk score to your own churn outcomes, evaluated by cross-validation.

    Needs the extra **train**. The format of the file is explained in docs/risk.md.
    """
    with training_extra("complaintnlp fit-risk"):
        from complaintnlp.training.fit_risk import columns_of, policy_toml, report_markdown  # noqa: PLC0415
        from complaintnlp.training.fit_risk import fit_risk as fit  # noqa: PLC0415
    from complaintnlp.judgement.risk_policy import load_risk_policy  # noqa: PLC0415

    policy, kept = load_risk_policy(), set(keep or ())
    if keep_missing:
        kept |= set(policy.signals) - set(columns_of(customers))
    report = fit(customers, policy, keep=kept)
    out.write_text(policy_toml(report.policy), encoding="utf-8")
    typer.echo(report_markdown(report))
    ERR.print(f"written to {out}", style="dim")
