"""What all commands share: the applications, the consoles, options that return, the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from complaintnlp.errors import InvalidInputError, MissingExtraError

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

OUT = Console()
ERR = Console(stderr=True)

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
Precision = Annotated[
    float | None,
    typer.Option(
        help="Share of the answered failure types and risks that shall be right: 0.7, 0.8, 0.9 or 0.95; the higher, "
        "the fewer are found. Default: best F1.",
        show_default=False,
    ),
]
Annotations = Annotated[Path, typer.Option(help="Folder of hand labels.")]
Corpora = Annotated[Path, typer.Option(help="Folder of corpora with native labels.")]

ReportFile = Annotated[
    Path | None, typer.Option("-o", "--output", help="Also write the report as JSON.", show_default=False)
]
Split = Annotated[str, typer.Option(help="dev, or test (for releases only).")]
Project = Annotated[Path, typer.Option(help="Folder of the project's own labels/ and written/ texts.")]

ANNOTATIONS = Path("../shared/annotations")
CORPORA = Path("../shared/corpora")
PROJECT = Path("data")
CHECKLIST = PROJECT / "checklist"


@contextmanager
def training_extra(feature: str) -> Iterator[None]:
    """Turn a missing training package into a message that says what to install, and let the room log."""
    import logging  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("complaintnlp").setLevel(logging.INFO)
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("complaintnlp."):
            raise  # a part of this package is missing: no extra would bring it
        raise MissingExtraError(feature, "train", (error.name or str(error)).partition(".")[0]) from error


def progress_bar() -> Progress:
    """A bar on stderr with counts and the time that is left."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=ERR)


@contextmanager
def progress_steps(first: str) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for work in named steps; it is told the step, how many are done, and how many there are (0: not known)."""
    with progress_bar() as bar:
        task = bar.add_task(first, total=None)
        yield lambda step, done, total: bar.update(task, description=step, completed=done, total=total or None)


def check_split(split: str) -> None:
    """Refuse a split that is not for measuring.

    Raises:
        InvalidInputError: it is neither ``dev`` nor ``test``.
    """
    if split not in {"dev", "test"}:
        raise InvalidInputError(f"--split {split!r} is not one of dev, test; training texts measure nothing")
