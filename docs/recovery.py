"""Writes docs/recovery.md: the worked examples as the released model answers them.

python docs/recovery.py > docs/recovery.md
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from complaintnlp import Analyzer
from complaintnlp.records import Analysis

_WRITTEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_INTRO = """# From a complaint to a plan

`complaintnlp` takes the row of the playbook (`src/complaintnlp/recovery/playbook.toml`) for the primary failure type
and the severity, and changes it by what else is known: strong emotion, detractor, at risk, legal threat,
double deviation (the recovery failed before), VIP, public channel, several failures, already repaired. Each step
names its element (speed, empathy, ownership, solution, compensation, follow-up), its owner and its due time.
Compensation follows the law first, then proven expenses, then goodwill; where none must be offered the plan says why.
S3, S4, statutory and safety cases are marked as never automatic.

Severity is the customer's loss: the base of the primary type, one up for a repeated problem, one up for a total loss
or a missed event, S4 at once for harm or danger, one down for what was small or repaired. Emotion never raises it.

    complaintnlp playbook show delay_wait S3      # a row
    complaintnlp playbook check ours.toml         # check your own rows and see what they change
    complaintnlp analyze --playbook ours.toml "…"

Times and bands are proposals that the operator sets. Rights are information to be checked in the text in force, no
legal advice. Reply drafts are for a person to complete: unknown values stay in square brackets. The Armenian and
Chinese blocks were read twice by a language model, not by a native speaker.

The examples below were written for this project and answered by `{model}` (`python docs/recovery.py`). The texts
count as written on 23 November 2026, 09:00 UTC, without a known channel.
"""


def main() -> None:
    """Print the page."""
    examples = tomllib.loads((Path(__file__).parents[1] / "data" / "examples.toml").read_text(encoding="utf-8"))
    analyzer = Analyzer.load()
    print(_INTRO.format(model=f"{analyzer.info.name} {analyzer.info.version}"))
    for example in examples["example"]:
        print(f"## {example['title']}\n")
        known = {key: example[key] for key in ("customer", "country") if key in example}
        if known:
            print(f"Known besides the text: `{known}`\n")
        for number, (language, text) in enumerate(example["texts"].items()):
            analysis = analyzer.analyze({"text": text, "created_at": _WRITTEN, **known}, evidence=True)
            print(f"> {text}\n")
            print(_judgement(analysis, text))
            if number == 0:
                print(_plan(analysis, language))
            print(f"Reply draft:\n\n```text\n{analysis.reply}\n```\n")


def _judgement(analysis: Analysis, text: str) -> str:
    assert analysis.intensity is not None  # noqa: S101 - the examples are all scored
    assert analysis.nps is not None  # noqa: S101
    assert analysis.at_risk is not None  # noqa: S101
    types = ", ".join(f"{failure.code} {failure.score:.2f}" for failure in analysis.failure_types) or "none named"
    quotes = "; ".join(f"{found.label}: “{text[found.start : found.end]}”" for found in analysis.evidence or ())
    risk = analysis.at_risk
    lines = [
        f"- {types}; intensity {analysis.intensity.level}, {analysis.nps.nps_class}, "
        f"severity {analysis.severity or 'none'}",
        f"- risk {risk.score} ({risk.band}): "
        + (", ".join(f"{part.text['en'].lower()} {part.points:+d}" for part in risk.contributions) or "no signal"),
    ]
    lines += [f"- words: {quotes}"] if quotes else []
    lines += ["- needs review"] if analysis.needs_review else []
    return "\n".join(lines) + "\n"


def _plan(analysis: Analysis, language: str) -> str:
    plan: Any = analysis.recovery
    own = language if language != "en" else "tr"
    lines = [f"| # | element | step | {own} | owner | until |", "| --- | --- | --- | --- | --- | --- |"]
    for number, step in enumerate(plan.steps, start=1):
        due = f"{step.due:%d %b %H:%M}" if step.due else ""
        lines.append(f"| {number} | {step.element} | {step.text['en']} | {step.text[own]} | {step.owner} | {due} |")
    notes = [f"Owner {plan.owner}, {plan.channel}, band {plan.compensation_band}, queue `{plan.queue}`."]
    if plan.compensation and plan.compensation.no_offer:
        notes.append("Nothing beyond the law: " + "; ".join(t["en"] for t in plan.compensation.no_offer.values()) + ".")
    if plan.never_automatic:
        notes.append(f"A person sends the reply ({', '.join(plan.never_automatic_reasons)}).")
    notes += [f"Right to check: {right.law}. {right.text['en']}" for right in plan.rights]
    return "\n".join([*lines, "", " ".join(notes), ""])


if __name__ == "__main__":
    main()
