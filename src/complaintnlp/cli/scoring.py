"""Commands that read feedback: analyze, score, serve, and the playbook's."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from complaintnlp.cli.shared import (
    ERR,
    OUT,
    Model,
    Playbook,
    Precision,
    RiskPolicyFile,
    app,
    playbook_app,
    progress_bar,
)
from complaintnlp.errors import InvalidInputError
from complaintnlp.taxonomy import LANGUAGES


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
    precision: Precision = None,
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
    analyzer = Analyzer.load(model, playbook=playbook, risk_policy=risk_policy, precision=precision)
    analysis = analyzer.analyze(feedback, evidence=evidence, now=datetime.now(UTC))
    if as_json:
        typer.echo(analysis.to_json(indent=2))
    else:
        card = render_card(analysis, ui_language=ui_language, text=text, failure_types=analyzer.failure_types)  # type: ignore[arg-type]
        OUT.print(card)


@app.command()
def score(  # noqa: PLR0913, PLR0917 - options
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
    precision: Precision = None,
    model: Model = None,
) -> None:
    """Score a whole export: keeps every column and adds the **cnlp_** ones.

    Rows that cannot be read go to OUT.rejects.csv with line number and reason. OUT appears only when complete.

    Example: complaintnlp score data/samples/reviews.csv -o scored.csv
    """
    from complaintnlp.analyzer import Analyzer  # noqa: PLC0415
    from complaintnlp.batch import score_file  # noqa: PLC0415
    from complaintnlp.render import render_rows, render_summary  # noqa: PLC0415

    analyzer = Analyzer.load(model, playbook=playbook, risk_policy=risk_policy, precision=precision)
    with progress_bar() as bar:
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
        OUT.print(render_rows(output, summary.text_column, show))
    ERR.print(render_summary(summary, output))


@playbook_app.command("check")
def playbook_check(file: Annotated[Path, typer.Argument(help="TOML file with the rows to override.")]) -> None:
    """Check a company's playbook and list what it changes.

    Example: complaintnlp playbook check ours.toml
    """
    from complaintnlp.recovery.playbook import check_playbook  # noqa: PLC0415

    changes = check_playbook(file)
    for change in changes:
        typer.echo(str(change))
    OUT.print(f"{file} is right: {len(changes)} entries differ from the packaged playbook", highlight=False)


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
    OUT.print(render_row(playbook_row(failure_type, severity, book), book, ui_language))  # type: ignore[arg-type]


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


def _json_object(text: str, option: str) -> Any:
    import json  # noqa: PLC0415

    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f'{option} is no JSON ({error}); write it like \'{{"tier": "vip"}}\'') from None
