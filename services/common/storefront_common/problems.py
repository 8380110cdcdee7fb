"""Errors as `application/problem+json` (RFC 9457), the same for every service."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from storefront_common import openapi

logger = structlog.stdlib.get_logger(__name__)

_SHOWN_LENGTH = 200


_SCHEMA: openapi.Document = {
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The status, in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What the client can do about it."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "value", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Its path in the request: `price.amount`."},
                    "value": {"description": "What was given, shortened."},
                    "message": {"type": "string"},
                },
            },
        },
    },
}


class Problem(Exception):  # noqa: N818 the name that RFC 9457 gives it
    """An answer that is an error. `detail` tells the client what to do next; it never holds internals."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The HTTP response for this problem."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
        }
        body["detail"] = self.detail
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        return JSONResponse(
            body, self.status.value, headers=self.headers, media_type="application/problem+json"
        )


class InvalidInputError(Problem):
    """One field of the request has a value that is not allowed (422)."""

    def __init__(self, field: str, value: object, message: str) -> None:
        super().__init__(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{field}: {message}",
            errors=[{"field": field, "value": shown(value), "message": message}],
        )


def shown(value: object) -> Any:
    """`value` as something short that every JSON encoder accepts."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else shown(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem document, and say so in its OpenAPI document."""
    openapi.extend(app, _describe)

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        return Problem(status, str(error.detail), headers=error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return _validation_problem(error).response()

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises the error again after this answer; the request log holds its traceback.
        return Problem(
            HTTPStatus.INTERNAL_SERVER_ERROR, "An error on our side. It was logged; try again later."
        ).response()


def _describe(document: openapi.Document) -> None:
    schema = openapi.component(document, "schemas", "Problem", _SCHEMA)
    answer = {"description": "Why not", "content": {"application/problem+json": {"schema": schema}}}
    for operation in openapi.operations(document):
        # What FastAPI would answer to invalid input; ours is a problem as well.
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = answer
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)


def _validation_problem(error: RequestValidationError) -> Problem:
    problems = error.errors()
    # A malformed part of the path cannot be the address of anything.
    if any(problem["loc"][:1] == ("path",) for problem in problems):
        return Problem(HTTPStatus.NOT_FOUND, "Nothing is at this address.")
    errors = [
        {"field": _field(problem["loc"]), "value": _value(problem), "message": str(problem["msg"])}
        for problem in problems
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:5])
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _field(location: Sequence[str | int]) -> str:
    """`("body", "price", "amount")` → `price.amount`; the part of the request is named only when alone."""
    path = [str(part) for part in location[1:] if not (location[0] == "body" and isinstance(part, int))]
    return ".".join(path) or str(location[0])


def _value(problem: Mapping[str, Any]) -> Any:
    # A missing field's input is the object around it: not its value.
    return None if problem["type"] == "missing" else shown(problem.get("input"))
