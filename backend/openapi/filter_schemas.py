"""django-filter's parameters in REST framework's own schema: generateschema, get_schema_view.

REST framework asks each filter of a view to describe itself. The one of django-filter, which the
image makes the default, has no such method any more, and the schema of the whole project fails.
"""

from __future__ import annotations

import json
from typing import Any

from django_filters.rest_framework import DjangoFilterBackend

# Of a parameter in OpenAPI 3; everything else describes its value.
OUTER = ("name", "in", "description", "required")
# Of Swagger 2.0 alone: in OpenAPI 3 a list is repeated by default.
DROPPED = ("collectionFormat",)


def parameters(self: DjangoFilterBackend, view: Any) -> list[dict[str, Any]]:
    """The parameters of the view's FilterSet as OpenAPI 3 has them."""
    from backend.openapi import filters  # imports drf-yasg, which a start need not

    described = []
    for each in filters.of_view(self, view):
        outer = {name: each[name] for name in OUTER if name in each}
        value = {name: each[name] for name in each if name not in (*OUTER, *DROPPED)}
        described.append({**outer, "schema": value})
    # Plain dictionaries and texts, for every renderer.
    plain: list[dict[str, Any]] = json.loads(json.dumps(described, default=str))
    return plain


def install() -> None:
    """Let it describe itself, where it does not."""
    if not hasattr(DjangoFilterBackend, "get_schema_operation_parameters"):
        DjangoFilterBackend.get_schema_operation_parameters = parameters
