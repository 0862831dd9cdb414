"""`Analyzer`: a customer's words in, judgement and recovery plan out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final

from complaintnlp.errors import InvalidInputError
from complaintnlp.judgement.decide import Policy, decide
from complaintnlp.judgement.detractor import nps_result
from complaintnlp.judgement.severity import severity_of
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.records import (
    Analysis,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageResult,
    ModelInfo,
    RiskReason,
    RiskResult,
)
from complaintnlp.recovery.plan import make_plan
from complaintnlp.taxonomy import FAILURE_TYPE_IDS, RISK_REASON_IDS
from complaintnlp.text.language import detect
from complaintnlp.text.normalize import normalize
from complaintnlp.text.scripts import stands_in_script_of
from complaintnlp.text.transliterate import text_for_model

DOUBTFUL_LANGUAGE: Final = 0.6
"""Below this language confidence a person should look: the scores may rest on a misread language."""

_LOOK_AHEAD: Final = 16
"""Texts per worker that `Analyzer.analyze_many` reads ahead of the one it answers."""


class Analyzer:
    """Reads feedback with one model. Thread-safe; build it with `Analyzer.load`.

    Args:
        runtime: a loaded model.
        policy: its thresholds.
    """

    def __init__(self, runtime: Runtime, policy: Policy) -> None:
        self._runtime = runtime
        self._policy = policy
        self._info = ModelInfo(name=runtime.folder.name, version=runtime.folder.version)

    @classmethod
    def load(cls, model: str | Path | None = None) -> Analyzer:
        """Load a model folder; the released model by default.

        Raises:
            ModelFolderError: the folder is missing, damaged, or of another schema version.
        """
        folder = read_model_folder(model)
        policy = Policy.from_dict(folder.thresholds, str(folder.path))
        return cls(Runtime(folder), policy)

    @property
    def info(self) -> ModelInfo:
        """Name and version of the model."""
        return self._info

    def analyze(self, feedback: str | Mapping[str, Any] | Feedback) -> Analysis:
        """Answer one feedback.

        Args:
            feedback: a text, a mapping with the fields of `Feedback`, or a `Feedback`.

        Raises:
            InvalidInputError: a field is wrong; the message names it and what is allowed.
        """
        item = Feedback.parse(feedback)
        text = normalize(item.text)
        language = detect(text.text)
        # A given language settles what detection may doubt, but no word of the caller makes Cyrillic Turkish.
        conflict = False
        if language.code is not None and item.language is not None and language.code != item.language:
            conflict = not stands_in_script_of(text.text, item.language)
            if not conflict:
                language = LanguageResult(code=item.language, confidence=1.0, supported=True)
        if language.code is None or not language.supported:
            return self._unscored(item, language)
        return self._scored(item, text_for_model(text, language.code).text, language, conflict=conflict)

    def analyze_many(
        self, feedbacks: Iterable[str | Mapping[str, Any] | Feedback], *, workers: int | None = None
    ) -> Iterator[Analysis]:
        """Answer each feedback, in order, several side by side.

        Lazy: it reads ahead only a few texts per worker, so an endless input is fine. The answers are the
        same as those of `analyze`.

        Args:
            feedbacks: as for `analyze`.
            workers: texts analysed at once; by default one per CPU that this process may use.

        Raises:
            InvalidInputError: when the answer of an invalid feedback is due, or where ``workers`` is below 1.
        """
        if workers is not None and workers < 1:
            raise InvalidInputError(f"workers: {workers} is not allowed; give 1 or more, or leave it out")
        count = workers or _usable_cpus()
        source = iter(feedbacks)
        with ThreadPoolExecutor(max_workers=count, thread_name_prefix="complaintnlp") as pool:
            pending: deque[Future[Analysis]] = deque(
                pool.submit(self.analyze, item) for item in islice(source, count * _LOOK_AHEAD)
            )
            try:
                while pending:
                    answer = pending.popleft().result()
                    pending.extend(pool.submit(self.analyze, item) for item in islice(source, 1))
                    yield answer
            finally:
                for future in pending:
                    future.cancel()

    def _unscored(self, item: Feedback, language: LanguageResult) -> Analysis:
        """No scores are invented for a text that cannot be read; a survey's own answer still counts."""
        empty = language.code is None
        return Analysis(
            id=item.id,
            status="empty" if empty else "unsupported",
            language=language,
            nps=nps_result(None, item.nps_score),
            needs_review=not empty,
            review_reasons=() if empty else ("unsupported_language",),
            model=self._info,
        )

    def _scored(self, item: Feedback, text: str, language: LanguageResult, *, conflict: bool) -> Analysis:
        scores = self._runtime.scores(text)
        decisions = decide(scores, self._policy, [str(language.code)])
        chosen = [i for i in range(len(FAILURE_TYPE_IDS)) if decisions.failure_types[0, i]]
        chosen.sort(key=lambda i: -float(scores.failure_types[0, i]))
        primary = FAILURE_TYPE_IDS[decisions.primary[0]] if chosen else None
        reasons: tuple[RiskReason, ...] = tuple(
            reason  # type: ignore[misc]
            for reason, given in zip(RISK_REASON_IDS, decisions.risk_reasons[0], strict=True)
            if given
        )
        severity = severity_of(primary, [FAILURE_TYPE_IDS[i] for i in chosen], reasons)
        nps = nps_result(scores.nps[0], item.nps_score)
        assert nps is not None  # noqa: S101 - a scored text always has one
        review = []
        if decisions.needs_review[0]:
            review.append("low_confidence")
        if language.confidence < DOUBTFUL_LANGUAGE:
            review.append("doubtful_language")
        if conflict:
            review.append("language_conflict")
        return Analysis(
            id=item.id,
            status="scored",
            language=language,
            failure_types=tuple(
                FailureScore(code=FAILURE_TYPE_IDS[i], score=_rounded(scores.failure_types[0, i])) for i in chosen
            ),
            primary_failure=primary,
            intensity=IntensityResult(level=int(decisions.intensity[0]), score=_rounded(scores.expected_intensity[0])),
            nps=nps,
            at_risk=RiskResult(
                flag=bool(decisions.at_risk[0]), probability=_rounded(scores.at_risk[0]), reasons=reasons
            ),
            severity=severity,
            needs_review=bool(review),
            review_reasons=tuple(review),
            recovery=make_plan(primary, severity, nps.nps_class),
            model=self._info,
        )


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _usable_cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
