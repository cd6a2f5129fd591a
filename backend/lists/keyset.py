"""A full order of rows, in which each has its own place, and whether it is by primary key.

If two rows share a place, PostgreSQL can put either first. Another plan (for another offset, or
after the next ANALYZE) can put the other first. Then a row is on two pages, or on none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from django.core.exceptions import FieldError, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connections, models
from django.db.models import CompositePrimaryKey, Field, ForeignKey, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.query import ModelIterable
from django.db.models.sql import Query
from django.db.models.sql.constants import INNER
from django.db.models.sql.datastructures import BaseTable
from rest_framework import exceptions

from backend.databases.keyless import StoredAt, is_keyless
from backend.databases.stored_types import stored_type
from backend.databases.unique_keys import has_unique_key, places

if TYPE_CHECKING:

    class _Composite(Protocol):
        """A CompositePrimaryKey. The stubs say that a part can be the other side of a relation."""

        @property
        def fields(self) -> Sequence[Field[Any, Any]]: ...


# Fields whose values are unchanged after a round trip through a link: no floats, no times.
KEYS = (models.IntegerField, models.UUIDField, models.CharField, models.TextField)
# Fields whose values are quick to compare, and often differ.
QUICK = (models.IntegerField, models.FloatField, models.DecimalField, models.DateField)
# A link with a longer key would not fit into a request line (gunicorn accepts 4,094 bytes).
LONGEST_KEY = 500  # characters


def in_full_order(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows in the same order, with ties broken by the primary key.

    If the table can have several rows with one key, all columns break the ties. Groups and distinct
    values do not have a key, so their own values do. A random order stays random. This also applies
    to a queryset that is sliced or has DISTINCT ON: all statements made from it then take the same
    ones of equal rows.
    """
    return _ordered(queryset, _deciding(queryset)[0])


def _ordered(queryset: QuerySet[Any], deciding: tuple[Any, ...]) -> QuerySet[Any]:
    query, terms = queryset.query, ordering_of(queryset)
    done = deciding == ("pk",) and any(_is_unique(queryset.model, term) for term in terms)
    if done or "?" in terms:
        return queryset
    terms = terms or query.distinct_fields
    more = tuple(name for name in deciding if name not in terms)
    ordered = copied(queryset)
    ordered.query.combined_queries = tuple(
        _taking_the_same(part, queryset.db) for part in query.combined_queries
    )
    if query.extra_order_by:
        ordered.query.extra_order_by = (*terms, *more)
        return ordered
    # Not order_by(), which refuses a slice.
    ordered.query.clear_ordering(force=True, clear_default=False)
    ordered.query.add_ordering(*terms, *more)
    return ordered


def ordering_of(queryset: QuerySet[Any]) -> tuple[Any, ...]:
    """The terms that the rows are ordered by, in Django's form. Empty if there are none."""
    query = queryset.query
    # A model's own ordering does not apply to groups.
    default = query.default_ordering and not query.group_by and query.get_meta().ordering
    return tuple(query.extra_order_by or query.order_by or default or ())


def by_pk(queryset: QuerySet[Any]) -> tuple[QuerySet[Any], bool | None]:
    """``queryset`` in full order, and whether its keys descend. None if a page cannot begin at a
    key."""
    deciding, is_by_key = _deciding(queryset)
    queryset = _ordered(queryset, deciding)
    terms = ordering_of(queryset)
    if not (terms and is_by_key and _is_of_keys(queryset)):
        return queryset, None
    return queryset, terms[0].startswith("-") == queryset.query.standard_ordering


def is_pk(model: type[Model], term: Any) -> bool:
    """Whether a term of an ordering is the primary key itself."""
    pk = model._meta.pk
    # The name of a relation stands for the order of the other model.
    names = {"pk", pk.attname} if pk.is_relation else {"pk", pk.attname, pk.name}
    return isinstance(term, str) and term.removeprefix("-") in names


def is_whole_table(queryset: QuerySet[Any]) -> bool:
    """Whether the rows are all those of the model's table that its ``inner_joins`` keep."""
    query = queryset.query
    return connections[queryset.db].vendor == "postgresql" and not query.where


def inner_joins(queryset: QuerySet[Any]) -> list[tuple[str, str, str, str]] | None:
    """Table, column, target table, and target column of each join that can leave rows out.

    None if a join has a condition or uses several columns.
    """
    # Django adds the joins of select_related and of an order when it compiles the statement.
    query = queryset.query.clone()
    query.get_compiler(queryset.db).pre_sql_setup()
    used: list[Any] = [
        query.alias_map[alias] for alias, count in query.alias_refcount.items() if count
    ]
    inner = [join for join in used if join.join_type == INNER]
    if any(len(join.join_cols) != 1 or join.filtered_relation for join in inner):
        return None
    return [
        (query.alias_map[join.parent_alias].table_name, column, join.table_name, key)
        for join in inner
        for column, key in join.join_cols
    ]


def copied(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """A copy to change, without results."""
    made: QuerySet[Any] = queryset._chain()  # type: ignore[attr-defined]  # private
    return made


def has_values(queryset: QuerySet[Any]) -> bool:
    """Whether its rows come from values() or values_list(), and are not instances."""
    return queryset._fields is not None  # type: ignore[attr-defined]  # private


def is_chosen(queryset: QuerySet[Any]) -> bool:
    """Whether another filter would choose different rows, instead of only removing some."""
    query = queryset.query
    return bool(
        query.is_sliced
        or query.distinct_fields
        or query.where.contains_over_clause
        or any(annotation.contains_over_clause for annotation in query.annotations.values())
    )


def as_filter(queryset: QuerySet[Any]) -> QuerySet[Any] | None:
    """The same rows, each once, in a queryset that accepts more filters and another order.

    None if it has annotations, because different rows would change their values.
    """
    query = queryset.query
    if query.annotation_select or has_values(queryset) or query.combinator:
        return None
    rows = copied(queryset)
    rows.query = Query(queryset.model)
    for name in ("select_related", "deferred_loading", "standard_ordering"):
        setattr(rows.query, name, getattr(query, name))
    return rows.filter(pk__in=in_full_order(queryset).values("pk"))


def is_composite(pk: Field[Any, Any]) -> TypeGuard[_Composite]:
    return isinstance(pk, CompositePrimaryKey)


def is_plain(query: Query, term: str) -> bool:
    """Whether a term is the order of one column, not a random order or that of another model."""
    name = term.removeprefix("-")
    if term == "?" or name in query.extra:
        return False
    if name.split(LOOKUP_SEP)[0] in query.annotations:
        return True
    field = query.names_to_path(name.split(LOOKUP_SEP), query.get_meta())[1]
    own = ("pk", getattr(field, "attname", None))
    by_name = field.is_relation and name.split(LOOKUP_SEP)[-1] not in own
    return not (by_name and field.related_model._meta.ordering)


def key_of(model: type[Model], text: str, parameter: str) -> Any:
    """The primary key in a query parameter. Raises ValidationError with the parameter's name."""
    pk = model._meta.pk
    try:
        # to_python accepts 1_0, and the digits of every script.
        if isinstance(target(pk), models.IntegerField) and not re.fullmatch("-?[0-9]+", text):
            raise ValueError(text)
        key = pk.to_python(text)
        if is_composite(pk):
            for part, value in zip(pk.fields, key, strict=True):
                _assert_in_range(target(part), value)
    except (ValidationError, ValueError, TypeError):
        key = None
    # PostgreSQL cannot store a zero byte in text.
    if key is None or "\0" in text:
        raise exceptions.ValidationError(
            {parameter: f"{text!r} is not a key of these rows. Take it from a link of a page."}
        )
    return key


def _assert_in_range(part: Field[Any, Any], value: Any) -> None:
    """Raises ValidationError. Other validators do not apply to stored keys, which can be blank."""
    if value is None:
        raise ValidationError("null")
    for validator in part.validators:
        if isinstance(validator, (MinValueValidator, MaxValueValidator)):
            validator(value)


def text_of_key(row: Model) -> str | None:
    """The text that ``key_of`` reads. None if the key does not fit into a link."""
    text = row._meta.pk.value_to_string(row)
    return text if 0 < len(text) <= LONGEST_KEY else None


def has_comparable_key(model: type[Model]) -> bool:
    """Whether a link can contain the model's primary key."""
    pk = model._meta.pk
    parts = pk.fields if is_composite(pk) else (pk,)
    return not is_keyless(model) and all(_is_written_as_stored(target(part)) for part in parts)


def _is_written_as_stored(field: Field[Any, Any]) -> bool:
    """Whether the text of a value is that of the column. A team's field can encode it."""
    for method in ("from_db_value", "to_python", "get_prep_value", "value_to_string"):
        owner = next((base for base in type(field).__mro__ if method in vars(base)), None)
        if owner is not None and not owner.__module__.startswith("django."):
            return False
    return isinstance(field, KEYS)


def target(field: Field[Any, Any]) -> Field[Any, Any]:
    """The field that a foreign key's values come from. For any other field, the field itself."""
    while isinstance(field, ForeignKey):
        field = field.target_field
    return field


def forward_fields(model: type[Model]) -> dict[str, Field[Any, Any]]:
    """The model's own fields, by their names and their attribute names."""
    fields: dict[str, Field[Any, Any]]
    fields = model._meta._forward_fields_map  # type: ignore[attr-defined]  # private
    return fields


def can_begin_at_a_key(queryset: QuerySet[Any]) -> bool:
    """Whether a page can begin at a key, as far as the queryset alone tells. The table itself may
    have several rows with one key."""
    return _is_of_keys(queryset) and not shares_keys(queryset)


def _is_of_keys(queryset: QuerySet[Any]) -> bool:
    """Whether a link can contain the key that rows begin with, and a filter by it only removes."""
    query = queryset.query
    (first, *_) = ordering_of(queryset) or ("pk",)
    plain = not (query.combinator or query.extra or query.extra_tables or query.extra_order_by)
    return (
        is_pk(queryset.model, first)
        and has_comparable_key(queryset.model)
        and plain
        and issubclass(queryset._iterable_class, ModelIterable)
        # For example, a window function would see only the rows after the key.
        and not is_chosen(queryset)
    )


def _is_unique(model: type[Model], term: Any) -> bool:
    """Whether no two rows of the model have the same value for this term."""
    if is_pk(model, term):
        return True
    name = term.removeprefix("-") if isinstance(term, str) else ""
    field = forward_fields(model).get(name)
    # NULL is not equal to NULL. The name of a relation stands for the order of the other model.
    return field is not None and field.unique and not field.null and not field.is_relation


def _deciding(queryset: QuerySet[Any]) -> tuple[tuple[Any, ...], bool]:
    """Names whose values together distinguish all rows that are not equal in every value.

    Also returns whether no two rows share a primary key.
    """
    query = queryset.query
    if has_values(queryset) and (
        query.group_by or query.combinator or (query.distinct and not query.distinct_fields)
    ):
        names = [_column(query, name) for name in query.values_select]
        return (*names, *query.extra_select, *_sortable(query)), False
    if query.combinator or not has_unique_key(queryset.model, queryset.db):
        if stored := _stored_at(queryset):
            return stored, False
        return (*_columns(queryset), *_sortable(query)), False
    if shares_keys(queryset):
        return ("pk", *_sortable(query)), False
    return ("pk",), True


def _stored_at(queryset: QuerySet[Any]) -> tuple[StoredAt, ...]:
    """Where the rows of a table without a key are stored. Empty if other values must decide.

    To sort by all columns takes ten times as long.
    """
    query = queryset.query
    if not is_keyless(queryset.model) or query.combinator or query.distinct or query.group_by:
        return ()
    if has_values(queryset) or shares_keys(queryset):
        return ()
    return tuple(map(StoredAt, places(queryset.model, queryset.db)))


def _columns(queryset: QuerySet[Any]) -> Iterator[str]:
    """The columns that can be sorted, with those of the key first.

    For rows that can share a key: those of two models in a union, of a model with several values of
    an annotation, or of a table without a unique key.
    """
    query, pk = queryset.query, queryset.model._meta.pk
    # Django cannot order a union by a key of several columns.
    if not is_keyless(queryset.model):
        yield from (part.attname for part in pk.fields) if is_composite(pk) else ("pk",)
    # Django's own Paginator can count such a slice only in this order, and cannot count one that
    # already has an order.
    if query.combinator and query.is_sliced and not ordering_of(queryset):
        return
    deferred, excludes = query.deferred_loading
    fields = list(queryset.model._meta.concrete_fields)
    if is_keyless(queryset.model):
        # To compare texts first takes ten times as long.
        fields.sort(key=lambda field: not isinstance(field, QUICK))
    for field in fields:
        is_loaded = deferred.isdisjoint((field.name, field.attname)) is excludes
        # A union that compares its rows has only types that can be compared.
        compared = query.combinator and not query.combinator_all
        stored = None if compared else stored_type(field, queryset.db)
        if is_loaded and field is not pk and (stored is None or stored.has_order):
            yield field.attname


def _taking_the_same(part: Query, using: str) -> Query:
    """A part of a union, in full order if that decides which rows it takes."""
    # The rest of a union can change which columns a part has, and DISTINCT depends on them.
    if part.combinator or not (part.distinct_fields or (part.is_sliced and not part.distinct)):
        return part
    rows: QuerySet[Any] = QuerySet(part.model, part, using)
    fields = None if part.selected is None else tuple(part.selected)
    rows._fields = fields  # type: ignore[attr-defined]  # private
    return in_full_order(rows).query


def shares_keys(queryset: QuerySet[Any]) -> bool:
    """Whether several rows can have the same primary key."""
    query = queryset.query
    if order_multiplies(queryset):
        return True
    once = query.distinct or query.group_by
    selected = query.annotation_select.values()
    if once and all(annotation.contains_aggregate for annotation in selected):
        return False
    returns_sets = any(getattr(annotation, "set_returning", False) for annotation in selected)
    return returns_sets or _multiplies(query)


def order_multiplies(queryset: QuerySet[Any]) -> bool:
    """Whether a row is repeated for each of the values that it is ordered by."""
    own = {"pk", *queryset.query.annotations, *forward_fields(queryset.model)}
    terms = ordering_of(queryset)
    if queryset.query.combinator or all(
        isinstance(term, str) and term.removeprefix("-") in own for term in terms
    ):
        return False
    # Django adds these joins when it compiles the statement.
    query = queryset.query.clone()
    before = {alias for alias, used in query.alias_refcount.items() if used}
    query.get_compiler(queryset.db).get_order_by()
    return _multiplies(query, besides=before)


def _multiplies(query: Query, besides: Collection[str] = ()) -> bool:
    """Whether a join, other than those of ``besides``, can repeat a row."""
    used = [alias for alias, count in query.alias_refcount.items() if count]
    joins = [query.alias_map[alias] for alias in used if alias not in besides]
    return any(_leads_to_many(join) for join in joins if not isinstance(join, BaseTable))


def _leads_to_many(join: Any) -> bool:
    field = getattr(join, "join_field", None)
    if field is None:  # a library's own kind of join
        return True
    # From its other side, a GenericRelation claims to be many-to-one.
    back = isinstance(field, ForeignObjectRel)
    return not (field.one_to_one or (field.many_to_one and not back))


def _sortable(query: Query) -> Iterator[str]:
    """The selected annotations that PostgreSQL can sort, which excludes ``json``."""
    for name, annotation in query.annotation_select.items():
        with contextlib.suppress(FieldError):  # mixed types, so the result's type is unknown
            if not isinstance(annotation.output_field, models.JSONField):
                yield name


def _column(query: Query, name: str) -> str:
    """The column for a name in values(). A relation's name would be the other model's ordering."""
    field = query.names_to_path(name.split(LOOKUP_SEP), query.get_meta())[1]
    if not field.is_relation:
        return name
    if not isinstance(field, ForeignKey):
        return f"{name}{LOOKUP_SEP}pk"
    return LOOKUP_SEP.join([*name.split(LOOKUP_SEP)[:-1], field.attname])
