"""`Analyzer`: a customer's words in, judgement and recovery plan out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from complaintnlp.errors import InvalidInputError
from complaintnlp.judgement.decide import Decisions, Policy, decide, folder_policy, named_types
from complaintnlp.judgement.detractor import nps_result
from complaintnlp.judgement.evidence import find_evidence, outputs_of
from complaintnlp.judgement.precision import precision_policy
from complaintnlp.judgement.risk import TextRisk, is_conditional_exit, score_risk
from complaintnlp.judgement.risk_policy import RiskPolicy, load_risk_policy, read_risk_policy
from complaintnlp.judgement.severity import SeverityAssessment, assess_severity
from complaintnlp.model.folder import read_model_folder
from complaintnlp.model.runtime import Runtime
from complaintnlp.model.scores import Scores
from complaintnlp.records import (
    Analysis,
    Evidence,
    FailureScore,
    Feedback,
    IntensityResult,
    LanguageCode,
    LanguageResult,
    ModelInfo,
    NpsResult,
    RecoveryPlan,
    RiskReason,
    RiskResult,
)
from complaintnlp.recovery.plan import make_plan
from complaintnlp.recovery.playbook import Playbook, load_playbook
from complaintnlp.recovery.reply import draft_reply
from complaintnlp.taxonomy import FAILURE_TYPES, RISK_REASON_IDS, Label
from complaintnlp.text.language import detect
from complaintnlp.text.model_text import text_for_model
from complaintnlp.text.normalize import NormalizedText, normalize
from complaintnlp.text.scripts import stands_in_script_of

DOUBTFUL_LANGUAGE: Final = 0.6
"""Below this language confidence a person should look: the scores may rest on a misread language."""

_LOOK_AHEAD: Final = 16
"""Texts per worker that `Analyzer.analyze_many` reads ahead of the one it answers."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read in one text.

    ``failures`` holds the probability of each named type, the highest first. Severity, plan and reply know the 13 types
    alone: ``handled_as`` and ``primary_handled_as`` hold those in place of the model's own.
    """

    text: NormalizedText
    language: LanguageCode
    scores: Scores
    decisions: Decisions
    failures: Mapping[str, float]
    primary: str | None
    handled_as: tuple[str, ...]
    primary_handled_as: str | None
    reasons: tuple[RiskReason, ...]
    nps: NpsResult
    severity: SeverityAssessment

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(self.failures)

    @property
    def intensity(self) -> int:
        return int(self.decisions.intensity[0])

    @property
    def repeated(self) -> bool:
        """An earlier attempt to put it right has failed."""
        return "R3" in self.reasons or any(cue.kind == "repeated" for cue in self.severity.cues)

    @property
    def repaired(self) -> bool:
        """It was put right already, and the customer does not speak against us."""
        cues = any(cue.kind == "repaired" for cue in self.severity.cues)
        return cues and self.nps.nps_class != "detractor" and not self.decisions.at_risk[0]


class Analyzer:
    """Reads feedback with one model. Thread-safe; build it with `Analyzer.load`.

    Args:
        runtime: a loaded model.
        policy: its thresholds; own failure types that it leaves out are not answered.
        playbook: a company's own; the packaged one by default.
        risk_policy: points of the at-risk score; the packaged ones by default.
    """

    def __init__(
        self,
        runtime: Runtime,
        policy: Policy,
        *,
        playbook: Playbook | None = None,
        risk_policy: RiskPolicy | None = None,
    ) -> None:
        self._runtime = runtime
        self._policy = policy
        self._playbook = playbook or load_playbook()
        self._risk_policy = risk_policy or load_risk_policy()
        self._info = ModelInfo(name=runtime.folder.name, version=runtime.folder.version)

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        playbook: Path | None = None,
        risk_policy: Path | None = None,
        precision: float | None = None,
    ) -> Analyzer:
        """Load a model folder; the released model by default.

        Args:
            model: the folder.
            playbook: a company's own rows, see `complaintnlp.recovery.playbook.load_playbook`.
            risk_policy: a file of its own points, such as ``complaintnlp fit-risk`` writes.
            precision: share of the answered failure types and risks that shall be right, one of
                `complaintnlp.judgement.precision.PRECISIONS`; thresholds of best F1 by default, and for the model's own
                failure types always.

        Raises:
            ModelFolderError: the folder is missing, damaged, or of another schema version, or has no thresholds for a
                wanted precision.
            InvalidInputError: another precision, or one that the model did not reach on the development split.
            ConfigurationError: the playbook or the policy is wrong; the message names file and key.
        """
        folder = read_model_folder(model)
        policy = folder_policy(folder)
        if precision is not None:
            policy = precision_policy(policy, folder.settings, precision, str(folder.path))
        points = read_risk_policy(risk_policy) if risk_policy else None
        return cls(Runtime(folder), policy, playbook=load_playbook(playbook), risk_policy=points)

    @property
    def info(self) -> ModelInfo:
        """Name and version of the model."""
        return self._info

    @property
    def failure_types(self) -> Mapping[str, Label]:
        """What an answer may name: the 13 failure types, then the model's own."""
        return MappingProxyType({**FAILURE_TYPES, **{own.id: own for own in self._policy.own_types}})

    @property
    def own_types(self) -> tuple[str, ...]:
        """Ids of the model's own failure types."""
        return tuple(own.id for own in self._policy.own_types)

    def analyze(
        self, feedback: str | Mapping[str, Any] | Feedback, *, evidence: bool = False, now: datetime | None = None
    ) -> Analysis:
        """Answer one feedback.

        Args:
            feedback: a text, a mapping with the fields of `Feedback`, or a `Feedback`.
            evidence: also give the words that each label rests on; about one more pass of the model.
            now: moment that the risk and, where ``created_at`` is not known, the due times hold for; it needs a time
                zone. By default the risk holds for the time of writing, or the present where that is not known.

        Raises:
            InvalidInputError: a field is wrong; the message names it and what is allowed.
        """
        item = Feedback.parse(feedback, self.own_types)
        if now is not None and now.tzinfo is None:
            raise InvalidInputError("now: it has no time zone; give one, such as datetime.now(UTC)")
        text = normalize(item.text)
        language = detect(text.text)
        # A given language settles what detection may doubt, but no word of the caller makes Cyrillic Turkish.
        conflict = False
        if language.code is not None and item.language is not None:
            conflict = language.code != item.language and not stands_in_script_of(text.text, item.language)
            if not conflict:
                language = LanguageResult(code=item.language, confidence=1.0, supported=True)
        if language.code is None or not language.supported:
            return self._unscored(item, language)
        reading = self._read(text_for_model(text, language.code), language.code, item)
        return self._scored(item, reading, language, conflict=conflict, evidence=evidence, now=now)

    def analyze_many(
        self,
        feedbacks: Iterable[str | Mapping[str, Any] | Feedback],
        *,
        workers: int | None = None,
        evidence: bool = False,
        now: datetime | None = None,
    ) -> Iterator[Analysis]:
        """Answer each feedback, in order, several side by side.

        Lazy: it reads ahead only a few texts per worker, so an endless input is fine. The answers are the
        same as those of `analyze`.

        Args:
            feedbacks: as for `analyze`.
            workers: texts analysed at once; by default one per CPU that this process may use.
            evidence: as for `analyze`.
            now: as for `analyze`.

        Raises:
            InvalidInputError: when the answer of an invalid feedback is due, or where ``workers`` is below 1.
        """
        if workers is not None and workers < 1:
            raise InvalidInputError(f"workers: {workers} is not allowed; give 1 or more, or leave it out")
        count = workers or _usable_cpus()
        source = iter(feedbacks)
        answer_one = partial(self.analyze, evidence=evidence, now=now)
        with ThreadPoolExecutor(max_workers=count, thread_name_prefix="complaintnlp") as pool:
            pending: deque[Future[Analysis]] = deque(
                pool.submit(answer_one, item) for item in islice(source, count * _LOOK_AHEAD)
            )
            try:
                while pending:
                    answer = pending.popleft().result()
                    pending.extend(pool.submit(answer_one, item) for item in islice(source, 1))
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

    def _judge(self, text: str, language: str) -> tuple[Scores, Decisions]:
        """What the model makes of one normalised text."""
        scores = self._runtime.scores(text)
        return scores, decide(scores, self._policy, [language])

    def _read(self, text: NormalizedText, language: str, item: Feedback) -> _Reading:
        """What the model and the cues say about one text."""
        scores, decisions = self._judge(text.text, language)
        failures, primary = named_types(scores, decisions, self._policy)
        handled_as = tuple(dict.fromkeys(self._policy.handled_as(code) for code in failures))
        primary_handled_as = self._policy.handled_as(primary) if primary else None
        reasons: tuple[RiskReason, ...] = tuple(
            reason  # type: ignore[misc]
            for reason, given in zip(RISK_REASON_IDS, decisions.risk_reasons[0], strict=True)
            if given
        )
        nps = nps_result(scores.nps[0], item.nps_score)
        assert nps is not None  # noqa: S101 - a scored text always has one
        return _Reading(
            text=text,
            language=language,  # type: ignore[arg-type]
            scores=scores,
            decisions=decisions,
            failures=failures,
            primary=primary,
            handled_as=handled_as,
            primary_handled_as=primary_handled_as,
            reasons=reasons,
            nps=nps,
            severity=assess_severity(
                primary_handled_as, handled_as, reasons, text, language, at_risk=bool(decisions.at_risk[0])
            ),
        )

    def _scored(
        self,
        item: Feedback,
        reading: _Reading,
        language: LanguageResult,
        *,
        conflict: bool,
        evidence: bool,
        now: datetime | None,
    ) -> Analysis:
        review = []
        if reading.decisions.needs_review[0]:
            review.append("low_confidence")
        if language.confidence < DOUBTFUL_LANGUAGE:
            review.append("doubtful_language")
        if conflict:
            review.append("language_conflict")
        risk = self._risk(item, reading, now)
        plan = self._plan(item, reading, risk, now)
        scores = reading.scores
        return Analysis(
            id=item.id,
            status="scored",
            language=language,
            failure_types=tuple(FailureScore(code=code, score=_rounded(p)) for code, p in reading.failures.items()),
            primary_failure=reading.primary,
            intensity=IntensityResult(level=reading.intensity, score=_rounded(scores.expected_intensity[0])),
            nps=reading.nps,
            at_risk=risk,
            severity=reading.severity.severity,
            needs_review=bool(review),
            review_reasons=tuple(review),
            recovery=plan,
            reply=self._reply(item, reading, plan),
            evidence=self._evidence(reading) if evidence else None,
            model=self._info,
        )

    def _risk(self, item: Feedback, reading: _Reading, now: datetime | None) -> RiskResult:
        text = TextRisk(
            probability=_rounded(reading.scores.at_risk[0]),
            flag=bool(reading.decisions.at_risk[0]),
            reasons=reading.reasons,
            conditional="R1" in reading.reasons
            and is_conditional_exit(reading.text.text, reading.language, self._risk_policy),
            nps_class=reading.nps.nps_class,
            intensity=reading.intensity,
            severity=reading.severity.severity,
            repaired_satisfied=reading.repaired,
            failure_types=(*reading.types, *reading.handled_as),
            created_at=item.created_at,
        )
        return score_risk(text, item.customer, now or item.created_at or datetime.now(UTC), self._risk_policy)

    def _plan(self, item: Feedback, reading: _Reading, risk: RiskResult, now: datetime | None) -> RecoveryPlan:
        plan = make_plan(
            reading.primary_handled_as,
            reading.severity.severity if reading.primary else None,
            reading.nps.nps_class,
            failure_types=reading.handled_as,
            intensity=reading.intensity,
            reasons=reading.reasons,
            at_risk=risk.flag,
            risk_band=risk.band,
            tier=item.customer.tier if item.customer else None,
            channel=item.channel,
            repeated=reading.repeated,
            repaired=reading.repaired,
            created_at=item.created_at,
            now=now,
            country=item.country,
            playbook=self._playbook,
        )
        wished = item.customer.preferred_channel if item.customer else None
        return plan.model_copy(update={"channel": f"{plan.channel}; customer prefers {wished}"}) if wished else plan

    def _reply(self, item: Feedback, reading: _Reading, plan: RecoveryPlan) -> str:
        wished = item.customer.preferred_language if item.customer else None
        return draft_reply(
            wished or reading.language,
            failure_types=tuple(dict.fromkeys((reading.primary_handled_as, *reading.handled_as)))
            if reading.primary_handled_as
            else (),
            severity=reading.severity.severity if reading.primary else None,
            nps_class=reading.nps.nps_class,
            intensity=reading.intensity,
            repeated=reading.repeated,
            repaired=reading.repaired,
            public=plan.public_reply,
            actions=tuple(step.action for step in plan.steps),
            compensation_band=plan.compensation_band,
            never_automatic=plan.never_automatic,
            seed=reading.text.text,
            slots={},
        )

    def _evidence(self, reading: _Reading) -> tuple[Evidence, ...]:
        outputs = outputs_of(reading.types, reading.reasons, emotional=reading.intensity > 0, own_types=self.own_types)
        found = find_evidence(self._runtime, reading.text.text, outputs)
        spans = [(label, *reading.text.original_span(span.start, span.end)) for label, span in found.items()]
        spans += [("severity", cue.start, cue.end) for cue in reading.severity.cues]
        return tuple(Evidence(label=label, start=start, end=end) for label, start, end in spans)


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _usable_cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
