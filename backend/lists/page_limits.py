"""How many rows one page may have."""

from __future__ import annotations

from typing import Any

from django.db import connections
from rest_framework import exceptions
from rest_framework.request import Request

from backend.conf.defaults import setting


def maximum(own: int | None, default: int | None) -> int:
    """Rows that a page may have: the class's own or MAX_PAGE_SIZE, never below the default."""
    return max(own or setting("MAX_PAGE_SIZE"), default or 0)


def digits(text: str) -> str:
    """``text`` where it is a whole number as everybody writes one. Raises ValueError.

    Python's int() takes 1_0, and the digits of every script.
    """
    number = text.strip(" ")
    if not (number.isascii() and number.isdigit()):
        raise ValueError(text)
    return number


def check_limit(request: Request, parameter: str, most: int, view: Any) -> None:
    """Raise ValidationError when the client asks for more rows in one page than ``most``."""
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
    """The formats in which this very list can be had as a whole."""
    if not hasattr(view, "stream_formats") or getattr(view, "action", "list") != "list":
        return []
    queryset = view.get_queryset()
    return view.stream_formats(queryset) if connections[queryset.db].vendor == "postgresql" else []
