"""How well a model holds under texts that are written otherwise, by measure and by checklist.

Hand-labelled texts are changed (`complaintnlp.training.perturb`) and read again. Figures take the language as known, as
`complaintnlp.training.evaluate` does; what its detection costs on top stands beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from complaintnlp.errors import ConfigurationError
from complaintnlp.judgement.decide import Decisions, Policy, decide
from complaintnlp.model.folder import ModelFolder, read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.training import dataset as data
from complaintnlp.training.calibrate import combined_scores, window_logits
from complaintnlp.training.checklist import KINDS, load_checklists, run_checklists
from complaintnlp.training.compare import bootstrap
from complaintnlp.training.evaluate import figures, gold_of, groups_of, weights_hash
from complaintnlp.training.metrics import Gold, Rows, by_group, select
from complaintnlp.training.perturb import PERTURBATIONS, RAISE_INTENSITY, SLICES, perturb
from complaintnlp.training.tables import number, table_head, table_row

FIGURES: Final = ("type_micro_f1", "detractor_f1", "intensity_qwk")
"""Figures of `complaintnlp.training.metrics.evaluate_group` that are measured before and after a change."""

_WHOLE_PATH: Final = "whole_path_type_micro_f1"
_TITLES: Final = ("type micro-F1", "detractor F1", "intensity QWK", "misread", "type micro-F1, language detected")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model makes of ``n`` texts.

    Attributes:
        scores, decisions: with the language known.
        misread: ``(n,)``, where detection finds another language.
        types: ``(n, 13)``, the types where the language is not known but detected; none where it is refused.
    """

    scores: Scores
    decisions: Decisions
    misread: NDArray[np.bool_]
    types: NDArray[np.bool_]

    def at(self, rows: Rows) -> Reading:
        """The same for some of the texts."""
        return Reading(select(self.scores, rows), select(self.decisions, rows), self.misread[rows], self.types[rows])


class Reader:
    """Reads texts with a model, each text once."""

    def __init__(self, folder: ModelFolder) -> None:
        self._runtime = Runtime(folder)
        self._calibration = folder.calibration
        self._policy = Policy.from_dict(folder.thresholds, str(folder.path))
        self._logits: dict[str, NDArray[np.float32]] = {}

    def score(self, texts: Sequence[str], languages: Sequence[str]) -> tuple[Scores, Decisions]:
        """Scores and decisions of texts whose language is known."""
        texts = [data.model_text(text, language) for text, language in zip(texts, languages, strict=True)]
        new = [text for text in dict.fromkeys(texts) if text not in self._logits]
        self._logits |= zip(new, window_logits(self._runtime, new), strict=True)
        scores = combined_scores([self._logits[text] for text in texts], self._calibration)
        return scores, decide(scores, self._policy, languages)

    def decide(self, texts: Sequence[str], languages: Sequence[str]) -> Decisions:
        """Decisions on texts whose language is known."""
        return self.score(texts, languages)[1]

    def read(self, texts: Sequence[str], languages: Sequence[str]) -> Reading:
        """Read texts with their language known, and as if it were not."""
        scores, decisions = self.score(texts, languages)
        found = [detect(normalize(text).text) for text in texts]
        misread = np.array([result.code != language for result, language in zip(found, languages, strict=True)])
        types = decisions.failure_types.copy()
        types[misread] = False
        other = [i for i, wrong in enumerate(misread) if wrong and found[i].supported]
        if other:
            types[other] = self.decide([texts[i] for i in other], [str(found[i].code) for i in other]).failure_types
        return Reading(scores, decisions, misread, types)


def measure_robustness(
    model: Path | None,
    annotations: Path,
    split: str,
    checklist: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> dict[str, Any]:
    """Measure a model folder under changed texts, on short and long ones, and by the checklists.

    Args:
        model: folder; the released model if None.
        annotations: the hand labels.
        split: ``dev`` or ``test``; test is for releases.
        checklist: folder of the checklists.
        progress: told the step, how many are done, and how many there are.

    Returns:
        ``model``, ``split``, ``fingerprint`` of the unchanged texts; ``changes``, per change and group what
        `_change` gives; ``slices``, per slice and group the figures; ``checklist``, see
        `complaintnlp.training.checklist.run_checklists`.
    """
    checklists = load_checklists(checklist)
    folder = read_model_folder(model)
    rows = list(data.read_annotations(annotations, split))
    labelled = data.hand_dataset(rows)
    gold, groups, languages = gold_of(labelled), groups_of(labelled), list(labelled["language"])
    texts = [normalize(row["text"]).text for row in rows]
    reader = Reader(folder)
    steps = ("as they stand", *PERTURBATIONS, "checklist")
    progress(steps[0], 0, len(steps))
    before = reader.read(texts, languages)
    report: dict[str, Any] = {
        "model": {"name": folder.name, "version": folder.version, "sha256": weights_hash(folder.path)},
        "split": split,
        "fingerprint": data.fingerprint(labelled),
        "changes": {},
        "slices": {},
    }
    for done, name in enumerate(PERTURBATIONS, start=1):
        progress(name, done, len(steps))
        changed = [perturb(name, text, row["language"], row["id"]) for text, row in zip(texts, rows, strict=True)]
        kept = _rows(text is not None for text in changed)
        if len(kept):
            after = reader.read([text for text in changed if text is not None], [languages[i] for i in kept])
            own = [groups[i] for i in kept]
            report["changes"][name] = _change(name, before.at(kept), after, select(gold, kept), own)
    for name, holds in SLICES.items():
        kept = _rows(holds(text, language) for text, language in zip(texts, languages, strict=True))
        report["slices"][name] = _figures(before.at(kept), select(gold, kept), [groups[i] for i in kept])
    progress(steps[-1], len(steps) - 1, len(steps))
    report["checklist"] = run_checklists(checklists, reader.decide)
    progress(steps[-1], len(steps), len(steps))
    return report


def _rows(chosen: Iterable[bool]) -> Rows:
    return np.flatnonzero(np.fromiter(chosen, dtype=np.bool_))


def _figures(reading: Reading, gold: Gold, groups: list[str]) -> dict[str, dict[str, float]]:
    """Figures per group: number of ``texts``, `FIGURES`, share ``misread``, and type micro-F1 of the whole path."""
    known = figures(reading.scores, gold, groups, reading.decisions)
    whole = figures(reading.scores, gold, groups, replace(reading.decisions, failure_types=reading.types))
    misread = by_group(groups, lambda rows: {"misread": float(reading.misread[rows].mean())})
    return {
        group: {
            **{name: values[name] for name in ("texts", *FIGURES)},
            **misread[group],
            _WHOLE_PATH: whole[group]["type_micro_f1"],
        }
        for group, values in known.items()
    }


def _change(name: str, before: Reading, after: Reading, gold: Gold, groups: list[str]) -> dict[str, dict[str, Any]]:
    """Per group: number of ``texts``; each figure ``before`` and ``after``; share of the texts with ``other_types``.

    The difference of type micro-F1 has a 95% bootstrap interval over the texts (``low``, ``high``).
    """
    was, now = _figures(before, gold, groups), _figures(after, gold, groups)
    other = (before.decisions.failure_types != after.decisions.failure_types).any(axis=1)
    intervals = by_group(groups, lambda rows: _interval(before.at(rows), after.at(rows), select(gold, rows)))
    shares = by_group(groups, lambda rows: {"other_types": float(other[rows].mean())})
    report: dict[str, dict[str, Any]] = {}
    for group, values in was.items():
        report[group] = {"texts": values.pop("texts"), **shares[group]}
        for figure, value in values.items():
            report[group][figure] = {"before": value, "after": now[group][figure]}
        report[group]["type_micro_f1"] |= intervals[group]
        if name in RAISE_INTENSITY:
            del report[group]["intensity_qwk"]
    return report


def _interval(before: Reading, after: Reading, gold: Gold) -> dict[str, float]:
    draws = [bootstrap(gold, reading.decisions)["type_micro_f1"] for reading in (before, after)]
    low, high = np.quantile(draws[1] - draws[0], [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def robustness_markdown(report: dict[str, Any]) -> str:
    """The report as markdown: changes, slices, checklist."""
    return "\n".join(
        (
            f"{report['model']['name']} {report['model']['version']}, {report['split']} split",
            "",
            *_changes_table(report["changes"]),
            "",
            *_slices_table(report["slices"]),
            "",
            *_checklist_table(report["checklist"]["languages"]),
        )
    )


def beside_markdown(reports: Sequence[dict[str, Any]]) -> str:
    """Reports of several models as one table: type micro-F1 of each before, and what each change costs it.

    Raises:
        ConfigurationError: they were not measured on the same texts.
    """
    if len({(report["split"], report["fingerprint"]) for report in reports}) > 1:
        raise ConfigurationError("the reports were measured on different texts; measure each model anew")
    names = [f"{report['model']['name']} {report['model']['version']}" for report in reports]
    lines = list(table_head("change", "group", *names))
    for change, groups in reports[0]["changes"].items():
        for group in groups:
            figures_of_all = [report["changes"][change][group]["type_micro_f1"] for report in reports]
            cells = [f"{number(f1['before'])} {f1['after'] - f1['before']:+.3f}" for f1 in figures_of_all]
            lines.append(table_row((change, group, *cells)))
    for language, capabilities in reports[0]["checklist"]["languages"].items():
        for capability in capabilities:
            passed = [report["checklist"]["languages"][language][capability]["passed"] for report in reports]
            lines.append(table_row((f"checklist: {capability}", language, *map(number, passed))))
    return "\n".join(lines)


def _changes_table(changes: dict[str, dict[str, dict[str, Any]]]) -> Iterator[str]:
    yield from table_head(
        "change", "group", "texts", "type micro-F1", "difference (95%)", *_TITLES[1:3], "other types", *_TITLES[3:]
    )
    for name, groups in changes.items():
        for group, values in groups.items():
            f1 = values["type_micro_f1"]
            cells = (
                *(name, group, f"{values['texts']:.0f}", _pair(f1)),
                f"{f1['after'] - f1['before']:+.3f} ({f1['low']:+.3f} to {f1['high']:+.3f})",
                *(_pair(values["detractor_f1"]), _pair(values.get("intensity_qwk")), number(values["other_types"])),
                *(_pair(values["misread"]), _pair(values[_WHOLE_PATH])),
            )
            yield table_row(cells)


def _slices_table(slices: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    yield from table_head("slice", "group", "texts", *_TITLES)
    for name, groups in slices.items():
        for group, values in groups.items():
            shown = (number(values[figure]) for figure in (*FIGURES, "misread", _WHOLE_PATH))
            yield table_row((name, group, f"{values['texts']:.0f}", *shown))


def _checklist_table(languages: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    yield from table_head("checklist", "capability", "templates", "cases", "passed", *KINDS)
    for language, capabilities in languages.items():
        for capability, values in capabilities.items():
            counts = (f"{values[name]:.0f}" for name in ("templates", "cases"))
            yield table_row((language, capability, *counts, *(number(values[name]) for name in ("passed", *KINDS))))


def _pair(figure: dict[str, float] | None) -> str:
    return "-" if figure is None else f"{number(figure['before'])} → {number(figure['after'])}"
