"""The prediction service: `create_app` builds it.

Texts are analysed in worker threads, so that health checks answer while a large request is scored.
What customers wrote is never logged and never part of an error.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, create_model
from pydantic import Field as SchemaField
from pydantic.json_schema import models_json_schema

from complaintnlp.api import problems
from complaintnlp.api.problems import ErrorBody, RequestProblem, log_without_values
from complaintnlp.api.requests import AnalyzeRequest, parse_analyze, read_body
from complaintnlp.api.settings import Settings
from complaintnlp.errors import ComplaintNLPError, InvalidInputError
from complaintnlp.records import Analysis, Feedback, ModelInfo, Record
from complaintnlp.recovery.plan import make_plan

API_VERSION: Final = "1"
"""Version of the interface, as in the paths; it changes only when a client would break."""

PROBE: Final = Feedback(text="The parcel came two weeks late and nobody answers my e-mails.", language="en")
"""Sentence that the readiness check has scored: a loaded model that cannot answer is not ready."""


class FeedbackAnalyzer(Protocol):
    """The part of `complaintnlp.analyzer.Analyzer` that the service needs."""

    @property
    def info(self) -> ModelInfo:
        """Name and version of the model."""

    @property
    def own_types(self) -> tuple[str, ...]:
        """Ids of the model's own failure types."""

    def analyze(self, feedback: Feedback, /, *, evidence: bool = False) -> Analysis:
        """Answer one feedback."""

    def analyze_many(
        self, feedbacks: Iterable[Feedback], /, *, workers: int | None = None, evidence: bool = False
    ) -> Iterator[Analysis]:
        """Answer each feedback, in order, ``workers`` of them at once."""


class AnalysisList(Record):
    """The answers for ``items``, in the same order."""

    results: tuple[Analysis, ...]


class Live(BaseModel):
    """The process is up."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The model is loaded and has answered the probe sentence."""

    status: Literal["ready"] = "ready"
    model: ModelInfo


@dataclass
class Service:
    """What the endpoints share: settings, the analyzer once it is loaded, else the reason why it is not."""

    settings: Settings
    analyzer: FeedbackAnalyzer | None = None
    not_ready: str = "the model is not loaded yet"
    # More texts at once than there are cores only make all of them slower. Each request analyses one at a time.
    limiter: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_usable_cpus()))


def _usable_cpus() -> int:
    """CPUs that this process may use: in a container often fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def load_analyzer(model: Path | None) -> FeedbackAnalyzer:
    """Load the released model, or the one in the folder ``model``.

    Raises:
        ModelFolderError: the folder is missing, incomplete or of another schema version.
    """
    from complaintnlp.analyzer import Analyzer  # noqa: PLC0415 - loads ONNX Runtime, which building the app need not

    return Analyzer.load(model)


def create_app(settings: Settings | None = None, analyzer: FeedbackAnalyzer | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: read from the environment where not given.
        analyzer: answers the requests; where not given it is loaded when the application starts. A model
            that cannot be loaded leaves the service up, not ready, and telling why.

    Raises:
        ConfigurationError: an environment variable is unknown or holds a value that is not allowed.
    """
    service = Service(settings or Settings.from_environment(), analyzer)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if service.analyzer is None:
            try:
                service.analyzer = await to_thread.run_sync(load_analyzer, service.settings.model)
            except ComplaintNLPError as error:
                service.not_ready = str(error)
                problems.logger.error("the model cannot be loaded: %s", error)
        yield

    app = FastAPI(
        title="complaintnlp",
        version=API_VERSION,
        summary="Reads customer feedback in Turkish, Chinese, Armenian and English.",
        description=(
            "For each text: what failed, how strongly the customer feels, the NPS class, whether the customer "
            "may leave and why, and a recovery plan. A text in another language, or with nothing to read, is "
            "answered with `status` `unsupported` or `empty` and no scores."
        ),
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_tags=[
            {"name": "analysis", "description": "Customer feedback in, judgements and recovery plans out."},
            {"name": "health", "description": "For load balancers and orchestrators."},
        ],
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(_ROUTER)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _example_plan() -> dict[str, Any]:
    plan = make_plan("delay_wait", "S3", "detractor")
    return plan.model_copy(update={"steps": plan.steps[:2]}).to_dict()


_ANSWER_EXAMPLE: Final[dict[str, Any]] = {
    "id": "tr-1",
    "status": "scored",
    "language": {"code": "tr", "confidence": 0.99, "supported": True},
    "failure_types": [{"code": "delay_wait", "score": 0.94}, {"code": "support_unresolved", "score": 0.88}],
    "primary_failure": "delay_wait",
    "intensity": {"level": 2, "score": 2.1},
    "nps": {
        "class": "detractor",
        "probabilities": {"detractor": 0.95, "passive": 0.04, "promoter": 0.01},
        "source": "text",
    },
    "at_risk": {"flag": True, "probability": 0.71, "reasons": ["R3"]},
    "severity": "S3",
    "needs_review": False,
    "review_reasons": [],
    "recovery": _example_plan(),
    "model": {"name": "complaintnlp-small", "version": "1"},
}

_EXAMPLE_NOTE: Final = "The plan is cut to its first two steps."

_ROUTER: Final = APIRouter()
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One analysis, or `results` in the order of `items`.",
        "content": {
            "application/json": {
                "examples": {
                    "one feedback": {"summary": _EXAMPLE_NOTE, "value": _ANSWER_EXAMPLE},
                    "several feedbacks": {"summary": _EXAMPLE_NOTE, "value": {"results": [_ANSWER_EXAMPLE]}},
                }
            }
        },
    },
    400: {"model": ErrorBody, "description": "The body is not JSON."},
    413: {"model": ErrorBody, "description": "The body is too large."},
    415: {"model": ErrorBody, "description": "The body was not sent as JSON."},
    422: {"model": ErrorBody, "description": "A field is wrong, or there are too many items. Texts are not repeated."},
    500: {"model": ErrorBody, "description": "A fault of the service."},
    503: {"model": ErrorBody, "description": "No model is loaded."},
}


@_ROUTER.get("/", include_in_schema=False)
async def _root() -> RedirectResponse:
    return RedirectResponse("/docs")


@_ROUTER.post(
    "/v1/analyze",
    operation_id="analyze",
    tags=["analysis"],
    summary="Analyse one feedback, or several",
    description="Send one feedback and get one analysis, or `items` and get `results` in the same order. With "
    "`?evidence=true` each answer also quotes the words that its labels rest on; it then takes about twice as long.",
    response_model=Analysis | AnalysisList,
    responses=_RESPONSES,
)
async def _analyze(request: Request, evidence: bool = False) -> Response:
    service = _service(request)
    body = await read_body(request, service.settings.max_body_bytes)
    answer = await to_thread.run_sync(partial(_answer, service, body, evidence=evidence), limiter=service.limiter)
    return Response(answer, media_type="application/json")


@_ROUTER.get("/health/live", operation_id="health_live", tags=["health"], summary="Is the process up?")
async def _live() -> Live:
    return Live()


@_ROUTER.get(
    "/health/ready",
    operation_id="health_ready",
    tags=["health"],
    summary="Can texts be analysed?",
    responses={503: {"model": ErrorBody, "description": "Not now; the message says why."}},
)
def _ready(request: Request) -> Ready:
    service = _service(request)
    if service.analyzer is None:
        raise _unavailable(service.not_ready)
    try:
        status = service.analyzer.analyze(PROBE).status
    except Exception as error:  # noqa: BLE001 - whatever breaks the probe, the answer is "not ready"
        log_without_values("the readiness probe failed", error)
        raise _unavailable(f"the model failed on the probe sentence ({type(error).__name__})") from None
    if status != "scored":
        raise _unavailable(f"the model answered the probe sentence with status {status!r} instead of 'scored'")
    return Ready(model=service.analyzer.info)


def _service(request: Request) -> Service:
    return cast("Service", request.app.state.service)


def _unavailable(reason: str) -> RequestProblem:
    return RequestProblem(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", reason)


def _answer(service: Service, body: bytes, *, evidence: bool) -> bytes:
    """Parse, analyse and serialise: everything that costs CPU time, so that one thread does it all."""
    own_types = () if service.analyzer is None else service.analyzer.own_types
    request = parse_analyze(body, service.settings.max_items, own_types)
    if service.analyzer is None:
        raise _unavailable("no model is loaded; /health/ready says why")
    try:
        return _analyze_all(service.analyzer, request, evidence=evidence).model_dump_json(by_alias=True).encode()
    except InvalidInputError as error:
        log_without_values("the analyzer refused a feedback", error)
        raise RequestProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", "a feedback cannot be analysed; check its fields"
        ) from None
    except Exception as error:  # noqa: BLE001 - left alone, the server would log a message that may quote the text
        log_without_values("analysing a request failed", error)
        raise RequestProblem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "the service failed on this request; its log says where"
        ) from None


def _analyze_all(analyzer: FeedbackAnalyzer, request: AnalyzeRequest, *, evidence: bool) -> Analysis | AnalysisList:
    # Due times need a beginning: without a date of writing, the moment of the request.
    received = datetime.now(UTC)
    feedbacks = [
        item if item.created_at else item.model_copy(update={"created_at": received}) for item in request.feedbacks
    ]
    if request.single:
        return analyzer.analyze(feedbacks[0], evidence=evidence)
    # One worker: the service's limiter shares the cores out among requests.
    results = tuple(analyzer.analyze_many(feedbacks, workers=1, evidence=evidence))
    if len(results) != len(request.feedbacks):
        raise RuntimeError(f"{len(request.feedbacks)} feedbacks, but {len(results)} analyses")
    return AnalysisList(results=results)


_REQUEST_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "one feedback": {
        "value": {
            "id": "tr-1",
            "text": "Üç haftadır kargom gelmedi, beş kere aradım kimse ilgilenmiyor.",
            "channel": "email",
            "created_at": "2026-09-14T09:30:00+03:00",
        }
    },
    "several feedbacks": {
        "value": {
            "items": [
                {"id": "zh-1", "text": "房间有霉味，空调也不制冷。", "rating": 2},
                {"id": "hy-1", "text": "Երկրորդ անգամ ապրանքը ջարդված եկավ։", "nps_score": 3},
                {"id": "en-1", "text": "Great, another delay. You guys are amazing at this.", "language": "en"},
            ]
        }
    },
}


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the request body that the service reads itself."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    limit = _service_of(app).settings.max_items
    feedback_list = create_model(
        "FeedbackList",
        __config__=ConfigDict(extra="forbid"),
        __doc__=f"1 to {limit} feedbacks.",
        items=(list[Feedback], SchemaField(min_length=1, max_length=limit)),
    )
    template = "#/components/schemas/{model}"
    _, definitions = models_json_schema(
        [(Feedback, "validation"), (feedback_list, "validation")], ref_template=template
    )
    schema["components"]["schemas"] |= definitions["$defs"]
    schema["paths"]["/v1/analyze"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"$ref": template.format(model=name)} for name in ("Feedback", "FeedbackList")]},
                "examples": _REQUEST_EXAMPLES,
            }
        },
    }
    app.openapi_schema = schema
    return schema


def _service_of(app: FastAPI) -> Service:
    return cast("Service", app.state.service)
