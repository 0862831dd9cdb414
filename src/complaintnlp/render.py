"""What the command line shows a person: an analysis as a card, a scored file as a summary.

Names of files, columns and models go into a `Text`: in a plain string rich reads ``[b]`` as markup.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from complaintnlp import taxonomy
from complaintnlp.batch import ScoreSummary
from complaintnlp.batch.readers import open_table
from complaintnlp.batch.rows import RawJson, Reject
from complaintnlp.records import Analysis, LanguageCode, RecoveryPlan
from complaintnlp.recovery.playbook import Playbook, Row
from complaintnlp.taxonomy import Label


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files("complaintnlp").joinpath("card.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class _Ui:
    """Words of the card in one language."""

    language: LanguageCode

    def __call__(self, key: str, part: str | None = None, **values: object) -> str:
        texts = _words()[key] if part is None else _words()[key].get(part, {})
        return str(texts.get(self.language, part)).format(**values)

    def of(self, texts: Mapping[LanguageCode, str]) -> str:
        return texts[self.language]


def render_card(
    analysis: Analysis,
    *,
    ui_language: LanguageCode = "en",
    text: str | None = None,
    failure_types: Mapping[str, Label] = taxonomy.FAILURE_TYPES,
) -> RenderableType:
    """One analysis as a card: what was read, and the plan as a team would work from it.

    Args:
        analysis: of one text.
        ui_language: of the card's words and of the actions; these stand in the customer's language as well.
        text: the customer's text, to quote the evidence from.
        failure_types: all that the model may name, as `Analyzer.failure_types` gives them; the 13 by default.
    """
    ui = _Ui(ui_language)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    language = analysis.language
    if language.code is None:
        table.add_row(ui("status"), ui("empty"))
    else:
        table.add_row(ui("language"), f"{ui('languages', language.code)} ({language.confidence:.2f})")
        if analysis.status == "unsupported":
            table.add_row(ui("status"), ui("unsupported"))
    if analysis.status == "scored":
        _add_scores(table, analysis, ui, failure_types)
    elif analysis.nps is not None:
        table.add_row(ui("nps_class"), f"{analysis.nps.nps_class} ({ui('survey')})")
    if analysis.needs_review:
        reasons = ", ".join(ui("review_reasons", reason) for reason in analysis.review_reasons)
        table.add_row(Text(ui("needs_review"), style="bold yellow"), reasons)
    for label, words in _quotes(analysis, text or ""):
        table.add_row(ui("evidence"), Text.assemble((f"{label}: ", "dim"), words))
    parts: list[RenderableType] = [table]
    if analysis.recovery is not None:
        parts += _plan_parts(analysis.recovery, language.code or "en", ui)
    if analysis.reply is not None:
        parts += [Text(f"\n{ui('reply')}", style="italic"), Text(analysis.reply)]
    title = Text(f"{analysis.model.name} {analysis.model.version}")
    return Panel(Group(*parts), title=title, title_align="left", expand=False)


def _add_scores(table: Table, analysis: Analysis, ui: _Ui, failure_types: Mapping[str, Label]) -> None:
    assert analysis.intensity is not None  # noqa: S101 - a scored analysis has every score
    assert analysis.nps is not None  # noqa: S101
    assert analysis.at_risk is not None  # noqa: S101
    failures = Text(ui("none_named"))
    if analysis.failure_types:
        failures = Text("\n").join(
            Text.assemble(
                f"{failure_types[failure.code].name(ui.language)} ",
                (f"{failure.score:.2f}", "dim"),
                (f"  {ui('primary')}" if failure.code == analysis.primary_failure else "", "cyan"),
            )
            for failure in analysis.failure_types
        )
    table.add_row(ui("what_failed"), failures)
    intensity = analysis.intensity
    name = taxonomy.INTENSITY_LEVELS[str(intensity.level)].name(ui.language).lower()
    table.add_row(ui("intensity"), f"{ui('of_four', level=intensity.level, name=name)} ({intensity.score:.1f})")
    nps, risk = analysis.nps, analysis.at_risk
    source = ui("survey") if nps.source == "survey" else f"{(nps.probabilities or {}).get(nps.nps_class, 0.0):.2f}"
    table.add_row(ui("nps_class"), f"{taxonomy.NPS_CLASSES[nps.nps_class].name(ui.language).lower()} ({source})")
    reasons = ", ".join(
        f"{reason} {taxonomy.RISK_REASONS[reason].name(ui.language).lower()}" for reason in risk.reasons
    )
    table.add_row(ui("at_risk"), f"{ui('yes') if risk.flag else ui('no')} ({risk.probability:.2f}) {reasons}".rstrip())
    if risk.contributions:
        score = ui("of_hundred", score=risk.score, band=ui("bands", risk.band))
        points = ", ".join(f"{ui.of(part.text)} {part.points:+d}" for part in risk.contributions)
        table.add_row(ui("risk_score"), f"{score}: {points}")
    if risk.value_factor != 1.0:
        table.add_row(ui("priority"), f"{risk.priority:.0f} = {risk.score} x {risk.value_factor:g}")
    if analysis.severity is not None:
        level = taxonomy.SEVERITIES[analysis.severity].name(ui.language).lower()
        table.add_row(ui("severity"), f"{analysis.severity} {level}")


def _quotes(analysis: Analysis, text: str) -> Iterator[tuple[str, str]]:
    """The evidence in the customer's words, each passage once with all that it shows."""
    labels: dict[tuple[int, int], list[str]] = {}
    for found in analysis.evidence or ():
        labels.setdefault((found.start, found.end), []).append(found.label)
    for (start, end), names in sorted(labels.items()):
        yield ", ".join(dict.fromkeys(names)), text[start:end]


def _plan_parts(plan: RecoveryPlan, customer: str, ui: _Ui) -> list[RenderableType]:
    caption = ui(
        "caption", owner=plan.owner, reply=plan.first_reply_within, fix=plan.fix_within, channel=plan.channel,
        band=plan.compensation_band,
    )  # fmt: skip
    table = Table(title=ui("plan"), title_justify="left", caption=Text(caption, style="table.caption"))
    table.add_column("#", justify="right", style="dim")
    table.add_column(ui("element"))
    table.add_column(ui("action"))
    both = customer != ui.language
    if both:
        table.add_column(ui("languages", customer))
    table.add_column(ui("who"))
    dated = any(step.due for step in plan.steps)
    if dated:
        table.add_column(ui("until"))
    for number, step in enumerate(plan.steps, start=1):
        texts = {str(code): text for code, text in step.text.items()}
        row = [str(number), ui("elements", step.element), texts[ui.language]]
        row += [texts[customer]] if both else []
        row += [step.owner] + ([f"{step.due:%Y-%m-%d %H:%M}" if step.due else ""] if dated else [])
        table.add_row(*map(Text, row))
    notes: list[RenderableType] = []
    if plan.compensation is not None and plan.compensation.no_offer:
        why = "; ".join(ui.of(texts) for texts in plan.compensation.no_offer.values())
        notes.append(Text(f"{ui('no_offer')}: {why}"))
    if plan.never_automatic:
        notes.append(Text(ui("person"), style="yellow"))
    for right in plan.rights:
        words = right.text.get(ui.language) or right.text["en"]
        notes.append(Text(f"{ui('rights')}: {right.law}. {words}"))
    return [table, *notes]


def render_row(row: Row, playbook: Playbook, ui_language: LanguageCode) -> RenderableType:
    """A row of the playbook as a table."""
    ui = _Ui(ui_language)
    caption = ui(
        "caption", owner=row.owner, reply=row.first_reply, fix=row.fix, channel=row.channel, band=row.band
    )  # fmt: skip
    table = Table(caption=Text(caption, style="table.caption"))
    for title in ("#", ui("element"), "id", ui("action"), ui("who")):
        table.add_column(title)
    for number, name in enumerate(row.actions, start=1):
        action = playbook.actions[name]
        cells = (str(number), ui("elements", action.element), name, ui.of(action.text), action.owner)
        table.add_row(*map(Text, cells))
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
    for code, estimate in summary.nps.items():
        interval = f"{estimate.low:+.0f} to {estimate.high:+.0f}, {estimate.texts:,} texts"
        table.add_row(f"estimated NPS, {code}", f"{estimate.nps:+.0f} ({interval})")
    if len(summary.nps) > 1:
        table.add_row("", "compare a language with its own past, never with another language")
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
