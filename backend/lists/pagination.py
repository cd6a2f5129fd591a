"""Pages that cost the same on any table.

The body is that of REST framework: ``count``, ``next``, ``previous``, ``results``. An invalid
``limit`` or ``offset`` is ignored, as in REST framework, so that existing clients of an API that
gets this class see no difference. There are three additions: a 400 for a ``limit`` over the
maximum, a 400 for an invalid value of a parameter that REST framework does not have, and a member
that marks an estimated ``count``.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db.models import IntegerField, QuerySet
from rest_framework import exceptions, pagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from backend.lists import offset_map
from backend.lists.counting import Count, count, mark_as_older
from backend.lists.cursor import CursorPagination
from backend.lists.keyset import (
    by_pk,
    can_begin_at_a_key,
    is_composite,
    is_whole_table,
    key_of,
    text_of_key,
)
from backend.lists.page_limits import check_limit, digits, maximum
from backend.lists.shown import key_is_unchanged

if TYPE_CHECKING:
    from rest_framework.pagination import HtmlContextWithPageLinks

__all__ = ["CursorPagination", "LimitOffsetPagination"]

# A member of the body that is present only if it is true. Clients that know only REST framework's
# body ignore it, and a person sees that the number next to it is not exact.
COUNT_ESTIMATED = "count_estimated"
COUNT_ESTIMATED_SCHEMA = {
    "type": "boolean",
    "enum": [True],
    "description": "Present only if `count` is PostgreSQL's estimate.",
}
# In the documentation, because JavaScript clients cannot represent larger numbers exactly.
LARGEST_SHOWN_OFFSET = 2**53 - 1
LARGEST_OFFSET = 2**63 - 1  # PostgreSQL's OFFSET is a bigint
# Skipping fewer rows takes no longer than looking up a map.
MAP_FROM_OFFSET = 5_000


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "required": False,
        "in": "query",
        "description": description,
        "schema": {"type": "string", **schema},
    }


class LimitOffsetPagination(pagination.LimitOffsetPagination):
    """REST framework's limit/offset pages, with a maximum, cheap counts, and cheap depth.

    To use a maximum other than MAX_PAGE_SIZE, set ``max_limit`` in a subclass. If ``count`` is an
    estimate, the body has ``"count_estimated": true`` after it. The header ``X-Count`` is ``exact``
    or ``estimated``, and the query parameter ``count=exact`` requests an exact count. Every row is
    on one page, because the primary key breaks ties in the queryset's order. If rows are ordered by
    primary key and the serializer shows it unchanged, the links contain, besides limit and offset,
    the key that the page follows or precedes.
    """

    count_query_param = "count"
    after_query_param = "page_after"
    before_query_param = "page_before"
    # Set while a page is made.
    request: Request
    limit: int
    offset: int
    count: int
    first: Any
    last: Any

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """The rows of the page. None if there is no page size.

        Raises ValidationError for a ``limit`` over the maximum and for an invalid position.
        """
        self.request = request
        limit = self.get_limit(request)
        self.limit = limit  # type: ignore[assignment]  # None if there is no page
        if limit is None:
            return None
        check_limit(request, self.limit_query_param, self._maximum(), view)
        self.offset = self.get_offset(request)
        self.count_result: Count | None = None
        self.descending: bool | None = None
        self.mapped = False
        if isinstance(queryset, QuerySet):
            queryset, self.descending = by_pk(queryset)
        self.position_params = self._free_params(view, queryset)
        if self.descending is not None and not key_is_unchanged(view, queryset.model):
            self.position_params = ()
        self.position = self._position(queryset)
        rows = self._rows(queryset)
        page = self._cut(rows)
        self._settle_count(queryset, page)
        if self.count > self.limit and self.template is not None:
            self.display_page_controls = True
        self.first, self.last = (page[0], page[-1]) if page else (None, None)
        return page

    def get_count(self, queryset: Any) -> int:
        """The number of rows, exact or an estimate. A subclass can count in another way."""
        if not isinstance(queryset, QuerySet):
            return super().get_count(queryset)
        asked = self.request.query_params.get(self.count_query_param)
        self.count_result = count(queryset, exact=asked == "exact")
        if self.count_result.older:
            mark_as_older(self.request)
        return self.count_result.rows

    def get_paginated_response(self, data: Any) -> Response:
        response = super().get_paginated_response(data)
        response["X-Count"] = "exact" if self.count_is_exact else "estimated"
        if not self.count_is_exact:
            count, *others = response.data.items()
            response.data = dict([count, (COUNT_ESTIMATED, True), *others])
        return response

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        page["properties"][COUNT_ESTIMATED] = COUNT_ESTIMATED_SCHEMA
        return page

    def get_next_link(self) -> str | None:
        if not self.more:
            return None
        url = replace_query_param(self._here(), self.limit_query_param, self.limit)
        url = replace_query_param(url, self.offset_query_param, self.offset + self.limit)
        return self._with_position(url, self.after_query_param, self.last)

    def get_previous_link(self) -> str | None:
        if self.offset <= 0:
            return None
        url = replace_query_param(self._here(), self.limit_query_param, self.limit)
        if self.offset <= self.limit:
            return remove_query_param(url, self.offset_query_param)
        url = replace_query_param(url, self.offset_query_param, self.offset - self.limit)
        return self._with_position(url, self.before_query_param, self.first)

    def get_html_context(self) -> HtmlContextWithPageLinks:
        context = super().get_html_context()
        context["page_links"] = [
            link._replace(url=link.url and self._without_position(link.url))
            for link in context["page_links"]
        ]
        return context

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limit, offset = super().get_schema_operation_parameters(view)
        limit["schema"] |= {"minimum": 1, "maximum": self._maximum()}
        if self.default_limit is not None:
            limit["schema"]["default"] = self.default_limit
        offset["schema"] |= {"minimum": 0, "maximum": LARGEST_SHOWN_OFFSET, "default": 0}
        exact = "`exact` counts every row, which can take long on a large table. Otherwise, "
        exact += "`count` can be an estimate; the header X-Count then says so."
        parameters = [limit, offset, _parameter(self.count_query_param, exact, enum=["exact"])]
        queryset, kind = getattr(view, "queryset", None), "string"
        if isinstance(queryset, QuerySet):
            # by_pk() would query the database, which may be down.
            if not can_begin_at_a_key(queryset):
                return parameters
            kind = "integer" if isinstance(queryset.model._meta.pk, IntegerField) else kind
            if self.closed_parameters(view):
                return parameters
        if not self._free_params(view, queryset):
            return parameters
        position = "A position from the links of a page: the rows {} this primary key."
        parameters += [
            _parameter(self.after_query_param, position.format("after"), type=kind),
            _parameter(self.before_query_param, position.format("before"), type=kind),
        ]
        return parameters

    def closed_parameters(self, view: Any) -> set[str]:
        """The parameters of positions if the view hides the key. Messages do not mention them."""
        queryset = getattr(view, "queryset", None)
        meta = getattr(getattr(view, "serializer_class", None), "Meta", None)
        model = getattr(meta if queryset is None else queryset, "model", None)
        if model is None or key_is_unchanged(view, model):
            return set()
        return {self.after_query_param, self.before_query_param}

    # --- Which rows

    def _maximum(self) -> int:
        return maximum(self.max_limit, self.default_limit)

    def get_limit(self, request: Request) -> int | None:
        # Unlike REST framework, do not silently cut it off at max_limit.
        with contextlib.suppress(KeyError, ValueError):
            return pagination._positive_int(
                digits(request.query_params[self.limit_query_param]), strict=True
            )
        return self.default_limit

    def get_offset(self, request: Request) -> int:
        with contextlib.suppress(KeyError, ValueError):
            return int(digits(request.query_params[self.offset_query_param]))
        return 0

    def _position(self, queryset: Any) -> tuple[str, Any] | None:
        """The parameter with a key, and that key. None if the page has to use the offset."""
        parameters = self.request.query_params
        given = [name for name in self.position_params if parameters.get(name)]
        if len(given) > 1:
            raise exceptions.ValidationError(
                {given[1]: f"Give either {given[0]} or {given[1]}, as a page's link does."}
            )
        if not given:
            return None
        name = given[0]
        if self.descending is None:
            # The order has changed since the link was made, but its offset is still valid.
            if self.offset_query_param in parameters:
                return None
            raise exceptions.ValidationError(
                {name: f"These rows are not ordered by their key. Use {self.offset_query_param}."}
            )
        return name, key_of(queryset.model, parameters[name], name)

    def _rows(self, queryset: Any) -> list[Any]:
        """Up to one row more than the page, which shows whether another page follows."""
        if self.offset > LARGEST_OFFSET - self.limit - 1:
            return []
        if self.position is not None:
            return self._rows_from_position(queryset, *self.position)
        if self.offset == 0:
            return list(queryset[: self.limit + 1])
        located = self._located(queryset)
        if located is not None:
            return located
        self.count = self.get_count(queryset)
        exact = self.count_result is None or self.count_result.exact
        if exact and self.offset >= self.count:
            return []
        return list(queryset[self.offset : self.offset + self.limit + 1])

    def _rows_from_position(self, queryset: QuerySet[Any], name: str, key: Any) -> list[Any]:
        forward = name == self.after_query_param
        upward = forward != self.descending
        rows = queryset.filter(**{"pk__gt" if upward else "pk__lt": key})
        if forward:
            return list(rows[: self.limit + 1])
        return list(rows.reverse()[: self.limit])[::-1]

    def _located(self, queryset: Any) -> list[Any] | None:
        """The page by the map of the table. None if there is no map for this queryset."""
        if self.descending is None or not is_whole_table(queryset):
            return None
        if is_composite(queryset.model._meta.pk):  # a map has keys of one column
            return None
        table = offset_map.current(queryset, build=self.offset >= MAP_FROM_OFFSET)
        if table is None:
            return None
        self.mapped = True
        if table.older:
            mark_as_older(self.request)
        self.count_result = Count(table.total, exact=False)
        if self.offset >= table.total:
            return []
        key, skip = table.start(self.offset, self.descending)
        if key is not None:
            queryset = queryset.filter(**{"pk__lte" if self.descending else "pk__gt": key})
        return list(queryset[skip : skip + self.limit + 1])

    def _cut(self, rows: list[Any]) -> list[Any]:
        backward = self.position is not None and self.position[0] == self.before_query_param
        # The page that this one precedes comes after it.
        self.more = bool(rows) if backward else len(rows) > self.limit
        return rows[: self.limit]

    # --- How many rows

    def _settle_count(self, queryset: Any, page: list[Any]) -> None:
        """Set ``count`` and ``count_is_exact``, in agreement with the rows of the page itself."""
        # A position and the map say where a row was a few seconds ago.
        proven = self.position is None and not self.mapped
        seen = self.offset + len(page) + self.more
        own = type(self).get_count is not LimitOffsetPagination.get_count
        if proven and not own and not self.more and (page or self.offset == 0):
            self.count, self.count_is_exact = seen, True
            return
        asked = self.request.query_params.get(self.count_query_param) == "exact"
        if self.count_result is None or (asked and not self.count_result.exact):
            self.count = self.get_count(queryset)
        else:
            self.count = self.count_result.rows
        self.count_is_exact = self.count_result is None or self.count_result.exact
        if page and (proven or not self.count_is_exact):
            self.count = max(self.count, seen)
        elif not page and not self.count_is_exact:
            self.count = min(self.count, self.offset)

    # --- Links

    def _here(self) -> str:
        return self._without_position(self.request.build_absolute_uri())

    def _without_position(self, url: str) -> str:
        for name in self.position_params:
            url = remove_query_param(url, name)
        return url

    def _free_params(self, view: Any, queryset: Any) -> tuple[str, ...]:
        """The parameters of positions. Empty if a filter of the view uses one of these names."""
        names = (self.after_query_param, self.before_query_param)
        fields = getattr(view, "filterset_fields", None) or ()
        if not isinstance(queryset, QuerySet):  # django-filter passes lists through
            fields = ()
        elif isinstance(fields, str):  # "__all__"
            fields = [field.name for field in queryset.model._meta.get_fields()]
        filterset = getattr(view, "filterset_class", None)
        # A range filter has two parameters: page_after and page_before belong to `page`.
        forms = {form for each in names for form in (each, each.rpartition("_")[0])}
        return names if forms.isdisjoint((*fields, *getattr(filterset, "base_filters", ()))) else ()

    def _with_position(self, url: str, name: str, row: Any) -> str:
        if name not in self.position_params or self.descending is None or row is None:
            return url
        text = text_of_key(row)
        return url if text is None else replace_query_param(url, name, text)
