"""The key of a row in an address: ``7``, ``7,2024-01-01T00:00:00Z``, ``"Main, E",12``."""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from backend.lists import terms
from backend.lists.keyset import is_composite, target
from backend.lists.terms import split, unquoted
from backend.tables import values


def fields(model: type[models.Model]) -> tuple[Any, ...]:
    """The fields of the model's primary key."""
    pk: Any = model._meta.pk
    return tuple(pk.fields) if is_composite(pk) else (pk,)


def read(model: type[models.Model], text: str) -> Iterator[dict[str, Any]]:
    """The keys that a text can mean, the most likely first, as arguments of ``filter()``."""
    columns = fields(model)
    for texts in _texts(text, is_single=len(columns) == 1):
        if len(texts) == len(columns):
            try:
                key = {
                    part.attname: _value(part, one)
                    for part, one in zip(columns, texts, strict=True)
                }
            except (ValidationError, ValueError, TypeError, ArithmeticError, RecursionError):
                continue
            yield key
            ends = {name: values.infinite(value) for name, value in key.items()}
            if any(ends.values()):
                yield {name: ends[name] or value for name, value in key.items()}


def written(key: Iterable[Any], pages: Collection[str]) -> str:
    """The key of a row as its address has it. ``pages`` are the names of the list's other pages."""
    texts = [text(part) for part in key]
    if len(texts) > 1:
        return ",".join(map(terms.written, texts))
    # Clients leave out the segments . and .. of a path.
    return f'"{texts[0]}"' if texts[0] in ("", ".", "..", *pages) else texts[0]


def text(value: Any) -> str:
    """A value as an address has it."""
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


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
