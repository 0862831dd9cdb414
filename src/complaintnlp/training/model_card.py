"""Write a model card from what was measured: nothing in it is typed by hand that a command could print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import ConfigurationError
from complaintnlp.model.folder import CARD_FILE, CONFIG_FILE, read_model_folder
from complaintnlp.training.card_sections import (
    FRONTIER,
    failures_section,
    gate_section,
    robustness_section,
    speed_section,
)
from complaintnlp.training.evaluate import confusion_markdown, markdown_tables, read_report, weights_hash
from complaintnlp.training.plots import draw_plots
from complaintnlp.training.reliability import TARGET, beyond_target, calibration_markdown, review_markdown
from complaintnlp.training.sources import OWN_SOURCES, Source, load_sources
from complaintnlp.training.tables import number, table_head, table_row
from complaintnlp.training.yardstick_table import yardsticks_of

YARDSTICKS: Final = Path("training/results/yardsticks.json")
PERMISSIVE: Final = Path("training/results/complaintnlp-permissive-test.json")
"""Report of a model that learned from permissive sources and the project's own texts alone."""

FAILURES: Final = Path("data/known_failures.toml")
"""Texts that the released model is known to misread."""

_MIXED_TERMS: Final = """The
weights were trained on the public texts below, **most of which state no licence**; some state share-alike or
non-commercial terms upstream. Check whether your use fits, or train your own."""
_PERMISSIVE_TERMS: Final = """The
weights were trained on texts written for this project and on the public texts below, all from repositories that state a
permissive licence; nobody has asked the writers of the texts. Development texts, by which epoch and thresholds were
chosen, come from other sources as well."""

_PERMISSIVE_SECTION: Final = """
## What permissive sources alone would give

A model of the same size, trained by `training/recipes/permissive.toml` on texts written for the project and on sources
that state a permissive licence; these have no Chinese or Armenian feedback.

{rows}
"""

_TEMPLATE = """---
license: other
language: [tr, zh, hy, en]
base_model: {encoder}
pipeline_tag: text-classification
library_name: complaintnlp
---

# {name} {version}

Reads one customer's feedback in Turkish, Chinese, Armenian (both scripts) or English and gives, in one pass:
13 service-failure types (multi-label), the primary type, the intensity of negative emotion (0-4), the NPS class,
whether the customer is at risk, and four risk reasons.

{layers} transformer layers of {hidden}, {vocabulary:,} pieces, int8, {size:.1f} MB.

```python
from complaintnlp import Analyzer

Analyzer.load().analyze("The parcel is three weeks late and nobody answers.").primary_failure
```

## Intended use, and misuse

For sorting, routing and prioritising feedback, for drafting a recovery plan that a person checks, and for
reports over many texts. Never the only ground for a decision about a customer or an employee. A text with
`needs_review` goes to a person: see the row "all types exact, flagged" for what the flag is worth. NPS classes
from text are an estimate; do not compare them across languages.

## Measured

Hand labels of the **{split}** split, int8 model, each text alone, as `complaintnlp evaluate` prints it. "hy adapted"
are real customers' texts of other languages retold in Armenian; "hy real" are real Armenian comments on public
services, a domain that no training text covers. Intervals are 95% bootstrap intervals.

{tables}

Two careful annotators (language models) agree at micro-F1
0.92-0.94 on failure types, 0.81 on the real Armenian comments; that is no human ceiling.

## Calibration

How far a probability lies from how often it comes true: the expected calibration error (ECE) over 10 bins, with 95%
bootstrap intervals over the texts; {target} is our own limit for a head. "All" leaves out the real Armenian comments,
on which nothing was fitted. Primary type and NPS class are judged by their most probable class, the other heads by
every probability that they give. Most of a text's 13 failure types get a probability near 0, which flatters the mean:
the last line has only the types that are answered.

{calibration}

{beyond}

![Reliability diagrams of all heads]({reliability_plot})

![Confusion of primary failure types]({confusion_plot})

## When it says needs review

The model sends the texts that it is least sure of to a person. "Wrong" is a text whose list of failure types or whose
NPS class is not exactly right. The curve shows the share of wrong texts among the surest ones; a cross marks the
released cut.

{review}

![Risk against coverage]({risk_coverage_plot})
{robustness}{gate}{speed}{yardsticks}{permissive}{failures}
## Training

{stages}
{note}
Hand labels were given **by a language model** that read each text by the annotation guide; those of this project stand
in `data/labels` (by id) and `data/written` (texts written, and labelled, by a language model). Splits follow a hash of
the text's id so that no near-duplicate crosses. Epoch, thresholds and calibration were chosen on dev, without the real
Armenian comments, which are for measuring only. Native labels (stars, sentiments, reasons, aspects; some made by a
language model in the source repository) teach soft targets by `src/complaintnlp/training/label_mapping.toml`.

- Fingerprint of the texts measured here: `{fingerprint}`

```json
{recipe}
```

## Known limits

- Real Armenian comments are answered far worse than the other lines: all Armenian feedback in training is adapted from
  other languages or was written for the project by a language model.
- Armenian in Latin letters is rewritten in Armenian letters first; what the rewriting misses, the model misreads.
- Turkish without diacritics and code-mixed text occur in training, but rarely.
- Sarcasm, quoted speech and negated exits ("I will not leave") are hard; intensity and risk are often wrong there.
- The rare types, `safety_security` above all, rest on few labelled texts; check them by hand.
- Texts longer than {max_tokens} tokens are read in windows; a contradiction between windows is not resolved.
- int8 results differ in the last digits between processors with and without 8-bit dot products.

## Licence and sources

The code is MIT. The base encoder is `{encoder}`; multilingual-e5-small is MIT (c) Intfloat contributors. {terms}

{sources}

## Confusion tables
{confusion}
"""


def write_card(
    model: Path,
    results: Path,
    sources: Path = Path("data/sources.toml"),
    *,
    plots: Path = Path("training/plots"),
    yardsticks: Path = YARDSTICKS,
    permissive: Path = PERMISSIVE,
    failures: Path = FAILURES,
) -> Path:
    """Write ``README.md`` of a model folder, and draw the plots that it links.

    Args:
        model: the folder.
        results: report that `complaintnlp evaluate -o` wrote for this very model. Reports of robustness, gate and
            frontier are looked for beside it.
        sources: register of the public sources.
        plots: folder to draw into.
        yardsticks: report that `complaintnlp benchmark yardsticks` wrote; left out where it is missing or of another
            model.
        permissive: report of a model of permissive sources alone; left out where it is missing or of other texts.
        failures: texts that the model is known to misread; it is asked again.

    Raises:
        ConfigurationError: a file is missing, the report belongs to other weights or was written by another version, or
            a source has no row.
    """
    folder = read_model_folder(model)
    for path in (results, sources):
        if not path.is_file():
            raise ConfigurationError(f"{path} does not exist; run the command from the repository's top folder")
    report: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
    if report["model"].get("sha256") != weights_hash(model):
        raise ConfigurationError(
            f"{results} measures other weights or thresholds than those in {model}; run complaintnlp evaluate first"
        )
    config = json.loads((model / CONFIG_FILE).read_text(encoding="utf-8"))
    runs = folder.settings["training"]["runs"]
    used = {source for run in runs for stage in run["data"].values() for source in stage["sources"]} - set(OWN_SOURCES)
    register = _used_sources(sources, used)
    note = folder.settings["training"].get("note")
    reliability, risk_coverage, confusion = (_link(plot, model) for plot in draw_plots(report, plots))
    table = yardsticks_of(model, yardsticks)
    frontier = plots / f"{FRONTIER}.png"
    size = sum(path.stat().st_size for path in model.iterdir() if path.name != CARD_FILE)
    card = _TEMPLATE.format(
        name=folder.name,
        version=folder.version,
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        vocabulary=config["vocab_size"],
        size=size / 1e6,
        split=report["split"],
        tables=markdown_tables(report),
        target=TARGET,
        calibration=calibration_markdown(report),
        beyond=beyond_target(report),
        review=review_markdown(report),
        reliability_plot=reliability,
        risk_coverage_plot=risk_coverage,
        confusion_plot=confusion,
        permissive=_permissive_section(report, permissive),
        robustness=robustness_section(folder, results.parent),
        gate=gate_section(folder, results.parent),
        speed=speed_section(folder, results.parent, _link(frontier, model) if frontier.is_file() else None),
        failures=failures_section(folder, failures),
        yardsticks=f"\n## Public yardsticks\n\n{table}\n" if table else "",
        stages="\n".join(
            _stage_line(f"{run['recipe']['name']}: {name}", stage)
            for run in runs
            for name, stage in run["data"].items()
        ),
        note=f"\n{note}\n" if note else "",
        encoder=runs[0]["recipe"]["encoder"]["source"],
        fingerprint=report["fingerprint"],
        recipe=json.dumps([run["recipe"] for run in runs], indent=2, ensure_ascii=False),
        max_tokens=folder.max_tokens,
        terms=_PERMISSIVE_TERMS if all(source.permissive for source in register) else _MIXED_TERMS,
        sources=_sources_table(register),
        confusion=confusion_markdown(report),
    )
    target = model / CARD_FILE
    target.write_text(card, encoding="utf-8")
    return target


def _link(plot: Path, model: Path) -> str:
    return Path(os.path.relpath(plot.resolve(), model.resolve())).as_posix()


def _permissive_section(report: dict[str, Any], path: Path) -> str:
    """Figures of this model and of one that learned from permissive sources alone, on the same texts."""
    other = read_report(path) if path.is_file() else {}
    if other.get("fingerprint") != report["fingerprint"]:
        return ""
    groups = report["groups"]
    rows = [*table_head("", *groups)]
    for model, measured in (("this model", report), ("permissive sources alone", other)):
        for title, figure in (("type micro-F1", "type_micro_f1"), ("intensity QWK", "intensity_qwk")):
            rows.append(table_row((f"{model}, {title}", *(number(measured["groups"][g][figure]) for g in groups))))
    return _PERMISSIVE_SECTION.format(rows="\n".join(rows))


def _stage_line(name: str, stage: dict[str, Any]) -> str:
    rows = ", ".join(f"{group} {count:,}" for group, count in stage["rows"].items())
    return f"- Stage `{name}`: {rows}. Fingerprint `{stage['fingerprint']}`."


def _used_sources(path: Path, used: set[str]) -> list[Source]:
    sources = [source for source in load_sources(path) if source.name in used]
    missing = used - {source.name for source in sources}
    if missing:
        raise ConfigurationError(f"{path} has no row for {', '.join(sorted(missing))}; the card must name every source")
    return sources


def _sources_table(sources: list[Source]) -> str:
    lines = ["| language | source | rows | repository | licence stated there |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {source.language} | {source.name} | {source.rows} | {source.repository or 'unknown'} | {source.licence} |"
        for source in sources
    ]
    return "\n".join(lines)
