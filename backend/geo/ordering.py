"""``ordering`` for lists: every column that a reader sees, in an order that pages keep."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from django.contrib.gis.db.models.fields import BaseSpatialField, GeometryField
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param

from backend.databases.stored_types import StoredTextMixin, read_as_text, stored_type
from backend.geo import shown
from backend.lists.keyset import as_filter, is_pk

# Attributes of paginators for parameters that say where a page begins.
PLACES_OF_PAGES = (
    *("offset_query_param", "page_query_param", "cursor_query_param"),
    *("after_query_param", "before_query_param"),
)


def page_parameters(view: Any) -> list[str]:
    """The parameters of the view's paginator that say where a page begins."""
    names = (getattr(getattr(view, "paginator", None), kind, None) for kind in PLACES_OF_PAGES)
    return [name for name in names if name]


class StableOrderingFilter(OrderingFilter):
    """REST framework's ``ordering``, for every column that a reader sees.

    Orders by the fields without geometry that are shown as they are stored, or by the view's
    ``ordering_fields``, where ``"__all__"`` excludes geometries that cannot be filtered by. Any
    other name is a 400. In pages and streams, the primary key decides between equal rows
    (``backend.lists.keyset``). This filter does not add it, because a view that then groups the
    rows would get a group for each.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """Raises ValidationError if the rows were selected by an order that must not change."""
        if request.query_params.get(self.ordering_param) and _is_taken_in_order(queryset):
            chosen = as_filter(queryset)
            if chosen is None:
                raise ValidationError(
                    {self.ordering_param: "The order of these rows is fixed. Leave this out."}
                )
            queryset = chosen
        return super().filter_queryset(request, queryset, view)

    def get_default_valid_fields(
        self, queryset: QuerySet[Any], view: Any, context: Mapping[str, Any] | None = None
    ) -> list[tuple[str, Any]]:
        # REST framework looks for properties of the model, to leave them out. With a composite key,
        # this fails at ``pk``. Columns are not properties.
        no_model: Any = SimpleNamespace(model=None)
        try:
            fields = super().get_default_valid_fields(no_model, view, context)
        except ImproperlyConfigured:
            return []  # an @action(serializer_class=None) has no fields to order by
        model, columns = queryset.model, shown.unchanged(view)
        return [each for each in fields if each[0] in columns and _is_orderable(model, each[0])]

    def get_valid_fields(
        self, queryset: QuerySet[Any], view: Any, context: Mapping[str, Any] | None = None
    ) -> list[tuple[str, Any]]:
        fields = self._shown_fields(queryset, view, context or {})
        if not context:  # the API document is generated without a database
            return fields
        if _is_taken_in_order(queryset) and as_filter(queryset) is None:
            return []  # only in their own order
        return [each for each in fields if not _without_order(queryset, each[0], view)]

    def remove_invalid_fields(
        self, queryset: QuerySet[Any], fields: Iterable[str], view: Any, request: Request
    ) -> list[str]:
        fields_shown = dict(self._shown_fields(queryset, view, {"request": request}))
        kinds = {name: _without_order(queryset, name, view) for name in fields_shown}
        known = [name for name in fields_shown if not kinds[name]]
        terms = []
        for given in fields:
            term = self.term(given, view)
            name = term.removeprefix("-")
            if name not in known:
                reason = f"is not one of {', '.join(self.written(each, view) for each in known)}"
                if name in fields_shown:
                    reason = f"has no order: PostgreSQL cannot sort {kinds[name]}"
                raise ValidationError({self.ordering_param: f"{given!r} {reason}."})
            terms.append(term)
        return terms

    def term(self, text: str, view: Any) -> str:
        """A term of Django's ``order_by()``, from the text that a client sends."""
        return text

    def written(self, name: str, view: Any) -> str:
        """What a client sends for a field of the model."""
        return name

    def get_template_context(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> dict[str, Any]:
        """In the browsable API, links to another order lead to its first page."""
        first: Any = copy.copy(request)
        path = request.get_full_path()
        for name in page_parameters(view):
            path = remove_query_param(path, name)
        first.get_full_path = lambda: path
        context = super().get_template_context(request, queryset, view)
        context["options"] = [(self._link(each, view), text) for each, text in context["options"]]
        if context["current"] is not None:
            context["current"] = self._link(context["current"], view)
        return {**context, "request": first}

    def _link(self, term: str, view: Any) -> str:
        name = term.removeprefix("-")
        return term.removesuffix(name) + self.written(name, view)

    def _shown_fields(
        self, queryset: QuerySet[Any], view: Any, context: Mapping[str, Any]
    ) -> list[tuple[str, Any]]:
        """The fields that a reader sees, or that the view names."""
        fields = super().get_valid_fields(queryset, view, context)
        if getattr(view, "ordering_fields", self.ordering_fields) != "__all__":
            return fields
        hidden = {
            field.name
            for field in queryset.model._meta.concrete_fields
            if isinstance(field, GeometryField) and not shown.is_open(field, view)
        }
        return [(name, label) for name, label in fields if name not in hidden]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        (parameter,) = super().get_schema_operation_parameters(view)
        model = model_of(view)
        if model is not None:
            valid = self.get_valid_fields(model._default_manager.none(), view)
            names = [self.written(name, view) for name, _ in valid]
            parameter["description"] = (
                f"Fields to order by, separated by commas: {', '.join(names)}. A - before a field "
                "means descending order."
            )
            terms = [sign + name for name in names for sign in ("", "-")]
            parameter["schema"] = {"type": "array", "items": {"type": "string", "enum": terms}}
        return [parameter]


def has_field(model: type[Model], name: str) -> bool:
    """Whether the model has a field or relation of this name."""
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def model_of(view: Any) -> type[Model] | None:
    """The model of the view's queryset or serializer. None if the view creates both itself."""
    queryset = getattr(view, "queryset", None)
    meta = getattr(getattr(view, "serializer_class", None), "Meta", None)
    model: type[Model] | None
    model = getattr(meta, "model", None) if queryset is None else queryset.model
    return model


def _without_order(queryset: QuerySet[Any], name: str, view: Any) -> str | None:
    """The type of a column that PostgreSQL cannot sort by. None for any other column."""
    if name in queryset.query.annotations or not _is_column(queryset.model, name):
        return None
    field = queryset.model._meta.get_field(name)
    # An inherited column is in another table.
    stored = stored_type(field, queryset.db)
    if stored is None or stored.has_order:
        return None
    if isinstance(view, StoredTextMixin) and name in read_as_text(queryset):
        return None
    return stored.name.lstrip("_")


def _is_taken_in_order(queryset: QuerySet[Any]) -> bool:
    """Whether another order would select different rows."""
    return bool(queryset.query.is_sliced or queryset.query.distinct_fields)


def _is_column(model: type[Model], name: str) -> bool:
    if not has_field(model, name):
        return False
    field = model._meta.get_field(name)
    return bool(getattr(field, "column", None)) and not isinstance(field, BaseSpatialField)


def _is_orderable(model: type[Model], name: str) -> bool:
    """Whether rows ordered by ``name`` are in the order of that column alone."""
    if not _is_column(model, name):
        return False
    field: Any = model._meta.get_field(name)
    if not field.is_relation or name == field.attname:
        return True
    # The name of a relation stands for the order of the other model.
    other: type[Model] = field.related_model
    return all(is_pk(other, term) for term in other._meta.ordering or ())
