"""``numeric`` columns without a precision, as ``inspectdb`` declares them.

It writes ``DecimalField(max_digits=65535, decimal_places=65535)``, which is what the driver reports
for such a column. PostgreSQL means "any number of digits". REST framework would pad each value with
65,534 zeros, which Python's decimals refuse.
"""

from __future__ import annotations

from typing import Any

from rest_framework.serializers import DecimalField

UNCONSTRAINED = 65535
_stock_init = DecimalField.__init__


def _init(
    self: DecimalField,
    max_digits: int | None = None,
    decimal_places: int | None = None,
    *args: Any,
    **kwargs: Any,
) -> None:
    if max_digits == decimal_places == UNCONSTRAINED:
        max_digits = decimal_places = None
    _stock_init(self, max_digits, decimal_places, *args, **kwargs)


def install() -> None:
    """Let REST framework show and accept such numbers as they are."""
    DecimalField.__init__ = _init  # type: ignore[method-assign]  # in its place
