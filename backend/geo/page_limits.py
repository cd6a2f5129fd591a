"""How many rows one page may have."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework import exceptions
from rest_framework.request import Request


def maximum(own: int | None, default: int | None) -> int:
    """Rows that a page may have: the class's own or MAX_PAGE_SIZE, never below the default."""
    return max(own or getattr(settings, "MAX_PAGE_SIZE", 10_000), default or 0)


def check_limit(request: Request, parameter: str, most: int, view: Any) -> None:
    """Raise ValidationError when the client asks for more rows in one page than ``most``."""
    given = request.query_params.get(parameter, "")
    try:
        too_many = int(given) > most
    except ValueError:
        return
    if not too_many:
        return
    if getattr(view, "stream_renderer_classes", None):
        instead = "Take all rows as one stream, with ?format=geojson, or smaller pages."
    else:
        instead = (
            "Take smaller pages, and follow their `next`. Streaming of all rows, with "
            "?format=geojson, is not switched on here."
        )
    raise exceptions.ValidationError(
        {parameter: f"{given} is over the maximum of {most} rows in a page. {instead}"}
    )
