"""A ``numeric`` column without precision, as ``inspectdb`` declares it.

It writes ``DecimalField(max_digits=65535, decimal_places=65535)``: what the driver says of such a
column, where PostgreSQL means "as many as there are". REST framework would fill each value up
with 65,534 zeros, which Python's decimals refuse.
"""

from __future__ import annotations

from typing import Any

from rest_framework.serializers import DecimalField

UNCONSTRAINED = 65535
_stock_init = DecimalField.__init__


def _init(
    self: DecimalField,
    max_digits: int | None,
    decimal_places: int | None,
    *args: Any,
    **kwargs: Any,
) -> None:
    if max_digits == decimal_places == UNCONSTRAINED:
        max_digits = decimal_places = None
    _stock_init(self, max_digits, decimal_places, *args, **kwargs)


def install() -> None:
    """Have REST framework show and take such numbers as they are."""
    DecimalField.__init__ = _init  # type: ignore[method-assign]  # in its place
