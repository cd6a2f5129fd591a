"""Converts the ``extra=`` of a logger to JSON data, without the secrets in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from backend.conf.secret_vocabulary import MASK, is_secret, mask, mask_forms, secret_members

DEEPEST = 20  # levels of dictionaries and lists
LONGEST = 4000  # bits of an integer: Python refuses to print more than 4300 digits


def plain(name: str, value: Any) -> Any:
    """``value`` as JSON's own types. Nothing is lost: other types become text."""
    return _plain(value, is_secret(name), ())


def text_of(value: object, write: Callable[[Any], str] = str) -> str:
    """The text of an object, even if its ``__str__`` fails."""
    try:
        return write(value)
    except Exception as error:  # noqa: BLE001  a team's code raises anything
        kind = type(value)
        return f"<{kind.__module__}.{kind.__qualname__}: {type(error).__name__} when shown>"


def _plain(value: Any, secret: bool, above: tuple[int, ...]) -> Any:
    """``above``: the ids of the containers that enclose it."""
    if value is None or isinstance(value, bool):
        return value
    if secret:
        return MASK
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        if id(value) in above or len(above) == DEEPEST:
            return f"<{type(value).__name__}: {'circular' if id(value) in above else 'too deep'}>"
        above = (*above, id(value))
        if not isinstance(value, dict):
            return [_plain(item, False, above) for item in value]
        secrets = secret_members(value)
        return {text_of(key): _plain(item, key in secrets, above) for key, item in value.items()}
    # Not their subclasses, which can have their own text.
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is int and value.bit_length() <= LONGEST:
        return value
    if isinstance(value, str):
        return mask_forms(str(value), MASK)
    # An object that shows its members shows their names too.
    return mask(text_of(value, hex if isinstance(value, int) else str), MASK)
