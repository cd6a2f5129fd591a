"""The rows that a foreign key leads to, as far as the client may read them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast
from django.http import Http404, QueryDict
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request, clone_request

from backend.databases.identifiers import column_name
from backend.databases.stored_types import stored_type
from backend.tables import keys, values

REFUSALS = (APIException, PermissionDenied, Http404)
# Values that PostgreSQL considers equal, although Python does not: of citext, and of char(n).
EQUAL: dict[str, Callable[[Any], Any]] = {"citext": str.lower, "bpchar": lambda text: text.rstrip()}

Key = tuple[Any, ...]


class Lookup:
    """Finds the rows that a foreign key leads to. Raises the refusal of their own page."""

    def __init__(self, view: Any, name: str) -> None:
        relation = view.related[name]
        own, cls = view.queryset.model, view.related_view(name)
        model = cls.queryset.model
        self.fields = tuple(own._meta.get_field(each) for each in relation.fields)
        self.targets = tuple(map(model._meta.get_field, relation.to)) or keys.fields(model)
        self.view = _page_of(cls, view)
        columns = " and ".join(column_name(each.column) for each in self.fields)
        self.description = f"With `expand={name}`: the row that {columns} refers to."

    def key(self, row: models.Model) -> Key | None:
        """What a row refers to. None for nothing."""
        return self._comparable(value_of(row, self.fields))

    def rows(self, wanted: Iterable[Key]) -> Iterator[tuple[Key, models.Model]]:
        """The rows with these keys that the client may read, with one query."""
        view = self.view
        found = view.filter_queryset(view.get_queryset()).filter(self._condition({*wanted}))
        for row in found:
            key = self._comparable(value_of(row, self.targets))
            if key is not None and _may_read(view, row):
                yield key, row

    def _comparable(self, key: Key | None) -> Key | None:
        return key and tuple(equal(value) for equal, value in zip(self._equal, key, strict=True))

    @functools.cached_property
    def _equal(self) -> list[Callable[[Any], Any]]:
        """What makes values of each column equal in Python, too."""
        using = self.view.get_queryset().db
        stored = [stored_type(each, using) for each in self.targets]
        return [EQUAL.get(each.name if each else "", lambda value: value) for each in stored]

    def _condition(self, wanted: Iterable[Key]) -> Q:
        names = [each.attname for each in self.targets]
        if len(names) == 1:
            several = [one for key in wanted for one in _stored(self.targets[0], *key)]
            return Q(**{f"{names[0]}__in": several})
        each = (
            Q(
                **{
                    f"{field.attname}__in": _stored(field, value)
                    for field, value in zip(self.targets, key, strict=True)
                }
            )
            for key in wanted
        )
        return Q(*each, _connector=Q.OR)


class RelatedRow(serializers.Field):  # type: ignore[type-arg]
    """The row that a foreign key leads to, as its own page shows it. Null if there is none.

    The rows for a whole page are read with one query.
    """

    def __init__(self, lookup: Lookup) -> None:
        super().__init__(read_only=True, allow_null=True, source="*", help_text=lookup.description)
        self._lookup = lookup
        self._shown: dict[Key, Any] = {}

    def row_serializer(self) -> Any:
        """The serializer of the row, for the API document."""
        return self._lookup.view.get_serializer()

    def to_representation(self, row: models.Model) -> Any:
        key = self._lookup.key(row)
        if key is None:
            return None
        if key not in self._shown:
            self._read({key, *filter(None, map(self._lookup.key, self._page()))})
        return self._shown[key]

    def _page(self) -> Sequence[models.Model]:
        rows: Any = getattr(self.parent, "parent", None)
        page: Sequence[models.Model] = rows.instance if rows is not None else ()
        return page

    def _read(self, wanted: set[Key]) -> None:
        self._shown |= dict.fromkeys(wanted)
        serializer = self.row_serializer()
        for key, row in self._lookup.rows(wanted):
            self._shown[key] = serializer.to_representation(row)


def value_of(row: models.Model, fields: Iterable[Any]) -> Key | None:
    """The values of a row. None if one of them is null, which refers to nothing."""
    key = tuple(getattr(row, field.attname) for field in fields)
    return None if any(value is None for value in key) else key


def _page_of(cls: Any, view: Any) -> Any:
    """The view of another page, as if this client asked for it without any parameters.

    Raises what its permissions raise.
    """
    action = "retrieve" if hasattr(cls, "retrieve") else "list"
    options: dict[str, Any] = {"args": (), "kwargs": {}, "format_kwarg": None, "action": action}
    if getattr(view, "swagger_fake_view", False):
        return cls(request=view.request, swagger_fake_view=True, **options)
    other = cls(request=_without_parameters(view.request), **options)
    other.check_permissions(other.request)
    return other


def _without_parameters(request: Request) -> Request:
    given = request._request
    http = type(given).__new__(type(given))  # copy() would leave out what cannot be pickled
    vars(http).update(vars(given), GET=QueryDict())
    made = clone_request(request, "GET")
    made._request = http
    return made


def _may_read(view: Any, row: models.Model) -> bool:
    try:
        view.check_object_permissions(view.request, row)
    except REFUSALS:
        return False
    return True


def _stored(field: Any, value: Any) -> list[Any]:
    """What a column can have where a page shows this value."""
    if values.has_no_date(value) and not isinstance(field, (models.CharField, models.TextField)):
        return [Cast(Value(value), field)]
    return [value, *filter(None, [values.infinite(value)])]
