"""The command line. Thin: it parses, calls and prints.

Heavy packages are imported inside the commands that need them, so that ``complaintnlp --help`` and the
scoring commands stay quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from complaintnlp import __version__
from complaintnlp.errors import ComplaintNLPError, InvalidInputError, MissingExtraError
from complaintnlp.taxonomy import LANGUAGES

if TYPE_CHECKING:
    from complaintnlp.training.train import Run

app = typer.Typer(
    name="complaintnlp",
    help="Reads customer feedback in Turkish, Chinese, Armenian and English: what failed, how strongly the "
    "customer feels, who may leave, and what to do now.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
playbook_app = typer.Typer(help="Check a company's playbook, or show a row.", no_args_is_help=True)
app.add_typer(playbook_app, name="playbook")
data_app = typer.Typer(help="Look at the training data.", no_args_is_help=True)
app.add_typer(data_app, name="data")

_out = Console()
_err = Console(stderr=True)

Model = Annotated[
    Path | None, typer.Option("--model", help="Model folder. Default: the released model.", show_default=False)
]
Playbook = Annotated[
    Path | None, typer.Option("--playbook", help="A company's own rows of the playbook (TOML).", show_default=False)
]
RiskPolicyFile = Annotated[
    Path | None,
    typer.Option("--risk-policy", help="Points of the at-risk score (TOML), as fit-risk writes.", show_default=False),
]
Annotations = Annotated[Path, typer.Option(help="Folder of hand labels.")]
Corpora = Annotated[Path, typer.Option(help="Folder of corpora with native labels.")]

Project = Annotated[Path, typer.Option(help="Folder of the project's own labels/ and written/ texts.")]

_ANNOTATIONS = Path("../shared/annotations")
_CORPORA = Path("../shared/corpora")
_PROJECT = Path("data")


def main() -> None:
    """Run the command line; an error raised on purpose becomes one readable line and exit code 1."""
    try:
        app()
    except (ComplaintNLPError, OSError) as error:
        # An OSError names its file: a folder that does not exist, a full disk, a missing permission.
        _err.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _version(show: bool) -> None:
    if show:
        _out.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


@app.command()
def analyze(  # noqa: PLR0913, PLR0917 - options
    text: Annotated[str | None, typer.Argument(help="The customer's words; stdin if left out or '-'.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the full analysis as JSON.")] = False,
    language: Annotated[
        str | None, typer.Option(help="tr, zh, hy or en, where known. Default: detected.", show_default=False)
    ] = None,
    nps_score: Annotated[
        int | None, typer.Option(help="The customer's answer 0-10; overrides the text's class.", show_default=False)
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="email, chat, phone, social, review, ...: decides the due times.")
    ] = None,
    country: Annotated[str | None, typer.Option(help="EU, TR, CN, AM: rights to check.", show_default=False)] = None,
    customer: Annotated[
        str | None,
        typer.Option(help='What is known of the customer, as JSON: \'{"tier": "vip"}\'.', show_default=False),
    ] = None,
    ui_language: Annotated[str, typer.Option(help="Language of the card: tr, zh, hy or en.")] = "en",
    evidence: Annotated[bool, typer.Option(help="Quote the words that each label rests on.")] = True,
    playbook: Playbook = None,
    risk_policy: RiskPolicyFile = None,
    model: Model = None,
) -> None:
    """Analyse one text: what failed, who may leave, what to do now, and a draft of the reply.

    Examples:
        complaintnlp analyze "Üç haftadır kargom gelmedi, kimse ilgilenmiyor."

        complaintnlp analyze --ui-language tr --customer '{"tier": "vip", "complaints_30d": 2}' "Oda kirliydi."

        pbpaste | complaintnlp analyze --json
    """
    from complaintnlp.analyzer import Analyzer  # noqa: PLC0415
    from complaintnlp.render import render_card  # noqa: PLC0415

    if text is None or text == "-":
        if text is None and sys.stdin.isatty():
            raise InvalidInputError('no text given; write it in quotes after "analyze", or pipe it in')
        try:
            text = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"stdin is no valid {error.encoding} text; convert it to UTF-8 first") from None
    if ui_language not in LANGUAGES:
        raise InvalidInputError(f"--ui-language {ui_language!r} is not one of {', '.join(LANGUAGES)}")
    fields = {
        "text": text,
        "language": language,
        "nps_score": nps_score,
        "channel": channel,
        "country": country,
        "customer": _json_object(customer, "--customer") if customer else None,
    }
    feedback = {name: value for name, value in fields.items() if value is not None}
    analyzer = Analyzer.load(model, playbook=playbook, risk_policy=risk_policy)
    analysis = analyzer.analyze(feedback, evidence=evidence, now=datetime.now(UTC))
    if as_json:
        typer.echo(analysis.to_json(indent=2))
    else:
        _out.print(render_card(analysis, ui_language=ui_language, text=text))  # type: ignore[arg-type]


@app.command()
def score(  # noqa: PLR0917 - options
    source: Annotated[Path, typer.Argument(help="CSV, TSV or JSON Lines, also .gz.", metavar="IN")],
    output: Annotated[Path, typer.Option("-o", "--output", help="CSV, TSV or JSON Lines to write.", metavar="OUT")],
    text_column: Annotated[
        str | None, typer.Option(help="Column with the customer's words. Default: found.", show_default=False)
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="utf-8, utf-16, cp1254, gb18030, ... Default: told apart by scoring.", show_default=False),
    ] = None,
    show: Annotated[int, typer.Option(help="Also print so many scored rows as a table.", min=0)] = 0,
    playbook: Playbook = None,
    risk_policy: RiskPolicyFile = None,
    model: Model = None,
) -> None:
    """Score a whole export: keeps every column and adds the **cnlp_** ones.

    Rows that cannot be read go to OUT.rejects.csv with line number and reason. OUT appears only when complete.

    Example: complaintnlp score data/samples/reviews.csv -o scored.csv
    """
    from complaintnlp.analyzer import Analyzer  # noqa: PLC0415
    from complaintnlp.batch import score_file  # noqa: PLC0415
    from complaintnlp.render import render_rows, render_summary  # noqa: PLC0415

    analyzer = Analyzer.load(model, playbook=playbook, risk_policy=risk_policy)
    with _progress_bar() as bar:
        task = bar.add_task("scoring", total=None)
        summary = score_file(
            source,
            output,
            analyzer,
            text_column=text_column,
            encoding=encoding,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if show and summary.read > summary.rejected:
        _out.print(render_rows(output, summary.text_column, show))
    _err.print(render_summary(summary, output))


@playbook_app.command("check")
def playbook_check(file: Annotated[Path, typer.Argument(help="TOML file with the rows to override.")]) -> None:
    """Check a company's playbook and list what it changes.

    Example: complaintnlp playbook check ours.toml
    """
    from complaintnlp.recovery.playbook import check_playbook  # noqa: PLC0415

    changes = check_playbook(file)
    for change in changes:
        typer.echo(str(change))
    _out.print(f"{file} is right: {len(changes)} entries differ from the packaged playbook", highlight=False)


@playbook_app.command("show")
def playbook_show(
    failure_type: Annotated[str, typer.Argument(help="For example delay_wait.")],
    severity: Annotated[str, typer.Argument(help="S1 to S4.")],
    ui_language: Annotated[str, typer.Option(help="tr, zh, hy or en.")] = "en",
    playbook: Playbook = None,
) -> None:
    """Show the plan for a failure type and a severity, before any modifier.

    Example: complaintnlp playbook show delay_wait S3
    """
    from complaintnlp.recovery.playbook import load_playbook, playbook_row  # noqa: PLC0415
    from complaintnlp.render import render_row  # noqa: PLC0415

    if ui_language not in LANGUAGES:
        raise InvalidInputError(f"--ui-language {ui_language!r} is not one of {', '.join(LANGUAGES)}")
    book = load_playbook(playbook)
    _out.print(render_row(playbook_row(failure_type, severity, book), book, ui_language))  # type: ignore[arg-type]


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
    with _training("complaintnlp fit-risk"):
        from complaintnlp.training.fit_risk import columns_of, policy_toml, report_markdown  # noqa: PLC0415
        from complaintnlp.training.fit_risk import fit_risk as fit  # noqa: PLC0415
    from complaintnlp.judgement.risk_policy import load_risk_policy  # noqa: PLC0415

    policy, kept = load_risk_policy(), set(keep or ())
    if keep_missing:
        kept |= set(policy.signals) - set(columns_of(customers))
    report = fit(customers, policy, keep=kept)
    out.write_text(policy_toml(report.policy), encoding="utf-8")
    typer.echo(report_markdown(report))
    _err.print(f"written to {out}", style="dim")


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port.", min=1, max=65535)] = 8000,
    model: Model = None,
) -> None:
    """Serve the prediction API: POST /v1/analyze, GET /health/live, GET /health/ready, docs at /docs.

    Needs the extra **serve**.
    """
    from complaintnlp.api.server import serve as run_server  # noqa: PLC0415

    run_server(host, port, model)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, for example training/recipes/v0.toml.")],
    out: Annotated[
        Path | None, typer.Option(help="Run folder. Default: runs/NAME of the recipe.", show_default=False)
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    annotations: Annotations = _ANNOTATIONS,
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Train by a recipe. Checkpoints every few minutes; an interrupted run continues with --resume.

    Needs the extra **train**.

    Example: complaintnlp train training/recipes/v0.toml
    """
    with _training("complaintnlp train"):
        from complaintnlp.training.train import train as run_training  # noqa: PLC0415
    run = _run(recipe, out, annotations, corpora, project)
    with _progress_bar() as bar:
        task = bar.add_task("preparing", total=None)
        run.progress = lambda text, done, total: bar.update(task, description=text, completed=done, total=total)
        history = run_training(run, resume=resume)
    last = [entry for entry in history if entry["stage"] == history[-1]["stage"]]
    best = max(last, key=lambda entry: float(entry["score"]))
    _out.print(f"{run.weights}: best development score {best['score']:.4f} ({best['stage']}, epoch {best['epoch']})")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "complaintnlp-small",
    version: Annotated[str, typer.Option(help="Version of the model.")] = __version__,
    annotations: Annotations = _ANNOTATIONS,
) -> None:
    """Write a trained run as an int8 model folder, calibrated on the development split.

    Needs the extra **train**.
    """
    with _training("complaintnlp export"):
        from complaintnlp.training.release import release_run  # noqa: PLC0415
    with _err.status("exporting, quantising, calibrating"):
        folder = release_run(run, out, annotations, name=name, version=version)
    _out.print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.1f} MB")


@app.command()
def evaluate(  # noqa: PLR0917 - options
    model: Annotated[Path | None, typer.Argument(help="Model folder. Default: the released model.")] = None,
    split: Annotated[str, typer.Option(help="dev, or test (for releases only).")] = "dev",
    baselines: Annotated[bool, typer.Option(help="Also train and measure the two baselines.")] = True,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="Also write the report as JSON.", show_default=False)
    ] = None,
    annotations: Annotations = _ANNOTATIONS,
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Measure a model folder on hand labels, per language, with confusion tables, beside two baselines.

    Needs the extra **train**.
    """
    if split not in {"dev", "test"}:
        raise InvalidInputError(f"--split {split!r} is not one of dev, test; training texts measure nothing")
    with _training("complaintnlp evaluate"):
        from complaintnlp.training import evaluate as evaluation  # noqa: PLC0415
        from complaintnlp.training.project_labels import load_training_labels  # noqa: PLC0415
    report = evaluation.evaluate_model(
        model,
        annotations,
        split,
        train=(lambda: load_training_labels(annotations, project, corpora)) if baselines else None,
        note=lambda text: _err.print(text, style="dim"),
    )
    typer.echo(evaluation.markdown_tables(report))
    typer.echo(evaluation.confusion_markdown(report))
    if out is not None:
        evaluation.write_report(report, out)
        _err.print(f"written to {out}", style="dim")


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Model folder; its README.md is written.")],
    results: Annotated[Path, typer.Argument(help="Report that evaluate -o wrote.")],
) -> None:
    """Write the model card from a measured report.

    Needs the extra **train**.
    """
    with _training("complaintnlp card"):
        from complaintnlp.training.model_card import write_card  # noqa: PLC0415
    _out.print(str(write_card(model, results)))


@app.command("soft-label")
def soft_label(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: the teacher.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="File to write (safetensors).")],
    per_source: Annotated[int, typer.Option(help="Texts of each language and source.", min=1)] = 600,
    annotations: Annotations = _ANNOTATIONS,
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Score a sample of the corpora with a teacher, for a student's recipe to learn from.

    Needs the extra **train**.
    """
    with _training("complaintnlp soft-label"):
        from complaintnlp.training.release import soft_label_corpora  # noqa: PLC0415
    with _progress_bar() as bar:
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
    _out.print(f"{out}: {count:,} texts")


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
    annotations: Annotations = _ANNOTATIONS,
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Pick the corpus texts whose labels would teach most: doubt, disagreement, rare types.

    Only texts of the training split that no label is known for. Label them by the annotation guide, and keep the
    labels by id in data/labels/: the texts are other people's.

    Needs the extra **train**.
    """
    with _training("complaintnlp label-queue"):
        from complaintnlp.training import label_queue as queue  # noqa: PLC0415
    with _progress_bar() as bar:
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
    _out.print(f"{out}: {len(rows):,} texts")


@data_app.command("report")
def data_report(annotations: Annotations = _ANNOTATIONS, corpora: Corpora = _CORPORA) -> None:
    """Print what each source teaches: rows, rows with targets, heads.

    Needs the extra **train**.
    """
    with _training("complaintnlp data report"):
        from complaintnlp.training.data_report import report_tables  # noqa: PLC0415
    for table in report_tables(annotations, corpora):
        _out.print(table)


@data_app.command("add-labels")
def add_labels(
    files: Annotated[list[Path], typer.Argument(help="JSON Lines of an annotator.")],
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Check labels that annotators wrote and add them to the project: by id for corpus texts, with text for own ones.

    Needs the extra **train**.
    """
    with _training("complaintnlp data add-labels"):
        from complaintnlp.training import project_labels  # noqa: PLC0415
    for place, count in project_labels.add_labels(files, project, corpora).items():
        _out.print(f"{place}: {count:,}")


@data_app.command("agreement")
def agreement(
    second: Annotated[Path, typer.Argument(help="JSON Lines of a second, independent annotator, by id.")],
    project: Project = _PROJECT,
) -> None:
    """Measure how far a second annotator agrees with the project's labels, per language.

    Needs the extra **train**.
    """
    with _training("complaintnlp data agreement"):
        from complaintnlp.training.agreement import agreement as compare  # noqa: PLC0415
    rows = compare(second, project)
    typer.echo(f"| {' | '.join(rows[0])} |\n{'| --- ' * len(rows[0])}|")
    for row in rows:
        cells = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        typer.echo(f"| {' | '.join(cells)} |")


@data_app.command("armenian-words")
def armenian_words(
    out: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    annotations: Annotations = _ANNOTATIONS,
    corpora: Corpora = _CORPORA,
    project: Project = _PROJECT,
) -> None:
    """Count Armenian words; the package spells Armenian in Latin letters by this list.

    Needs the extra **train**.
    """
    with _training("complaintnlp data armenian-words"):
        from complaintnlp.training.word_counts import armenian_word_counts  # noqa: PLC0415
    counts = armenian_word_counts(annotations, corpora, project)
    out.write_text("".join(f"{word}\t{count}\n" for word, count in counts), encoding="utf-8")
    _out.print(f"{out}: {len(counts):,} words")


@data_app.command("rates")
def data_rates(annotations: Annotations = _ANNOTATIONS, corpora: Corpora = _CORPORA) -> None:
    """Measure the label mapping's rates again on the hand-labelled training texts.

    Needs the extra **train**.
    """
    with _training("complaintnlp data rates"):
        from complaintnlp.training.data_report import rate_lines  # noqa: PLC0415
    for line in rate_lines(annotations, corpora):
        typer.echo(line)


def _json_object(text: str, option: str) -> Any:
    import json  # noqa: PLC0415

    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f'{option} is no JSON ({error}); write it like \'{{"tier": "vip"}}\'') from None


def _run(recipe: Path, out: Path | None, annotations: Path, corpora: Path, project: Path) -> Run:
    from complaintnlp.training.recipe import load_recipe  # noqa: PLC0415
    from complaintnlp.training.train import Run  # noqa: PLC0415

    loaded = load_recipe(recipe)
    return Run(loaded, out or Path("runs") / loaded.name, annotations, corpora, project)


@contextmanager
def _training(feature: str) -> Iterator[None]:
    """Turn a missing training package into a message that says what to install, and let the room log."""
    import logging  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("complaintnlp").setLevel(logging.INFO)
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(f"{__package__}."):
            raise  # a part of this package is missing: no extra would bring it
        raise MissingExtraError(feature, "train", (error.name or str(error)).partition(".")[0]) from error


def _progress_bar() -> Progress:
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=_err)
