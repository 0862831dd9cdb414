"""The command line. Thin: it parses, calls and prints.

Heavy packages are imported inside the commands that need them, so that ``complaintnlp --help`` and the
scoring commands stay quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from complaintnlp import __version__
from complaintnlp.cli import benchmark, frontier, label_studio, measuring, scoring, train, training
from complaintnlp.cli.shared import ERR, OUT, app
from complaintnlp.errors import ComplaintNLPError

__all__ = ["app", "benchmark", "frontier", "label_studio", "main", "measuring", "scoring", "train", "training"]


def main() -> None:
    """Run the command line; an error raised on purpose becomes one readable line and exit code 1."""
    try:
        app()
    except (ComplaintNLPError, OSError) as error:
        # An OSError names its file: a folder that does not exist, a full disk, a missing permission.
        ERR.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def _version(show: bool) -> None:
    if show:
        OUT.print(__version__, highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...
