"""What Django's connections lack with psycopg 2. ``backend.databases.driver`` installs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import psycopg_any

# PostgreSQL's date, time, timestamp, and timestamptz, and the arrays of each:
# https://github.com/postgres/postgres/blob/REL_17_0/src/include/catalog/pg_type.dat
TIMES = {1082: 1182, 1083: 1183, 1114: 1115, 1184: 1185}
END_OF_DAY = "24:00:00"  # which psycopg would read as the beginning


def install() -> None:
    """Let values that Python does not have, such as dates BC, be PostgreSQL's text for them.

    Otherwise, one of them makes a list of rows an error.
    """
    extensions = psycopg_any.extensions  # type: ignore[attr-defined]  # the stubs know psycopg 3
    for oid, array in TIMES.items():
        stock = extensions.string_types[oid]
        made = extensions.new_type((oid,), stock.name, _or_text(stock))
        extensions.register_type(made)
        extensions.register_type(extensions.new_array_type((array,), f"{stock.name}ARRAY", made))


def _or_text(stock: Callable[[str | None, Any], Any]) -> Callable[[str | None, Any], Any]:
    def read(text: str | None, cursor: Any) -> Any:
        try:
            return text if text == END_OF_DAY else stock(text, cursor)
        except ValueError:
            return text

    return read
