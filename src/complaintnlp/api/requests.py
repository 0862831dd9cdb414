"""From the bytes of a request to checked records, within the limits of the service.

The body is read and checked here rather than by fastapi because the limits must hold first: the
size before the body is in memory, the number of items before a million of them are validated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NoReturn

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from complaintnlp.api.problems import MAX_DETAILS, ErrorDetail, RequestProblem, describe, invalid_input
from complaintnlp.records import OWN_TYPES, Feedback, field_name

_FIELDS: Final = frozenset(Feedback.model_fields)


@dataclass(frozen=True, slots=True)
class AnalyzeRequest:
    """The feedbacks of a request; ``single`` where it held one bare `Feedback` instead of ``items``."""

    feedbacks: tuple[Feedback, ...]
    single: bool


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of ``request``.

    Raises:
        RequestProblem: 413 larger than ``max_bytes`` (the rest is not read), 415 not sent as JSON, 400 cut off.
    """
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise RequestProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON; send it with the header Content-Type: application/json",
        )
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except ClientDisconnect:
        raise RequestProblem(HTTPStatus.BAD_REQUEST, "incomplete_body", "the connection closed too early") from None
    return bytes(body)


def parse_analyze(body: bytes, max_items: int, own_types: tuple[str, ...] = ()) -> AnalyzeRequest:
    """Check the body of an analyze request; a previous complaint may name one of the model's ``own_types``.

    Raises:
        RequestProblem: 400 not JSON, 422 not one feedback or 1 to ``max_items`` valid ones.
    """
    data = _parse_json(body)
    details: list[ErrorDetail] = []
    if not (isinstance(data, dict) and "items" in data):
        feedback = _check(data, (), details, own_types)
        if feedback is None:
            raise invalid_input(details)
        return AnalyzeRequest((feedback,), single=True)

    items = data["items"]
    if not isinstance(items, list) or not items:
        raise invalid_input([ErrorDetail(field="items", message=f"must be a list of 1 to {max_items} feedbacks")])
    if len(items) > max_items:
        raise RequestProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "too_many_items",
            f"{len(items)} items, but at most {max_items} are allowed in one request; split it",
            [ErrorDetail(field="items", message=f"must be a list of 1 to {max_items} feedbacks")],
        )
    _check_keys(data, frozenset({"items"}), (), details)
    feedbacks = []
    for index, item in enumerate(items):
        feedback = _check(item, ("items", index), details, own_types)
        if feedback is not None:
            feedbacks.append(feedback)
        if len(details) > MAX_DETAILS:
            break
    if details:
        raise invalid_input(details)
    return AnalyzeRequest(tuple(feedbacks), single=False)


def _too_large(max_bytes: int) -> RequestProblem:
    return RequestProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body_too_large",
        f"the body is larger than the allowed {max_bytes:,} bytes; split it into several requests",
    )


def _parse_json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # Only the position is told: the message of some decoding errors quotes the body.
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise RequestProblem(
            HTTPStatus.BAD_REQUEST, "invalid_json", f"the body is not valid JSON in UTF-8{place}"
        ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(
    data: Any, where: tuple[object, ...], details: list[ErrorDetail], own_types: tuple[str, ...]
) -> Feedback | None:
    """The feedback that ``data`` describes, or None with the problems added to ``details``."""
    if not isinstance(data, dict):
        example = '{"text": "..."}' if where else '{"text": "..."} or {"items": [{"text": "..."}]}'
        details.append(ErrorDetail(field=field_name(where) or "body", message=f"must be an object such as {example}"))
        return None
    before = len(details)
    _check_keys(data, _FIELDS, where, details)
    try:
        fields = {name: value for name, value in data.items() if name in _FIELDS}
        feedback = Feedback.model_validate(fields, context={OWN_TYPES: own_types})
    except ValidationError as error:
        details += describe(error.errors(include_url=False, include_input=False), where)
        return None
    return feedback if len(details) == before else None


def _check_keys(
    data: dict[str, Any], allowed: frozenset[str], where: tuple[object, ...], details: list[ErrorDetail]
) -> None:
    unknown = [name for name in data if name not in allowed]
    for name in unknown[: MAX_DETAILS + 1]:
        message = f"unknown field; allowed: {', '.join(sorted(allowed))}"
        details.append(ErrorDetail(field=field_name((*where, name)), message=message))
