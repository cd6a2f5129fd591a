"""Cursor pages: for feeds that grow while a client walks them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field, QuerySet
from rest_framework import exceptions, pagination
from rest_framework.request import Request
from rest_framework.settings import api_settings

from backend.geo.keyset import unique
from backend.geo.page_limits import check_limit, maximum


class CursorPagination(pagination.CursorPagination):
    """REST framework's cursor pages, ready to use: ``pagination_class = CursorPagination``.

    Ordered by the queryset's or the model's own ordering, by primary key where there is
    none, and always made unique by it. ``limit`` sets the page's size, up to MAX_PAGE_SIZE.
    """

    ordering = None
    page_size_query_param = "limit"
    offset_cutoff = None  # rows of one same value; a cut there repeats a page for ever

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: Any = None
    ) -> list[Any] | None:
        """The rows of the page. Raises ValidationError for a ``limit`` over the maximum."""
        most = maximum(self.max_page_size, self.page_size)
        check_limit(request, self.page_size_query_param, most, view)
        return super().paginate_queryset(queryset, request, view)

    def get_ordering(self, request: Request, queryset: QuerySet, view: Any) -> tuple[str, ...]:
        """Raises ValidationError for an ordering of the client's that no cursor can follow."""
        self.model = queryset.model
        chosen = [
            backend().get_ordering(request, queryset, view)
            for backend in getattr(view, "filter_backends", ())
            if hasattr(backend, "get_ordering")
        ]
        query = queryset.query
        own = query.order_by or (query.default_ordering and query.get_meta().ordering)
        ordering = next(filter(None, chosen), None) or self.ordering or own or ("pk",)
        ordering = (ordering,) if isinstance(ordering, str) else tuple(ordering)
        if self._leading(ordering[0]) is not None:
            return unique(queryset.model, ordering)
        if request.query_params.get(api_settings.ORDERING_PARAM):
            raise exceptions.ValidationError(
                {
                    api_settings.ORDERING_PARAM: f"A cursor cannot follow {ordering[0]!r}: it may "
                    "be empty, or is of another table. Order by another field first."
                }
            )
        return ("pk",)

    def decode_cursor(self, request: Request) -> pagination.Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                self._leading(self.ordering[0]).to_python(cursor.position)
            except (ValidationError, ValueError, TypeError):
                raise exceptions.NotFound(self.invalid_cursor_message) from None
            if "\0" in cursor.position:
                raise exceptions.NotFound(self.invalid_cursor_message)
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor, limit = super().get_schema_operation_parameters(view)
        most = maximum(self.max_page_size, self.page_size)
        limit["schema"] |= {"minimum": 1, "maximum": most}
        if self.page_size:
            limit["schema"]["default"] = self.page_size
        return [cursor, limit]

    def _leading(self, term: Any) -> Field | None:
        """The field that a position is a value of; None when it has none for every row."""
        name = term.removeprefix("-") if isinstance(term, str) else ""
        meta = self.model._meta
        try:
            field = meta.pk if name == "pk" else meta.get_field(name)
        except FieldDoesNotExist:
            return None
        usable = getattr(field, "column", None) and not field.null and not field.is_relation
        return field if usable else None
