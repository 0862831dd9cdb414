"""Texts to scores on ONNX Runtime.

Every text runs alone and unpadded: dynamic int8 results would otherwise depend on the padding and on the
other texts of a batch, and on the machines that the model is made for it is also the fastest way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from complaintnlp.errors import ModelFolderError
from complaintnlp.model.folder import ModelFolder
from complaintnlp.model.scores import LOGIT_COUNT, Scores, combine_windows, scores_from_logits

OUTPUTS: Final = ("logits", "token_weights", "token_votes")
"""Outputs of the graph. A model may lack the last two: it then gives no evidence."""

_ERRORS_ONLY: Final = 3


@dataclass(frozen=True, slots=True)
class TokenVotes:
    """What each output looked at in one window of a text; with own failure types the outputs are that many more.

    Attributes:
        spans: ``(tokens, 2)`` half-open character ranges in the text; those of the framing tokens are empty.
        weights: ``(tokens, LOGIT_COUNT)``, of each output 1 in all.
        votes: ``(tokens, LOGIT_COUNT)``; a logit is the weighted mean of its votes plus the output's bias.
        logits: ``(LOGIT_COUNT,)``.
    """

    spans: NDArray[np.int64]
    weights: NDArray[np.float32]
    votes: NDArray[np.float32]
    logits: NDArray[np.float32]


class Runtime:
    """A loaded model. Thread-safe: ONNX Runtime and the tokenizer both allow concurrent calls.

    Args:
        folder: a checked model folder.
        threads: threads inside one inference. One is best for throughput: run several texts side by side.

    Raises:
        ModelFolderError: the ONNX file or the tokenizer is damaged, or the model's output has another layout.
    """

    def __init__(self, folder: ModelFolder, *, threads: int = 1) -> None:
        self.folder = folder
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Every text has its own shape, so remembered allocation patterns would only grow.
        options.enable_mem_pattern = False
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(folder.model_file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises many types of its own, none with a common root
            raise ModelFolderError(
                f"{folder.model_file} cannot be loaded: {_first_line(error)}; export again"
            ) from error
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        width = LOGIT_COUNT + len(folder.own_types)
        if outputs.get(OUTPUTS[0], [])[-1:] != [width]:
            raise ModelFolderError(
                f"{folder.model_file} must have an output 'logits' of width {width}, "
                f"it has {list(outputs.items())}; export the model again"
            )
        self.gives_evidence = set(OUTPUTS) <= set(outputs)
        try:
            self._tokenizer = Tokenizer.from_file(str(folder.tokenizer_file))
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelFolderError(f"{folder.tokenizer_file} cannot be loaded: {_first_line(error)}") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        frame = self._tokenizer.encode("").ids
        if len(frame) != 2:
            raise ModelFolderError(f"{folder.tokenizer_file} must put one token before and one after a text")
        self._first, self._last = frame

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of the windows that a text is read in; one for all but long texts."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [[self._first, *ids[part], self._last] for part in self._parts(len(ids))]

    def _parts(self, length: int) -> list[slice]:
        room = self.folder.max_tokens - 2
        step = room - self.folder.window_overlap
        starts = range(0, max(1, length - self.folder.window_overlap), step)
        return [slice(start, start + room) for start in starts]

    def logits(self, text: str) -> NDArray[np.float32]:
        """Logits ``(windows, outputs)`` of one normalised text."""
        return np.stack([self._run(window, OUTPUTS[:1])[0] for window in self.windows(text)])

    def token_votes(self, text: str) -> list[TokenVotes]:
        """What each output looked at, window by window.

        Raises:
            ModelFolderError: the model was exported without these outputs.
        """
        if not self.gives_evidence:
            raise ModelFolderError(f"{self.folder.model_file} gives no evidence; export the model again")
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        windows = []
        for part in self._parts(len(encoding.ids)):
            logits, weights, votes = self._run([self._first, *encoding.ids[part], self._last], OUTPUTS)
            spans = np.array([(0, 0), *encoding.offsets[part], (0, 0)], dtype=np.int64)
            windows.append(TokenVotes(spans, weights, votes, logits))
        return windows

    def _run(self, window: list[int], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        ids = np.asarray([window], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        return [output[0] for output in self._session.run(list(outputs), feed)]

    def scores(self, text: str) -> Scores:
        """Calibrated scores of one normalised text, its windows combined: one row."""
        return combine_windows(scores_from_logits(self.logits(text), self.folder.calibration))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
