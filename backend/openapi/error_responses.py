"""The error responses of an operation, which every view of REST framework has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from drf_yasg import openapi
from rest_framework import views

from backend.http.unavailable import exception_handler

JSON = "application/json"
ERROR = "Error"
RETRY_AFTER = {"Retry-After": {"type": "integer", "description": "Seconds to wait."}}
WORDS = {
    400: "A parameter or the body is invalid. The response names it.",
    401: "The credentials are missing or wrong.",
    403: "The credentials are missing or wrong, or do not permit this.",
    404: "The row, page, or format does not exist.",
    406: "None of the formats in the Accept header is available.",
    408: "The body is incomplete.",
    409: "It conflicts with other rows: one has this value, or refers to this row.",
    413: "The body is too large.",
    415: "The Content-Type of the body is not supported.",
    429: "Too many requests.",
    503: "A database that this request needs is unavailable, full, or too slow. Try again.",
}
NAMES = {status: HTTPStatus(status).phrase.replace(" ", "") for status in WORDS}
WITH_BODY = ("POST", "PUT", "PATCH")


class ResponseRef(openapi._Ref):
    """A response that the document has once, for all operations that share it."""

    SCOPE = "responses"

    def __init__(self, resolver: openapi.ReferenceResolver, name: str) -> None:
        super().__init__(resolver, name, self.SCOPE, openapi.Response)


def refusals(view: Any, method: str, components: openapi.ReferenceResolver) -> dict[str, Any]:
    """The error responses of ``method``, by status.

    They have no schema if the view handles exceptions in its own way.
    """
    described = _handler(view) in (exception_handler, views.exception_handler)
    responses = {}
    for status in _statuses(view, method):
        if described and ResponseRef.SCOPE in components.scopes:
            shared = components.with_scope(ResponseRef.SCOPE)
            shared.setdefault(NAMES[status], lambda: _refusal(status, components))  # noqa: B023
            responses[str(status)] = ResponseRef(shared, NAMES[status])
        else:
            responses[str(status)] = _refusal(status, components if described else None)
    return responses


def _refusal(status: int, components: openapi.ReferenceResolver | None) -> openapi.Response:
    options: dict[str, Any] = {}
    if components is not None:
        definitions = components.with_scope(openapi.SCHEMA_DEFINITIONS)
        definitions.setdefault(ERROR, _error)
        options["schema"] = openapi.SchemaRef(definitions, ERROR)
    if status in (429, 503):
        options["headers"] = RETRY_AFTER
    return openapi.Response(WORDS[status], **options)


def _statuses(view: Any, method: str) -> Iterator[int]:
    yield 400
    if view.get_authenticators():
        # REST framework's rule: 401 if the first authenticator has a WWW-Authenticate header.
        yield 401 if view.get_authenticate_header(view.request) else 403
    if view.get_permissions():
        yield 403
    yield from (404, 406)
    if method in WITH_BODY:
        yield from (408, 409, 413, 415)
    elif method == "DELETE":
        yield 409
    if view.get_throttles():
        yield 429
    yield 503


def _handler(view: Any) -> Callable[..., Any] | None:
    return view.get_exception_handler() if hasattr(view, "get_exception_handler") else None


def _error() -> openapi.Schema:
    return openapi.Schema(
        type=openapi.TYPE_OBJECT,
        description=(
            "`detail` says what is wrong, or a member for each invalid field or parameter does."
        ),
        properties={"detail": openapi.Schema(type=openapi.TYPE_STRING)},
        additional_properties=True,
    )
