"""How many rows a page can have."""

from __future__ import annotations

from typing import Any

from django.db import connections
from rest_framework import exceptions
from rest_framework.request import Request

from backend.conf.variables import setting


def maximum(own: int | None, default: int | None) -> int:
    """The most rows of a page: the class's own or MAX_PAGE_SIZE, but at least the default."""
    return max(own or setting("MAX_PAGE_SIZE"), default or 0)


def digits(text: str) -> str:
    """``text`` if it is a whole number in the usual notation. Raises ValueError.

    Python's int() accepts 1_0, and the digits of every script.
    """
    number = text.strip(" ")
    if not (number.isascii() and number.isdigit()):
        raise ValueError(text)
    return number


def check_limit(request: Request, parameter: str, most: int, view: Any) -> None:
    """Raise ValidationError if the client asks for more than ``most`` rows in one page."""
    given = request.query_params.get(parameter, "")
    try:
        too_many = int(digits(given)) > most
    except ValueError:
        return
    if not too_many:
        return
    instead = "Ask for smaller pages, and follow their `next`."
    if formats := _streams(view):
        instead = (
            f"Ask for all rows as one stream, with ?format={formats[0]}, or for smaller pages."
        )
    raise exceptions.ValidationError(
        {parameter: f"{given} is above the maximum of {most} rows per page. {instead}"}
    )


def _streams(view: Any) -> list[str]:
    """The formats that can stream this whole list."""
    if not hasattr(view, "stream_formats") or getattr(view, "action", "list") != "list":
        return []
    queryset = view.get_queryset()
    return view.stream_formats(queryset) if connections[queryset.db].vendor == "postgresql" else []
