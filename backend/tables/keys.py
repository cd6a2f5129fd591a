"""The key of a row in an address: ``7``, ``7,2024-01-01T00:00:00Z``, ``"Main, E",12``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from backend.lists.keyset import is_composite, target
from backend.lists.terms import split, unquoted
from backend.tables import values


def read(model: type[models.Model], text: str) -> Iterator[dict[str, Any]]:
    """The keys that a text can mean, the most likely first, as arguments of ``filter()``."""
    pk = model._meta.pk
    parts = tuple(pk.fields) if is_composite(pk) else (pk,)
    for texts in _texts(text, is_single=len(parts) == 1):
        if len(texts) == len(parts):
            try:
                key = {
                    part.attname: _value(part, one) for part, one in zip(parts, texts, strict=True)
                }
            except (ValidationError, ValueError, TypeError, ArithmeticError, RecursionError):
                continue
            yield key
            ends = {name: values.infinite(value) for name, value in key.items()}
            if any(ends.values()):
                yield {name: ends[name] or value for name, value in key.items()}


def _texts(text: str, *, is_single: bool) -> Iterator[list[str]]:
    if is_single:
        yield [text]
        if unquoted(text) != text:
            yield [unquoted(text)]
        return
    yield [unquoted(term) for term in split(text)]
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(listed, list):
        yield [each if isinstance(each, str) else json.dumps(each) for each in listed]


def _value(part: models.Field[Any, Any], text: str) -> Any:
    """Raises ValidationError, ValueError, and others for a text that is not a value."""
    column = target(part)
    if isinstance(column, ArrayField) and text.startswith("["):
        text = _array(json.loads(text))
    if "\0" in text:
        raise ValidationError("PostgreSQL cannot store this.")
    form, options = values.of(column)
    value = form(required=False, **options).clean(text)
    if value is None:
        raise ValidationError("A part of a key cannot be empty.")
    return value


def _array(value: Any) -> str:
    """A list of JSON, of any number of dimensions, as PostgreSQL writes arrays."""
    if isinstance(value, list):
        return "{" + ",".join(map(_array, value)) + "}"
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
