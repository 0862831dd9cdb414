"""Retraining with the verbs of scikit-learn."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score

from complaintnlp.errors import InvalidInputError
from complaintnlp.judgement.decide import decide, folder_policy
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.own_type import OwnType
from complaintnlp.model.runtime import Runtime
from complaintnlp.taxonomy import FAILURE_TYPE_IDS
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.training.calibrate import combined_scores, window_logits
from complaintnlp.training.dataset import model_text
from complaintnlp.training.own_check import check
from complaintnlp.training.own_data import COLUMNS, read_own_texts
from complaintnlp.training.own_types import NONE, load_own_types, load_type_names
from complaintnlp.training.retrain import RetrainOptions, RetrainReport, retrain

_OTHER_COLUMNS: Final = tuple(name for name in COLUMNS if name not in {"text", "failure_types"})


class ComplaintClassifier(BaseEstimator):  # type: ignore[misc]
    """A model folder, trained further on one's own labels.

    `fit` does what ``complaintnlp train --data`` does: a fifth of the texts is held out to measure, never trained on.

    Args:
        init: model folder to start from; the released model if None.
        folder: model folder to write; a temporary one, gone with the classifier, if None.
        taxonomy: file of one's own names and types of failures, see `complaintnlp.training.own_types`.
        epochs, frozen_layers, learning_rate, head_learning_rate, batch_tokens, seed: see
            `complaintnlp.training.retrain.RetrainOptions`.

    Attributes:
        classes_: failure types, in the order of the columns: the 13, then one's own.
        folder_: the new model; ``Analyzer.load(classifier.folder_)`` answers all else.
        report_: figures before and after.
    """

    classes_: tuple[str, ...]
    folder_: Path
    report_: RetrainReport

    def __init__(  # noqa: PLR0913 - scikit-learn wants every parameter by name
        self,
        init: str | Path | None = None,
        *,
        folder: str | Path | None = None,
        taxonomy: str | Path | None = None,
        epochs: int = RetrainOptions.epochs,
        frozen_layers: int | None = RetrainOptions.frozen_layers,
        learning_rate: float = RetrainOptions.learning_rate,
        head_learning_rate: float = RetrainOptions.head_learning_rate,
        batch_tokens: int = RetrainOptions.batch_tokens,
        seed: int = RetrainOptions.seed,
    ) -> None:
        self.init = init
        self.folder = folder
        self.taxonomy = taxonomy
        self.epochs = epochs
        self.frozen_layers = frozen_layers
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.batch_tokens = batch_tokens
        self.seed = seed

    def fit(self, texts: Sequence[str], failure_types: Iterable[Any] | None = None, **labels: Iterable[Any]) -> Self:
        """Train.

        Args:
            texts: as customers wrote them.
            failure_types: of each text a list of names, a string with ``;`` between them, or None where unknown; or a
                matrix ``(n, 13)`` of 0 and 1, own types in further columns. An empty list says that the text names no
                failure.
            **labels: further columns of docs/retraining.md, one value a text, None where unknown: ``primary``,
                ``intensity``, ``nps_class``, ``nps_score``, ``at_risk``, ``risk_reasons``, ``language``, ``id``,
                ``split``.

        Raises:
            InvalidInputError: a column is unknown or of another length, a label is wrong, or there are too few texts.
        """
        own_types = self._own_types()
        self.classes_ = (*FAILURE_TYPE_IDS, *(own.id for own in own_types))
        rows = self._rows(texts, {**({} if failure_types is None else {"failure_types": failure_types}), **labels})
        data = check(read_own_texts(enumerate(rows, start=1), self._type_names(), "texts"), own_types=own_types)
        out = Path(self.folder) if self.folder is not None else self._temporary_folder()
        options = RetrainOptions(
            epochs=self.epochs,
            frozen_layers=self.frozen_layers,
            learning_rate=self.learning_rate,
            head_learning_rate=self.head_learning_rate,
            batch_tokens=self.batch_tokens,
            seed=self.seed,
        )
        self.report_ = retrain(data, out, options, init=None if self.init is None else Path(self.init))
        self.folder_ = self.report_.folder
        self._model = read_model_folder(self.folder_)
        self._runtime = Runtime(self._model)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Calibrated probability of each class, ``(n, classes)``; NaN for a text in none of the four languages."""
        return self._answers(texts)[0]

    def predict(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Failure types of each text as 0 and 1, ``(n, classes)``; none for a text in none of the four languages."""
        return self._answers(texts)[1]

    def score(self, texts: Sequence[str], failure_types: Iterable[Any]) -> float:
        """Micro-F1 of `predict` over the texts whose failure types are known."""
        own = read_own_texts(
            enumerate(self._rows(texts, {"failure_types": failure_types}), start=1), self._type_names(), "texts"
        )
        known = [i for i, text in enumerate(own) if text.labels.failure_types is not None]
        gold = [[int(name in (own[i].labels.failure_types or ())) for name in self.classes_] for i in known]
        if not known:
            raise InvalidInputError("failure_types: no text has any; nothing can be scored")
        said = self.predict([texts[i] for i in known])
        return float(f1_score(np.array(gold), said, average="micro", zero_division=0.0))

    def _answers(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        if not hasattr(self, "folder_"):
            raise NotFittedError("this ComplaintClassifier is not fitted; call fit first")
        shape = (len(texts), len(self.classes_))
        probabilities, types = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
        found = [detect(normalize(text).text) for text in texts]
        rows = [i for i, language in enumerate(found) if language.code is not None and language.supported]
        if rows:
            codes = [str(found[i].code) for i in rows]
            read = (model_text(texts[i], code) for i, code in zip(rows, codes, strict=True))
            scores = combined_scores(window_logits(self._runtime, read), self._model.calibration)
            probabilities[rows] = np.hstack([scores.failure_types, scores.own_types])
            decisions = decide(scores, folder_policy(self._model), codes)
            types[rows] = np.hstack([decisions.failure_types, decisions.own_types])
        return probabilities, types

    def _temporary_folder(self) -> Path:
        scratch = Path(tempfile.mkdtemp(prefix="complaintnlp-"))
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        return scratch / "model"

    def _own_types(self) -> tuple[OwnType, ...]:
        kept = read_model_folder(self.init).own_types
        return load_own_types(None if self.taxonomy is None else Path(self.taxonomy), kept)

    def _type_names(self) -> dict[str, str]:
        return dict(load_type_names(None if self.taxonomy is None else Path(self.taxonomy), self._own_types()))

    def _rows(self, texts: Sequence[str], columns: dict[str, Iterable[Any]]) -> list[dict[str, str]]:
        unknown = ", ".join(set(columns) - {"failure_types", *_OTHER_COLUMNS})
        if unknown:
            raise InvalidInputError(f"{unknown}: no such label; allowed: failure_types, {', '.join(_OTHER_COLUMNS)}")
        cells = {name: [_cell(name, value, self.classes_) for value in values] for name, values in columns.items()}
        for name, values in cells.items():
            if len(values) != len(texts):
                raise InvalidInputError(f"{name}: {len(values)} values for {len(texts)} texts; give one a text")
        return [{"text": text, **{name: values[i] for name, values in cells.items()}} for i, text in enumerate(texts)]


def _cell(column: str, value: Any, classes: Sequence[str]) -> str:
    """A value as the cell of a table; see `own_data.parse_labels`."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if column == "failure_types" and isinstance(value, np.ndarray):
        if value.shape not in {(len(FAILURE_TYPE_IDS),), (len(classes),)}:
            raise InvalidInputError(f"failure_types: a matrix must have {len(classes)} columns")
        value = [name for name, given in zip(classes, value, strict=False) if given]
    if isinstance(value, (list, tuple, set, frozenset)):
        return ";".join(map(str, value)) or NONE
    return str(value)
