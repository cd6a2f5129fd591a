"""The OpenAPI 2.0 document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator
from rest_framework.views import APIView

from backend.openapi import logins, omissions
from backend.openapi.error_responses import ResponseRef

# What REST framework or a database names: parameters, required properties, and choices.
NAMES = ("name", "required", "enum", "default")
UNDESCRIBED = "This operation cannot be described. The server's log says why."


class Components(openapi.ReferenceResolver):
    """drf-yasg's resolver, with a scope for responses that many operations share."""

    def __init__(self, *scopes: str, **options: Any) -> None:
        super().__init__(*scopes, ResponseRef.SCOPE, **options)

    def added(self, before: set[tuple[str, str]]) -> list[tuple[str, str]]:
        """Scope and name of each component that was added since ``before``."""
        return [each for each in self.known() if each not in before]

    def known(self) -> set[tuple[str, str]]:
        return {(scope, name) for scope, objects in self._objects.items() for name in objects}

    def remove(self, scope: str, name: str) -> None:
        del self._objects[scope][name]


class Document(openapi.Swagger):
    """drf-yasg's, with the blanks at the start of names, which it removes from every text."""

    def as_dict(self) -> dict[str, Any]:
        made: dict[str, Any] = _exact(self)
        return made


def _exact(value: Any, of: str = "") -> Any:
    """``value``, which is a member ``of`` this name, for JSON and YAML."""
    if isinstance(value, Mapping):
        return {str(name): _exact(each, str(name)) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_exact(each, of) for each in value]
    if isinstance(value, str) and of in NAMES:
        return value
    return openapi.SwaggerDict._as_dict(value, {})


class BrokenView(APIView):
    """A placeholder for a view that cannot be made without a client's request."""


class RelativeSchemaGenerator(OpenAPISchemaGenerator):
    """Leaves out host and scheme, and keeps operations that cannot be described.

    By default in OpenAPI 2.0, host and scheme are those that served the document. This is right
    behind any proxy that terminates HTTPS.
    https://spec.openapis.org/oas/v2.0.html#fixed-fields

    If the description of an operation raises an exception, the log names the operation, the
    document has it without details, and all others are unaffected.
    """

    reference_resolver_class = Components

    def get_schema(self, request: Any = None, public: bool = False) -> openapi.Swagger:
        document = super().get_schema(request, public)
        document.__class__ = Document
        document.pop("host", None)
        document.pop("schemes", None)
        return document

    def get_security_definitions(self) -> dict[str, Any] | None:
        return logins.definitions() or None

    def create_view(self, callback: Any, method: str, request: Any = None) -> APIView:
        try:
            view: APIView = super().create_view(callback, method, request)
        except Exception as error:  # noqa: BLE001  a team's code raises anything
            omissions.fail(omissions.name(callback.cls), "cannot be made", error)
            return BrokenView()
        return view

    def get_operation(
        self,
        view: Any,
        path: str,
        prefix: str,
        method: str,
        components: Components,
        request: Any,
    ) -> openapi.Operation | None:
        if isinstance(view, BrokenView):
            return _undescribed(path, method)
        before = components.known()
        try:
            operation = super().get_operation(view, path, prefix, method, components, request)
            if operation is not None:
                _assert_is_json(operation, components, before)
        # This includes RecursionError.
        except Exception as error:  # noqa: BLE001  a team's code raises anything
            for added in components.added(before):
                components.remove(*added)
            omissions.fail(omissions.name(type(view)), f"{method} {path} is not described", error)
            return _undescribed(path, method)
        return operation

    def get_paths_object(self, paths: dict[str, openapi.PathItem]) -> openapi.Paths:
        """Make operation IDs unique: tools that read the document use them as names."""
        seen: Counter[str] = Counter()
        for item in paths.values():
            operations: list[Any] = [each for each in item.values() if isinstance(each, dict)]
            for operation in operations:
                seen[operation.operation_id] += 1
                if seen[operation.operation_id] > 1:
                    operation.operation_id += f"_{seen[operation.operation_id]}"
        return super().get_paths_object(paths)

    def get_path_parameters(self, path: str, view_cls: type) -> list[openapi.Parameter]:
        """Add the view's types of parameters that are not fields of its model."""
        parameters: list[openapi.Parameter] = super().get_path_parameters(path, view_cls)
        schemas: dict[str, dict[str, Any]] = getattr(view_cls, "path_parameter_schemas", dict)()
        for parameter in parameters:
            for name, value in schemas.get(parameter.name, {}).items():
                setattr(parameter, name, value)
        return parameters


def _assert_is_json(
    operation: openapi.Operation, components: Components, before: set[tuple[str, str]]
) -> None:
    """Raise TypeError or ValueError for an operation that would break the whole document."""
    json.dumps(operation.as_dict(), allow_nan=False)
    for scope, name in components.added(before):
        json.dumps(components.get(name, scope).as_dict(), allow_nan=False)


def _undescribed(path: str, method: str) -> openapi.Operation:
    """An operation without details."""
    parts = [part for part in path.split("/") if part and "{" not in part] or ["root"]
    return openapi.Operation(
        operation_id="_".join([*parts, "undescribed", method.lower()]),
        description=UNDESCRIBED,
        responses=openapi.Responses({}, default=openapi.Response("Not known.")),
        parameters=[],
        tags=parts[:1],
    )
