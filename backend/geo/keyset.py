"""Whether rows come in order of their primary key, so that a page can begin at one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models
from django.db.models import Model, QuerySet
from django.db.models.query import ModelIterable
from rest_framework import exceptions

# Whose values are the same after a way through a link: no floats, no times.
KEYS = (models.IntegerField, models.UUIDField, models.CharField, models.TextField)


def by_pk(queryset: QuerySet) -> tuple[QuerySet, bool | None]:
    """``queryset``, and whether its keys descend; None where they are in no order.

    A whole table without any ordering is put in order of its key: as it was, a row could
    be on two pages or on none.
    """
    query = queryset.query
    if not _can_begin_at_a_key(queryset):
        return queryset, None
    ordering = query.order_by or (query.default_ordering and query.get_meta().ordering) or ()
    if not ordering and is_whole_table(queryset):
        return queryset.order_by("pk"), False
    if not ordering or not is_pk(queryset.model, ordering[0]):
        return queryset, None
    return queryset, ordering[0].startswith("-") == query.standard_ordering


def is_pk(model: type[Model], term: Any) -> bool:
    """Whether a term of an ordering is the primary key itself."""
    pk = model._meta.pk
    # By the name of a relation rows are in the order of the other model.
    names = {"pk", pk.attname} if pk.is_relation else {"pk", pk.attname, pk.name}
    return isinstance(term, str) and term.removeprefix("-") in names


def is_whole_table(queryset: QuerySet) -> bool:
    """Whether the rows are those of the model's table, all of them."""
    query = queryset.query
    return connections[queryset.db].vendor == "postgresql" and not query.where


def key_of(model: type[Model], text: str, parameter: str) -> Any:
    """A primary key out of a query parameter. Raises ValidationError naming the parameter."""
    try:
        key = model._meta.pk.to_python(text)
    except (ValidationError, ValueError, TypeError):
        key = None
    # PostgreSQL has no text with a zero byte.
    if key is None or "\0" in text:
        raise exceptions.ValidationError(
            {parameter: f"Not a key of these rows: {text!r}. Take it from the links of a page."}
        )
    return key


def unique(model: type[Model], ordering: Sequence[Any]) -> tuple[Any, ...]:
    """``ordering`` made one that no two rows share a place in."""
    done = any(is_pk(model, term) for term in ordering)
    return tuple(ordering) if done else (*ordering, "pk")


def _can_begin_at_a_key(queryset: QuerySet) -> bool:
    query = queryset.query
    pk = _comparable(queryset.model)
    plain = not (
        query.combinator
        or query.is_sliced
        or query.distinct_fields
        or query.group_by is not None
        or query.extra
        or query.extra_tables
        or query.extra_order_by
    )
    return (
        pk
        and plain
        and issubclass(queryset._iterable_class, ModelIterable)
        # A window function would be of the rows after the key only.
        and not any(a.contains_over_clause for a in query.annotations.values())
        and (query.distinct or not _multiplies(query))
    )


def _comparable(model: type[Model]) -> bool:
    pk = model._meta.pk
    return isinstance(getattr(pk, "target_field", pk), KEYS)


def _multiplies(query: Any) -> bool:
    """Whether a join can give one row several times, which then share a key."""
    joins = [query.alias_map[alias] for alias, used in query.alias_refcount.items() if used]
    fields = [join.join_field for join in joins if getattr(join, "join_field", None)]
    return any(one.one_to_many or one.many_to_many for one in fields)
