"""The OpenAPI 2.0 document."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator

from backend.openapi.answers import ResponseRef


class Components(openapi.ReferenceResolver):
    """drf-yasg's, and a place for answers that many operations share."""

    def __init__(self, *scopes: str, **options: Any) -> None:
        super().__init__(*scopes, ResponseRef.SCOPE, **options)


class RelativeSchemaGenerator(OpenAPISchemaGenerator):
    """Leaves host and scheme out of the document.

    Both then are, by OpenAPI 2.0's own rule, those the document was served
    under, which is right behind any proxy that ends HTTPS.
    https://spec.openapis.org/oas/v2.0.html#fixed-fields
    """

    reference_resolver_class = Components

    def get_schema(self, request: Any = None, public: bool = False) -> openapi.Swagger:
        document = super().get_schema(request, public)
        document.pop("host", None)
        document.pop("schemes", None)
        return document

    def get_path_parameters(self, path: str, view_cls: type) -> list[openapi.Parameter]:
        """With the types that the view tells of parameters that are no field of its model."""
        parameters = super().get_path_parameters(path, view_cls)
        told = getattr(view_cls, "path_parameter_schemas", dict)()
        for parameter in parameters:
            for name, value in told.get(parameter.name, {}).items():
                setattr(parameter, name, value)
        return parameters
