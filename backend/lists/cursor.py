"""Cursor pages, for feeds that grow while a client walks them.

A cursor contains the values of the row that a page follows or precedes, one for each term of the
ordering. The last term is the primary key, so no two rows have the same values. REST framework's
cursor has only the first term, counts the rows with the same value, and treats NULL as text.

Anyone who has a cursor can read it. From the first term that the view does not show, it contains no
values. Instead, it counts the rows that have the same values for the terms before.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile
from typing import Any

from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.db import connections, models
from django.db.models import F, Field, Func, Q, QuerySet, Value
from django.db.models.expressions import CombinedExpression, ExpressionWrapper, OrderBy
from django.db.models.query import ModelIterable, ValuesIterable
from rest_framework import exceptions, pagination
from rest_framework.request import Request
from rest_framework.settings import api_settings

from backend.lists import keyset, shown
from backend.lists.page_limits import check_limit, digits, maximum

# Fields whose values are unchanged after a round trip through a link.
VALUES = (
    *keyset.KEYS,
    *(models.BooleanField, models.DecimalField, models.FloatField),
    *(models.DateField, models.TimeField, models.DurationField),
)


LARGEST_OFFSET = 2**62  # PostgreSQL's OFFSET accepts it, even with a page added
NUMBERS = (models.FloatField, models.DecimalField, models.IntegerField)
# Expressions that use only what they name. A Func can contain any SQL.
PLAIN = (F, Value, CombinedExpression, ExpressionWrapper)
# SQL for the values that PostgreSQL compares. Python's can differ: no infinity, a rounded real, a
# truncated fraction, a time in another zone, or an interval whose months do not have 30 days each.
POSITIONS: dict[tuple[type[Field[Any, Any]], ...], str] = {
    # PostgreSQL compares a literal with a real as double precision.
    NUMBERS: "CASE pg_typeof({0}) WHEN 'real'::regtype THEN {0}::float8::text ELSE {0}::text END",
    (models.DateField,): "{0}::text",
    (models.DurationField,): (
        "make_interval(days => (extract(year FROM {0}) * 360 + extract(month FROM {0}) * 30"
        " + extract(day FROM {0}))::int, secs => (extract(hour FROM {0}) * 3600"
        " + extract(minute FROM {0}) * 60 + extract(second FROM {0}))::float8)::text"
    ),
}


class _Position(Func):
    """One of POSITIONS."""

    output_field = models.TextField()

    def as_sql(  # type: ignore[override]  # without Func's function and template
        self, compiler: Any, connection: Any, **_: Any
    ) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        template = self.extra["position"]
        return template.replace("{0}", f"({sql})"), [*params] * template.count("{0}")


class _UnusableError(Exception):
    """A cursor cannot follow this ordering. The message says why."""


@dataclass(frozen=True)
class _Term:
    """One term of an ordering, for a forward walk."""

    name: str  # to filter and order by
    attribute: str  # of a row, with the term's value
    field: Field[Any, Any]
    descending: bool
    nulls_first: bool | None  # None if there are no NULL values
    position: str | None  # the SQL from POSITIONS that computes the attribute
    columns: frozenset[str] | None  # on which the value depends; None if that is unknown

    def order(self, backward: bool) -> OrderBy:
        first = None if self.nulls_first is None else self.nulls_first != backward
        # Do not leave this to the database: SQLite sorts NULL differently.
        nulls = {} if first is None else {"nulls_first" if first else "nulls_last": True}
        return OrderBy(F(self.name), descending=self.descending != backward, **nulls)

    def beyond(self, value: Any, backward: bool) -> Q:
        """Rows after ``value``, or before it if the walk goes ``backward``."""
        nulls_follow = self._nulls_follow(backward)
        if value is None:
            return Q(pk__in=()) if nulls_follow else Q(**{f"{self.name}__isnull": False})
        condition = Q(**{f"{self.name}__{self._lookup(backward)}": value})
        return condition | Q(**{f"{self.name}__isnull": True}) if nulls_follow else condition

    def bound(self, value: Any, backward: bool) -> Q | None:
        """A condition for ``value`` and what is beyond it, for an index. None for two ranges."""
        if value is None or self._nulls_follow(backward):
            return None
        return Q(**{f"{self.name}__{self._lookup(backward)}e": value})

    def same(self, value: Any) -> Q:
        return Q(**{f"{self.name}__isnull": True} if value is None else {self.name: value})

    def text(self, row: Any) -> str | None:
        value = row[self.attribute] if isinstance(row, dict) else getattr(row, self.attribute)
        if value is None:
            return None
        return value.isoformat() if hasattr(value, "isoformat") else str(value)

    def value(self, text: Any) -> Any:
        """The value of ``text``. Raises ValueError, TypeError, or ValidationError if invalid."""
        if text is None and self.nulls_first is not None:
            return None
        if not isinstance(text, str) or "\0" in text:
            raise ValueError(text)
        if self.position and isinstance(self.field, NUMBERS):
            return _number(text)
        if self.position and isinstance(self.field, models.DateField):
            return _moment(text)
        value = self.field.to_python(text)
        if value is None:
            raise ValueError(text)
        return value

    def _nulls_follow(self, backward: bool) -> bool:
        return self.nulls_first is not None and self.nulls_first == backward

    def _lookup(self, backward: bool) -> str:
        return "lt" if self.descending != backward else "gt"


def _number(text: str) -> Value:
    """An SQL literal. Raises ValueError or ArithmeticError."""
    number = Decimal(text)
    near = float(number)
    if not number.is_finite():
        return Value(near)
    if math.isinf(near) or (number and not near):
        raise ValueError(f"no double: {text}")
    return Value(int(number) if number == int(number) else number)


def _moment(text: str) -> Value:
    """An SQL literal, which takes on the type that it is compared with. Raises ValueError or
    ArithmeticError."""
    if text in ("infinity", "-infinity"):
        return Value(text)
    moment = datetime.datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return Value(moment.isoformat(" "))


class CursorPagination(pagination.CursorPagination):
    """REST framework's cursor pages, ready to use: ``pagination_class = CursorPagination``.

    Rows are in the order of the queryset or the model. It can include expressions and fields that
    can be NULL, and the primary key always makes it unique. ``limit`` sets the size of a page, up
    to MAX_PAGE_SIZE.
    """

    ordering: Any = None
    page_size_query_param = "limit"
    offset_cutoff: Any = None  # beyond a cutoff, a page would repeat the one before

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """The rows of the page. Raises ValidationError for a ``limit`` over the maximum, or if a
        cursor cannot follow the client's ordering; ImproperlyConfigured if it cannot follow the
        developer's; and NotFound for an invalid cursor."""
        most = maximum(self.max_page_size, self.page_size)
        check_limit(request, self.page_size_query_param, most, view)
        self.request = request
        size = self.page_size = self.get_page_size(request)
        if not size:
            return None
        self.base_url = request.build_absolute_uri()
        self.ordering = self.get_ordering(request, queryset, view)
        rows, self.terms = self._terms(queryset)
        self.visible_terms = self._visible_terms(view, queryset.model)
        self.cursor = self.decode_cursor(request)
        self.page = self._rows(rows, size)
        if (self.has_next or self.has_previous) and self.template is not None:
            self.display_page_controls = True
        return self.page

    def get_page_size(self, request: Request) -> int | None:
        with contextlib.suppress(KeyError, ValueError):
            size = digits(request.query_params[self.page_size_query_param])
            return pagination._positive_int(size, strict=True, cutoff=self.max_page_size)
        return self.page_size

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[Any, ...]:
        """The ordering of the client, view, class, queryset, or model, whichever is first."""
        chosen = [
            backend().get_ordering(request, queryset, view)
            for backend in getattr(view, "filter_backends", ())
            if hasattr(backend, "get_ordering")
        ]
        ordering = next(filter(None, chosen), None) or self.ordering
        ordering = ordering or keyset.ordering_of(queryset) or ("pk",)
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def decode_cursor(self, request: Request) -> pagination.Cursor | None:
        cursor = super().decode_cursor(request)
        self.values: list[Any] | None = None
        if cursor is not None and cursor.position is not None:
            try:
                position: Any = cursor.position  # a text, although the stubs say number
                texts = json.loads(position)
                if not isinstance(texts, list):
                    raise ValueError(position)
                pairs = zip(self.visible_terms, texts, strict=True)
                self.values = [term.value(text) for term, text in pairs]
            except (ValidationError, ValueError, ArithmeticError, TypeError, RecursionError):
                raise exceptions.NotFound(self.invalid_cursor_message) from None
        if cursor is not None and cursor.offset > LARGEST_OFFSET:
            raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor

    def get_next_link(self) -> str | None:
        return self._link(-1, backward=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(0, backward=True) if self.has_previous else None

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        most = maximum(self.max_page_size, self.page_size)
        limit["schema"] |= {"minimum": 1, "maximum": most}
        if self.page_size:
            limit["schema"]["default"] = self.page_size
        return [cursor, limit]

    def _rows(self, queryset: QuerySet[Any], size: int) -> list[Any]:
        backward = self.cursor is not None and self.cursor.reverse
        same = self._same(queryset, size, backward)
        beyond = queryset
        if self.values is not None:
            # Without terms in the cursor, all rows have the same values.
            beyond = queryset.filter(
                _beyond(self.visible_terms, self.values, backward)
                if self.visible_terms
                else Q(pk__in=())
            )
        ordered = beyond.order_by(*(term.order(backward) for term in self.terms))
        rows = same + list(ordered[: max(size + 1 - len(same), 0)])
        more, begun = len(rows) > size, self.values is not None
        self.has_next, self.has_previous = (begun, more) if backward else (more, begun)
        page = rows[:size]
        page = page[::-1] if backward else page
        self.ends = self._ends(queryset, page, len(same[: len(page)]), backward)
        for row in page if keyset.has_values(queryset) else ():
            for name in row.keys() & {term.attribute for term in self.terms if term.position}:
                del row[name]  # the view did not ask for this value
        return page

    def _visible_terms(self, view: Any, model: type[models.Model]) -> list[_Term]:
        """The first terms whose values the view shows. Only these are in a cursor."""
        fields, pk = keyset.forward_fields(model), model._meta.pk
        columns = {getattr(fields.get(name), "attname", name) for name in shown.unchanged(view)}
        if shown.key_is_unchanged(view, model):
            columns |= {"pk", *(part.attname for part in getattr(pk, "fields", ()))}
        terms = takewhile(
            lambda term: term.columns is not None and term.columns <= columns, self.terms
        )
        return list(terms)

    def _same(self, queryset: QuerySet[Any], size: int, backward: bool) -> list[Any]:
        """The rows at the start of the page that have the cursor's values."""
        if self.cursor is None or self.values is None or len(self.visible_terms) == len(self.terms):
            return []
        rows = queryset.filter(*map(_Term.same, self.visible_terms, self.values))
        rows = rows.order_by(*(term.order(False) for term in self.terms))
        place, most = self.cursor.offset, size + 1
        if backward:
            return list(rows[max(place - most, 0) : place])[::-1]
        return list(rows[place : place + most])

    def _ends(
        self, queryset: QuerySet[Any], page: list[Any], same: int, backward: bool
    ) -> list[tuple[list[str | None], int]]:
        """For the first and the last row: its values, and how many rows with the same values come
        before the first, and up to the last."""
        if not page or len(self.visible_terms) == len(self.terms):
            return [
                ([term.text(row) for term in self.visible_terms], 0) for row in page[:1] + page[-1:]
            ]
        texts = [[term.text(row) for term in self.visible_terms] for row in page]
        before, place = 0, 0 if self.cursor is None else self.cursor.offset
        if backward and same == len(page):
            before = max(place - same, 0)
        elif backward:
            values = [
                term.value(text) for term, text in zip(self.visible_terms, texts[0], strict=True)
            ]
            every = queryset.filter(*map(_Term.same, self.visible_terms, values)).count()
            before = max(every - texts.count(texts[0]), 0)
        elif same:
            before = place
        last = texts.count(texts[-1])
        return [(texts[0], before), (texts[-1], last + (before if last == len(page) else 0))]

    def _link(self, end: int, *, backward: bool) -> str:
        """A link past an end of the page. Without rows, it leads to the first or the last page."""
        values, place = self.ends[end] if self.ends else (None, 0)
        position: Any = None if values is None else json.dumps(values)
        return self.encode_cursor(pagination.Cursor(place, backward, position))

    def _terms(self, queryset: QuerySet[Any]) -> tuple[QuerySet[Any], list[_Term]]:
        """The terms of the ordering, and the queryset with the values that they need."""
        try:
            return _terms(_filterable(queryset), self.ordering)
        except _UnusableError as error:
            if self.request.query_params.get(api_settings.ORDERING_PARAM):
                raise exceptions.ValidationError(
                    {api_settings.ORDERING_PARAM: f"{error} Order by another field."}
                ) from None
            raise ImproperlyConfigured(
                f"{type(self).__name__} cannot page {queryset.model.__name__}: {error} Give the "
                "queryset another order_by(), or the view LimitOffsetPagination."
            ) from None


def _beyond(terms: Sequence[_Term], values: Sequence[Any], backward: bool) -> Q:
    """Rows after these values: by the first term, then by the second if the first is equal, etc."""
    (term, *others), (value, *more) = terms, values
    condition = term.beyond(value, backward)
    if others:
        condition |= term.same(value) & _beyond(others, more, backward)
        bound = term.bound(value, backward)
        condition = condition if bound is None else bound & condition
    return condition


def _filterable(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, each once, in a queryset that can be filtered to the rows after another."""
    query = queryset.query
    grouped = keyset.has_values(queryset) and (query.group_by or query.distinct)
    if query.combinator or grouped:
        kind = f"a {query.combinator}()" if query.combinator else "values() that are not rows"
        raise _UnusableError(f"its rows are of {kind}.")
    if not issubclass(queryset._iterable_class, (ModelIterable, ValuesIterable)):
        raise _UnusableError("its rows are tuples.")
    if keyset.is_chosen(queryset) or keyset.shares_keys(queryset):
        filterable = keyset.as_filter(queryset)
        if filterable is None:
            raise _UnusableError("another condition would change the values of its annotations.")
        return filterable
    return queryset


def _terms(queryset: QuerySet[Any], ordering: Sequence[Any]) -> tuple[QuerySet[Any], list[_Term]]:
    """Terms that give each row its own place, and the queryset with their values."""
    forward = queryset.query.standard_ordering
    if not forward:
        queryset = queryset.reverse()
    terms: dict[str, _Term] = {}
    for number, term in enumerate(_expanded(queryset, [*ordering, "pk"])):
        queryset, made = _term(queryset, _order(term), f"cursor_{number}", forward)
        terms.setdefault(made.name, made)
    if keyset.shares_keys(queryset):
        raise _UnusableError("a row can have several values to order it by.")
    positions = [term for term in terms.values() if term.position]
    queryset = queryset.annotate(
        **{term.attribute: _Position(F(term.name), position=term.position) for term in positions}
    )
    if keyset.has_values(queryset):
        names = {*queryset.query.values_select, *queryset.query.annotation_select}
        if missing := [term.attribute for term in terms.values() if term.attribute not in names]:
            raise _UnusableError(f"its values() leave out {missing[0]!r}.")
    return queryset, list(terms.values())


def _expanded(queryset: QuerySet[Any], ordering: Sequence[Any]) -> Iterator[Any]:
    """The terms by their simplest names. A composite key is replaced with its parts."""
    pk = queryset.model._meta.pk
    names = [part.attname for part in pk.fields] if keyset.is_composite(pk) else ["pk"]
    for term in ordering:
        if keyset.is_pk(queryset.model, term):
            yield from (f"{'-' * term.startswith('-')}{name}" for name in names)
        elif isinstance(term, str) and not keyset.is_plain(queryset.query, term):
            raise _UnusableError(f"{term!r} has no values that a link can contain.")
        else:
            yield term


def _order(term: Any) -> OrderBy:
    """``term`` with an explicit place for NULL. By default, NULL is largest, as in PostgreSQL."""
    if isinstance(term, str):
        order = OrderBy(F(term.removeprefix("-")), descending=term.startswith("-"))
    else:
        order = term.copy() if isinstance(term, OrderBy) else OrderBy(term)
    if not order.nulls_first and not order.nulls_last:
        order.nulls_first, order.nulls_last = order.descending, not order.descending
    return order


def _term(
    queryset: QuerySet[Any], order: OrderBy, alias: str, forward: bool
) -> tuple[QuerySet[Any], _Term]:
    if not forward:
        order.reverse_ordering()
    direction = order.descending, bool(order.nulls_first)
    expression, query = order.expression, queryset.query
    name: str | None = getattr(expression, "name", None) if isinstance(expression, F) else None
    field = None if name in query.annotations else _own_field(queryset, name)
    columns = _columns(queryset, expression)
    if field is not None:
        name, attribute = "pk" if field.primary_key else field.attname, field.attname
        if field.primary_key and "pk" in query.values_select:
            attribute = "pk"
        nullable, field = field.null, keyset.target(field)
        position = _position(queryset, field, exact=isinstance(field, models.IntegerField))
    else:
        if name not in query.annotation_select:
            queryset, name = queryset.annotate(**{alias: expression}), alias
        attribute, nullable, field = name, True, _output(queryset.query.annotations[name])
        position = _position(queryset, field, exact=False)
    if not isinstance(field, VALUES):
        raise _UnusableError(f"{name!r} is of a type that a link cannot contain.")
    attribute = attribute if position is None else f"{alias}_position"
    descending, nulls_first = direction
    first = nulls_first if nullable else None
    return queryset, _Term(name, attribute, field, descending, first, position, columns)


def _columns(queryset: QuerySet[Any], expression: Any) -> frozenset[str] | None:
    """The names that determine the value of the expression. None if it can read others."""
    parts = list(expression.flatten()) if hasattr(expression, "flatten") else [expression]
    if not all(
        type(part) in PLAIN or type(part).__module__.startswith("django.db.models.functions.")
        for part in parts
    ):
        return None
    references: list[Any] = [part for part in parts if isinstance(part, F)]
    fields = {each.name: _own_field(queryset, each.name) for each in references}
    return frozenset(
        name if field is None else "pk" if field.primary_key else field.attname
        for name, field in fields.items()
    )


def _position(queryset: QuerySet[Any], field: Field[Any, Any], *, exact: bool) -> str | None:
    if exact or connections[queryset.db].vendor != "postgresql":
        return None
    return next((sql for kinds, sql in POSITIONS.items() if isinstance(field, kinds)), None)


def _own_field(queryset: QuerySet[Any], name: str | None) -> Field[Any, Any] | None:
    """The column of the model. None for a value of another model."""
    if name is None:
        return None
    meta = queryset.model._meta
    field = meta.pk if name == "pk" else keyset.forward_fields(queryset.model).get(name)
    return field if field is not None and field.concrete and not field.many_to_many else None


def _output(annotation: Any) -> Field[Any, Any]:
    try:
        return keyset.target(annotation.output_field)
    except FieldError as error:
        raise _UnusableError(f"{error}") from None
