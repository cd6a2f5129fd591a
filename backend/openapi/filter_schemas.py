"""django-filter's parameters in REST framework's own schema: generateschema, get_schema_view.

REST framework asks each filter backend of a view to describe its parameters. The image's default
is django-filter's, which no longer has this method, so the schema of the whole project fails.
"""

from __future__ import annotations

import json
from typing import Any

from django_filters.rest_framework import DjangoFilterBackend

# Members of a parameter in OpenAPI 3. Everything else describes its value.
OUTER = ("name", "in", "description", "required")
# Only in Swagger 2.0: OpenAPI 3 repeats the parameter of a list by default.
DROPPED = ("collectionFormat",)


def parameters(self: DjangoFilterBackend, view: Any) -> list[dict[str, Any]]:
    """The parameters of the view's FilterSet in the form of OpenAPI 3."""
    from backend.openapi import filters  # imports drf-yasg, which a start does not need

    described = []
    for each in filters.of_view(self, view):
        outer = {name: each[name] for name in OUTER if name in each}
        value = {name: each[name] for name in each if name not in (*OUTER, *DROPPED)}
        described.append({**outer, "schema": value})
    # Plain dictionaries and strings, for every renderer.
    plain: list[dict[str, Any]] = json.loads(json.dumps(described, default=str))
    return plain


def install() -> None:
    """Add the method, if django-filter does not have it."""
    if not hasattr(DjangoFilterBackend, "get_schema_operation_parameters"):
        DjangoFilterBackend.get_schema_operation_parameters = parameters
