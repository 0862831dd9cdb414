"""``complaintnlp benchmark``: measure models beside others; each command stands in a module of its own."""

from __future__ import annotations

import typer

from complaintnlp.cli.shared import app

benchmark_app = typer.Typer(help="Measure models beside others. Needs the extra **train**.", no_args_is_help=True)
app.add_typer(benchmark_app, name="benchmark")
