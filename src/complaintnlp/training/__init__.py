"""Training, export and evaluation. The only room that imports torch, transformers, datasets and scikit-learn.

    from complaintnlp.training import ComplaintClassifier

It is loaded on first use and needs the extra ``train``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from complaintnlp.errors import MissingExtraError

if TYPE_CHECKING:
    from complaintnlp.training.classifier import ComplaintClassifier

__all__ = ["ComplaintClassifier"]


def __getattr__(name: str) -> Any:
    if name != "ComplaintClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("complaintnlp.training.classifier").ComplaintClassifier
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("complaintnlp."):
            raise  # a part of this package is missing: no extra would bring it
        raise MissingExtraError("ComplaintClassifier", "train", (error.name or str(error)).partition(".")[0]) from error
