"""How well and how fast is a text's language found? The detector beside lingua, as markdown tables.

    python benchmarks/language.py --annotations ../shared/annotations

Gold is the file's language: ``{tr,zh,hy,en}.csv`` of the hand-labelled texts (Armenian in Latin letters counts
as Armenian) and the two committed files of ``data/language``. A text of another language is right when it is
refused, whatever code it gets. Shares and times depend on no random choice; times depend on the machine.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lingua import LanguageDetectorBuilder

from complaintnlp.taxonomy import LANGUAGES
from complaintnlp.text.language import LanguageDetector

ROOT: Final = Path(__file__).resolve().parent.parent
SHORT: Final = 20
"""Texts below this many characters are short."""

Detect = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Example:
    """A text, its language, and the table row it belongs to."""

    group: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a detector answered for an example, and how long it took."""

    example: Example
    right: bool
    milliseconds: float


class CountingDetector(LanguageDetector):
    """The detector, counting how many texts asked langdetect."""

    asked = 0

    def ask_langdetect(self, text: str) -> dict[str, float]:
        """Count, then ask."""
        self.asked += 1
        return super().ask_langdetect(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the tables."""
    options = _options(arguments)
    examples = [*_annotated(options.annotations), *_committed(options.data)]
    detector = CountingDetector()
    detector.ask_langdetect("warm up")
    detector.asked = 0
    ours = [_measure(example, lambda text: detector.detect(text).code) for example in examples]
    print(f"# Language detection\n\n{len(examples):,} texts, Python {platform.python_version()}\n")
    print(f"## complaintnlp\n\n{_table(ours)}\n")
    print(f"{_speed(ours)}; {detector.asked / len(examples):.1%} of the texts asked langdetect.\n")
    if options.without_lingua:
        return
    step = max(1, -(-len(examples) // options.sample)) if options.sample else 1
    lingua = _lingua()
    theirs = [
        _measure(example, lingua)
        for position, example in enumerate(examples)
        if position % step == 0 or not example.group.startswith("annotated")
    ]
    note = f"every {step}th annotated text, all committed ones" if step > 1 else "all texts"
    print(f"## lingua, all its languages, default mode ({note})\n\n{_table(theirs)}\n\n{_speed(theirs)}.")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example, our detector alone in a few seconds:\n  python benchmarks/language.py --without-lingua",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        default=ROOT.parent / "shared" / "annotations",
        help="folder with tr.csv, zh.csv, hy.csv, en.csv, each with a column `text` (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "data" / "language",
        help="folder with hard_cases.tsv and other_languages.tsv (default: %(default)s)",
    )
    parser.add_argument(
        "--sample",
        type=int,
        default=3000,
        help="about how many annotated texts lingua reads; 0 means all of them (default: %(default)s)",
    )
    parser.add_argument("--without-lingua", action="store_true", help="measure our detector only")
    options = parser.parse_args(arguments)
    for folder, name in ((options.annotations, "tr.csv"), (options.data, "hard_cases.tsv")):
        if not (folder / name).is_file():
            parser.error(f"{folder} holds no {name}; point --annotations and --data at the folders that do")
    return options


def _annotated(folder: Path) -> Iterable[Example]:
    for language in LANGUAGES:
        with (folder / f"{language}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield Example(f"annotated {language}", language, row["text"])


def _committed(folder: Path) -> Iterable[Example]:
    for name in ("hard_cases", "other_languages"):
        with (folder / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                language = row["language"]
                if language in LANGUAGES:
                    group = f"hard {language}"
                else:
                    group = "Azerbaijani refused" if language == "az" else "other languages refused"
                yield Example(group, language, row["text"])


def _lingua() -> Detect:
    detector = LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()

    def detect(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return None if found is None else found.iso_code_639_1.name.lower()

    return detect


def _measure(example: Example, detect: Detect) -> Outcome:
    start = time.perf_counter()
    code = detect(example.text)
    elapsed = (time.perf_counter() - start) * 1000
    right = code == example.language if example.language in LANGUAGES else code not in LANGUAGES
    return Outcome(example, right, elapsed)


def _table(outcomes: Sequence[Outcome]) -> str:
    groups = list(dict.fromkeys(outcome.example.group for outcome in outcomes))
    rows = [(group, [outcome for outcome in outcomes if outcome.example.group == group]) for group in groups]
    rows.append(("all annotated", [o for o in outcomes if o.example.group.startswith("annotated")]))
    rows.append(("all hard", [o for o in outcomes if o.example.group.startswith("hard")]))
    lines = [
        f"| texts | right, >= {SHORT} characters | right, < {SHORT} characters | median ms | mean ms |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in rows:
        long, short = ([o for o in found if (len(o.example.text) < SHORT) is wanted] for wanted in (False, True))
        times = [outcome.milliseconds for outcome in found]
        speed = f"{statistics.median(times):.3f} | {statistics.mean(times):.3f}"
        lines.append(f"| {name} | {_share(long)} | {_share(short)} | {speed} |")
    return "\n".join(lines)


def _share(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return "-"
    right = sum(outcome.right for outcome in outcomes)
    return f"{right / len(outcomes):.2%} ({right:,}/{len(outcomes):,})"


def _speed(outcomes: Sequence[Outcome]) -> str:
    times = [outcome.milliseconds for outcome in outcomes]
    return f"All texts: median {statistics.median(times):.3f} ms, mean {statistics.mean(times):.3f} ms"


if __name__ == "__main__":
    main()
