"""complaintnlp: what failed, how strongly, who may leave, and what to do now.

    from complaintnlp import Analyzer

    analysis = Analyzer.load().analyze("Üç haftadır kargom gelmedi, beş kere aradım kimse ilgilenmiyor.")
    analysis.primary_failure    # "delay_wait"

Importing the package loads neither a model nor ONNX Runtime; `Analyzer` does on first use.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from complaintnlp.errors import (
    ComplaintNLPError,
    ConfigurationError,
    InputFileError,
    InvalidInputError,
    MissingExtraError,
    ModelFolderError,
)
from complaintnlp.records import Analysis, Feedback

if TYPE_CHECKING:
    from complaintnlp.analyzer import Analyzer

__version__ = metadata.version("complaintnlp")

__all__ = [
    "Analysis",
    "Analyzer",
    "ComplaintNLPError",
    "ConfigurationError",
    "Feedback",
    "InputFileError",
    "InvalidInputError",
    "MissingExtraError",
    "ModelFolderError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "Analyzer":
        return import_module("complaintnlp.analyzer").Analyzer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
