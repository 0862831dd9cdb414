"""Tell an MLflow server what a training run was set to and how well it does, beside the files of the run itself."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import ConfigurationError

logger = logging.getLogger(__name__)

Report = Callable[[Mapping[str, Any], int], None]
"""Called with figures, nested as they like, and the step that they belong to."""

RUN_FILE: Final = "mlflow-run.txt"
_PARAMETERS_A_CALL: Final = 100


@contextmanager
def mlflow_run(name: str, settings: Mapping[str, Any], folder: Path | None = None) -> Iterator[Report]:
    """An MLflow run that lasts as long as the context; ``MLFLOW_TRACKING_URI`` says where it is kept.

    A server that falls silent later costs its figures, not the training: the failure is logged and the work goes on.

    Args:
        name: of the run.
        settings: kept as its parameters, nested names joined by dots.
        folder: of a run that may be resumed; the id is kept there, so that a later call goes on with the same one.

    Raises:
        ConfigurationError: the server cannot be reached or does not accept the run.
    """
    import mlflow  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    known = folder / RUN_FILE if folder is not None else None
    run_id = known.read_text(encoding="utf-8").strip() if known is not None and known.is_file() else None
    try:
        run = mlflow.start_run(run_id=run_id, run_name=name)
        if run_id is None:
            parameters = iter(flat(settings, ".").items())
            while part := dict(islice(parameters, _PARAMETERS_A_CALL)):
                mlflow.log_params(part)
    except MlflowException as error:
        raise ConfigurationError(
            f"MLflow at {mlflow.get_tracking_uri()} does not take the run: {error}; set MLFLOW_TRACKING_URI to your "
            "server or sqlite file, or train without --mlflow"
        ) from error
    if known is not None and run_id is None:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(run.info.run_id + "\n", encoding="utf-8")

    def report(figures: Mapping[str, Any], step: int) -> None:
        try:
            mlflow.log_metrics(numbers(figures), step=step)
        except MlflowException as error:
            logger.warning("MLflow did not take the figures of step %d: %s", step, error)

    status = "FAILED"
    try:
        yield report
        status = "FINISHED"
    finally:
        try:
            mlflow.end_run(status)
        except MlflowException as error:
            logger.warning("MLflow was not told that the run is %s: %s", status, error)


def flat(values: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Nested mappings and lists of mappings in one level, names joined by the separator.

    >>> flat({"stage": [{"epochs": 2}], "seed": 1}, ".")
    {'stage.0.epochs': 2, 'seed': 1}
    """
    level: dict[str, Any] = {}
    for name, value in values.items():
        inner = value
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            inner = {str(number): each for number, each in enumerate(value)}
        if isinstance(inner, Mapping):
            level |= {f"{name}{separator}{below}": each for below, each in flat(inner, separator).items()}
        else:
            level[name] = value
    return level


def numbers(figures: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are known, as ``dev/hy adapted/type_micro_f1``; words and unknown figures are left out."""
    return {
        name: float(value)
        for name, value in flat(figures, "/").items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
