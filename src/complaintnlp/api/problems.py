"""What the service answers when a request cannot be served: one body for every error.

    {"error": {"code": "...", "message": "...", "details": [{"field": "...", "message": "..."}]}}

No error repeats what the customer wrote: fastapi's own validation answer holds the input, so it is replaced here.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from complaintnlp.records import describe_problem, field_name

logger = logging.getLogger(__name__)

MAX_DETAILS: Final = 100
"""Most details in one answer, so that a hostile body cannot ask for an answer larger than itself."""


class ErrorDetail(BaseModel):
    """One thing to correct: where it stands in the request, and what is wrong or allowed there."""

    field: str
    message: str


class ErrorInfo(BaseModel):
    """What went wrong: a stable code for programs, a sentence for people, and the single problems."""

    code: str
    message: str
    details: list[ErrorDetail] = []


class ErrorBody(BaseModel):
    """The body of every answer that is not a success."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "error": {
                    "code": "invalid_input",
                    "message": "1 problem in the request; correct it and send it again",
                    "details": [{"field": "items.3.rating", "message": "Input should be less than or equal to 5"}],
                }
            }
        }
    )

    error: ErrorInfo


class RequestProblem(Exception):  # noqa: N818 - "error" would suggest a fault of the service
    """A request that cannot be served; raised anywhere below an endpoint, answered as an `ErrorBody`."""

    def __init__(self, status: int, code: str, message: str, details: Iterable[ErrorDetail] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.info = ErrorInfo(code=code, message=message, details=list(details))


def describe(errors: Iterable[Mapping[str, Any]], where: tuple[object, ...] = ()) -> list[ErrorDetail]:
    """Pydantic's error dictionaries as details, without the input that they refer to."""
    return [
        ErrorDetail(
            field=field_name((*where, *error["loc"])) or "body",
            message=describe_problem(error["type"], str(error["msg"])),
        )
        for error in errors
    ]


def invalid_input(details: list[ErrorDetail]) -> RequestProblem:
    """The answer 422 with at most `MAX_DETAILS` of ``details``."""
    shown = details[:MAX_DETAILS]
    if len(details) > MAX_DETAILS:
        message = f"more than {MAX_DETAILS} problems in the request, the first {MAX_DETAILS} are listed; correct them"
    else:
        message = f"{len(details)} problem{'s'[: len(details) != 1]} in the request; correct and send it again"
    return RequestProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", message, shown)


def log_without_values(event: str, error: Exception) -> None:
    """Log an unexpected error by its type and the places it passed.

    Its message is left out on purpose: an error raised while a text is read often quotes that text.
    """
    places = " < ".join(
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(traceback.extract_tb(error.__traceback__))
    )
    logger.error("%s: %s at %s", event, type(error).__name__, places)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` answer with an `ErrorBody`."""
    app.add_exception_handler(RequestProblem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


def _answer(status: int, info: ErrorInfo, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorBody(error=info).model_dump(), status_code=status, headers=headers)


async def _on_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestProblem)  # noqa: S101 - the signature that starlette asks for is wider
    return _answer(error.status, error.info)


async def _on_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    problem = invalid_input(describe(error.errors()))
    return _answer(problem.status, problem.info)


async def _on_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    info = ErrorInfo(code=phrase.lower().replace(" ", "_"), message=f"{phrase}; the paths are listed at /docs")
    return _answer(error.status_code, info, error.headers)
