"""What the command line shows a person: an analysis as a card, a scored file as a summary.

Names of files, columns and models go into a `Text`: in a plain string rich reads ``[b]`` as markup.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from complaintnlp import taxonomy
from complaintnlp.batch import ScoreSummary
from complaintnlp.batch.readers import open_table
from complaintnlp.batch.rows import RawJson, Reject
from complaintnlp.records import Analysis, RecoveryPlan

_LANGUAGE_NAMES = {"tr": "Turkish", "zh": "Chinese", "hy": "Armenian", "en": "English"}
_REVIEW_REASONS = {
    "low_confidence": "the model is not sure",
    "doubtful_language": "the language is doubtful",
    "language_conflict": "the given language does not fit the script",
    "unsupported_language": "the language is not supported",
}


def render_card(analysis: Analysis) -> RenderableType:
    """One analysis as a readable card; actions stand in English and in the customer's language."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    language = analysis.language
    if language.code is None:
        table.add_row("status", "empty: there is nothing to read")
    else:
        name = _LANGUAGE_NAMES.get(language.code, language.code)
        table.add_row("language", f"{name} ({language.confidence:.2f})")
        if analysis.status == "unsupported":
            table.add_row("status", "unsupported: Turkish, Chinese, Armenian and English are read")
    if analysis.status == "scored":
        _add_scores(table, analysis)
    elif analysis.nps is not None:
        table.add_row("NPS class", f"{analysis.nps.nps_class} (survey)")
    if analysis.needs_review:
        reasons = ", ".join(_REVIEW_REASONS.get(reason, reason) for reason in analysis.review_reasons)
        table.add_row(Text("needs review", style="bold yellow"), reasons)
    parts: list[RenderableType] = [table]
    if analysis.recovery is not None:
        parts.append(_plan_table(analysis.recovery, language.code or "en"))
    title = Text(f"{analysis.model.name} {analysis.model.version}")
    return Panel(Group(*parts), title=title, title_align="left", expand=False)


def _add_scores(table: Table, analysis: Analysis) -> None:
    assert analysis.intensity is not None  # noqa: S101 - a scored analysis has every score
    assert analysis.nps is not None  # noqa: S101
    assert analysis.at_risk is not None  # noqa: S101
    failures = Text("none named")
    if analysis.failure_types:
        failures = Text("\n").join(
            Text.assemble(
                f"{taxonomy.FAILURE_TYPES[failure.code].name()} ",
                (f"{failure.score:.2f}", "dim"),
                ("  primary" if failure.code == analysis.primary_failure else "", "cyan"),
            )
            for failure in analysis.failure_types
        )
    table.add_row("what failed", failures)
    intensity = analysis.intensity
    level = taxonomy.INTENSITY_LEVELS[str(intensity.level)].name().lower()
    table.add_row("intensity", f"{intensity.level} of 4, {level} ({intensity.score:.1f})")
    nps, risk = analysis.nps, analysis.at_risk
    source = "survey" if nps.source == "survey" else f"{(nps.probabilities or {}).get(nps.nps_class, 0.0):.2f}"
    table.add_row("NPS class", f"{taxonomy.NPS_CLASSES[nps.nps_class].name().lower()} ({source})")
    reasons = ", ".join(f"{reason} {taxonomy.RISK_REASONS[reason].name().lower()}" for reason in risk.reasons)
    table.add_row("at risk", f"{'yes' if risk.flag else 'no'} ({risk.probability:.2f}) {reasons}".rstrip())
    if analysis.severity is not None:
        table.add_row("severity", f"{analysis.severity} {taxonomy.SEVERITIES[analysis.severity].name().lower()}")


def _plan_table(plan: RecoveryPlan, language: str) -> Table:
    caption = f"{plan.owner}: reply within {plan.first_reply_within}, fix: {plan.fix_within}, {plan.channel}"
    table = Table(title="What to do now", title_justify="left", caption=f"{caption}, band {plan.compensation_band}")
    table.add_column("#", justify="right", style="dim")
    table.add_column("element")
    table.add_column("action")
    if language != "en":
        table.add_column(_LANGUAGE_NAMES.get(language, language))
    table.add_column("who")
    for number, step in enumerate(plan.steps, start=1):
        texts = {str(code): text for code, text in step.text.items()}
        own = [texts[language]] if language != "en" else []
        table.add_row(str(number), step.element.replace("_", "-"), texts["en"], *own, step.owner)
    return table


def render_summary(summary: ScoreSummary, output: Path) -> RenderableType:
    """What a scored file held."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    rate = summary.read / summary.seconds if summary.seconds else 0.0
    table.add_row("rows", f"{summary.read:,} read in {summary.seconds:.1f} s ({rate:,.0f} a second)")
    statuses = f"{summary.scored:,} scored, {summary.unsupported:,} unsupported language, {summary.empty:,} empty"
    table.add_row("answers", f"{statuses}, {summary.rejected:,} rejected")
    table.add_row("read as", Text(f"column {summary.text_column!r}, {summary.encoding}"))
    table.add_row("languages", _counts(summary.languages))
    table.add_row("failure types", _counts(summary.failure_types))
    table.add_row("NPS classes", _counts(summary.nps_classes))
    table.add_row("at risk", f"{summary.at_risk:,}")
    table.add_row("needs review", f"{summary.needs_review:,}")
    if summary.ignored_values:
        table.add_row("ignored values", _counts(summary.ignored_values))
    for note in summary.notes:
        table.add_row("note", Text(note))
    table.add_row("written to", Text(str(output)))
    if summary.rejects is not None:
        table.add_row(Text("rejected rows", style="bold yellow"), Text(str(summary.rejects)))
    return Panel(table, title="scored", title_align="left", expand=False)


def _counts(counts: dict[str, int]) -> Text:
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    return Text(", ".join(f"{name} {count:,}" for name, count in ranked) or "none")


def render_rows(output: Path, text_column: str | None, count: int) -> RenderableType:
    """The first ``count`` rows of a scored file as a table."""
    titles = ("lang", "primary failure", "int", "NPS", "risk", "sev", "review")
    keys = ("language", "primary_failure", "intensity", "nps_class", "at_risk", "severity", "needs_review")
    table = Table(title=Text(f"The first rows of {output}", style="table.title"), title_justify="left", expand=True)
    table.add_column("text", ratio=1, no_wrap=True, overflow="ellipsis")
    for title in titles:
        table.add_column(title, no_wrap=True)
    with closing(open_table(output).rows()) as rows:
        for row in islice(rows, count):
            if isinstance(row, Reject):
                continue
            values = {
                name: "" if isinstance(value, RawJson) and value == "null" else value for name, value in row.cells
            }
            scores = [values.get(f"cnlp_{key}", "") for key in keys]
            unscored = values.get("cnlp_status", "scored") != "scored"
            shown = [
                values["cnlp_status"] if unscored and key == "primary_failure" else score
                for key, score in zip(keys, scores, strict=True)
            ]
            table.add_row(Text(" ".join(values.get(text_column or "", "").split())), *map(Text, shown))
    return table
