"""Foreign keys: ``?expand=stop`` adds the row that one leads to, and the page of a row has links.

class CountsViewSet(TableViewSet):
    related = {"stop": Related("StopsViewSet", "stop")}

class StopsViewSet(TableViewSet):
    related_lists = {"counts": "CountsViewSet.stop"}
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlencode

from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.urls import NoReverseMatch, URLResolver, get_resolver
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.reverse import reverse

from backend.geo.stream_formats import StreamRenderer
from backend.lists.shown import definer
from backend.lists.terms import split, unquoted, written
from backend.tables import keys
from backend.tables.filters import ColumnFilter
from backend.tables.related_rows import REFUSALS, Key, Lookup, RelatedRow, value_of

if TYPE_CHECKING:
    from backend.lists.conditional import ConditionalMixin
    from backend.lists.sparse_fields import SparseFieldsMixin

    class _View(ConditionalMixin, SparseFieldsMixin): ...
else:
    _View = object

EXPAND = "expand"
LINKS = "links"
NOT_HERE = "Streams, tiles, and maps have only the columns of one table. Leave it out."
PLACE = "KEY"  # of a key in an address


class Related:
    """A foreign key: the view of the table that it leads to, and the fields that it consists of.

    ``to`` are fields of that table's model, if they are not its primary key. The view is in the
    same module, perhaps further down.
    """

    def __init__(self, view: str, *fields: str, to: Sequence[str] = ()) -> None:
        self.view, self.fields, self.to = view, fields, tuple(to)


class RelatedMixin(_View):
    """Rows of other tables, and links to them. Put it before the other mixins of the view."""

    # Foreign keys, by the name that the row has in ``?expand=`` and in links.
    related: ClassVar[Mapping[str, Related]] = {}
    # Lists whose rows refer to a row, by the title of the link: a view, and the name of this row
    # in its ``related``.
    related_lists: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def as_view(cls, *args: Any, **options: Any) -> Any:
        """Raises ImproperlyConfigured for the name of a view that does not exist."""
        for name in cls.related:
            cls.related_view(name)
        for title in cls.related_lists:
            cls.list_view(title)
        return super().as_view(*args, **options)

    @classmethod
    def related_view(cls, name: str) -> Any:
        """The view of the table that a foreign key leads to."""
        return _view(cls, "related", cls.related[name].view)

    @classmethod
    def list_view(cls, title: str) -> tuple[Any, Related]:
        """The view of the rows that refer to a row, and how they do."""
        view_name, _, name = cls.related_lists[title].partition(".")
        view = _view(cls, "related_lists", view_name)
        if name not in view.related:
            raise ImproperlyConfigured(
                f"{cls.__name__}.related_lists names {name!r}, which is not in {view_name}.related."
            )
        return view, view.related[name]

    # --- ?expand=

    @property
    def expand_query_param(self) -> str | None:
        """The parameter, if the table has foreign keys."""
        return EXPAND if self.related else None

    def expanded(self) -> list[str]:
        """The names in ``?expand=``. Raises ValidationError."""
        request = getattr(self, "request", None)
        fake = getattr(self, "swagger_fake_view", False)
        if not self.related or fake or request is None or request.method not in SAFE_METHODS:
            return []
        text = request.query_params.get(EXPAND)
        if not text:
            return []
        given = list(dict.fromkeys(unquoted(term) for term in split(text) if term))
        if unknown := [name for name in given if name not in self.related]:
            known = ", ".join(map(written, self.related))
            raise ValidationError(
                {EXPAND: f"Unknown: {', '.join(map(repr, unknown))}. Choose from {known}."}
            )
        is_stream = isinstance(getattr(request, "accepted_renderer", None), StreamRenderer)
        if given and (is_stream or getattr(self, "list_page", None)):
            raise ValidationError({EXPAND: NOT_HERE})
        return given

    def get_serializer(self, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """Raises ValidationError, and what the permissions of the other tables raise."""
        serializer = super().get_serializer(*args, **kwargs)
        self.expand(serializer, self.expanded())
        return serializer

    def expand(self, serializer: Any, names: Iterable[str]) -> None:
        """Add the rows that these foreign keys lead to, as fields."""
        one = getattr(serializer, "child", serializer)
        for name in names:
            one.fields[name] = RelatedRow(Lookup(self, name))

    def _restrict(self, serializer: Any, names: list[str]) -> None:
        # get_serializer() adds the fields of ?expand= later.
        expanded = self.expanded()
        super()._restrict(serializer, [name for name in names if name not in expanded])

    def shows_columns(self) -> bool:
        return super().shows_columns() and not self.expanded()

    def get_etag(self, request: Request) -> str | None:
        views = map(self.related_view, self.expanded())
        return super().get_etag(request) if all(view.conditional for view in views) else None

    # --- Links

    def shown(self, row: models.Model) -> Any:
        """A row as its own page shows it."""
        data: Any = self.get_serializer(row).data
        if (self.related or self.related_lists) and not self._names():
            data[self.links_name()] = list(self._links(row))
        return data

    def links_name(self) -> str:
        """The member of a row that has its links, which is not a column."""
        serializer: Any = self.get_serializer_class()
        return _links_name(serializer)

    def row_members(self) -> dict[str, dict[str, Any]]:
        """For the API document: what the page of a row has beside the columns of lists."""
        others: dict[str, dict[str, Any]] = getattr(super(), "row_members", dict)()
        if not (self.related or self.related_lists):
            return others
        members = {
            "rel": {"type": "string", "enum": ["related"]},
            "title": {"type": "string"},
            "href": {"type": "string", "format": "uri"},
        }
        link = {"type": "object", "required": [*members], "properties": members}
        links = {"type": "array", "readOnly": True, "items": link}
        return {**others, self.links_name(): links}

    def _links(self, row: models.Model) -> Iterator[dict[str, str]]:
        """To the rows that this one refers to, and to the lists of those that refer to it."""
        pages = [(name, self._page_of_related(row, name)) for name in self.related]
        pages += [(title, self._list_of_referring(row, title)) for title in self.related_lists]
        for title, address in pages:
            if address is not None:
                yield {"rel": "related", "title": title, "href": address}

    def _page_of_related(self, row: models.Model, name: str) -> str | None:
        relation, view = self.related[name], self.related_view(name)
        key = value_of(row, map(row._meta.get_field, relation.fields))
        if key is None:
            return None
        if not hasattr(view, "retrieve"):
            return self._list(view, relation.to, key)
        if relation.to:
            key = self._key_of_related(row, name)
        return None if key is None else self._page(view, key)

    def _key_of_related(self, row: models.Model, name: str) -> Key | None:
        """The primary key of the row that another unique key leads to, if the client may read it.

        None otherwise.
        """
        try:
            lookup = Lookup(self, name)
        except REFUSALS:
            return None
        key = lookup.key(row)
        for _, other in lookup.rows([key] if key else []):
            return value_of(other, keys.fields(type(other)))
        return None

    def _list_of_referring(self, row: models.Model, title: str) -> str | None:
        view, relation = self.list_view(title)
        model = type(row)
        fields = tuple(map(model._meta.get_field, relation.to)) or keys.fields(model)
        key = value_of(row, fields)
        return None if key is None else self._list(view, relation.fields, key)

    def _page(self, view: Any, key: Key) -> str | None:
        """The address of a row of another table."""
        lookup = view.lookup_url_kwarg or view.lookup_field
        address = self._address_of(view, "detail", **{lookup: PLACE})
        if address is None:
            return None
        before, _, after = address.rpartition(PLACE)
        return f"{before}{quote(keys.written(key, _pages(view)), safe=',:')}{after}"

    def _list(self, view: Any, fields: Iterable[str], key: Key) -> str | None:
        """The address of the rows with these values. None if there is no filter by a field."""
        address = self._address_of(view, "list")
        pairs = [_filter(view, field, value) for field, value in zip(fields, key, strict=True)]
        if address is None or None in pairs:
            return None
        return f"{address}?{urlencode([pair for pair in pairs if pair], quote_via=quote)}"

    def _address_of(self, view: Any, page: str, **kwargs: str) -> str | None:
        """The absolute URL of a page of another view. None if the project does not serve it."""
        own = (self.lookup_url_kwarg or self.lookup_field, "format")
        above = {name: value for name, value in self.kwargs.items() if name not in own}
        name = _url_names().get(view)
        try:
            address = reverse(f"{name}-{page}", kwargs={**above, **kwargs}, request=self.request)
        except NoReverseMatch:
            return None
        return address.partition("?")[0]  # REST framework adds the request's `?format=`


def _view(cls: type, attribute: str, name: str) -> Any:
    """A view of the module in which a class, or the base that it has this from, is defined."""
    module = (definer(cls, attribute) or cls).__module__
    try:
        return getattr(sys.modules[module], name)
    except AttributeError:
        raise ImproperlyConfigured(
            f"{cls.__name__}.{attribute} names {name}, which is not in {module}."
        ) from None


def _filter(view: Any, field: str, value: Any) -> tuple[str, str] | None:
    """The parameter that filters a list by a field, and its value. None if there is none."""
    # A filter ignores an empty text, but not one of several.
    lookup, text = ("in", '""') if value == "" else ("exact", keys.text(value))
    parameter = _parameter(view.filterset_class, field, lookup)
    return None if parameter is None else (parameter, text)


# The classes of a project. A view can make others for a single request.
_cached = functools.lru_cache(maxsize=4096)


@_cached
def _parameter(filterset: Any, field: str, lookup: str) -> str | None:
    filters: Mapping[str, Any] = filterset.base_filters if filterset else {}
    for parameter, each in filters.items():
        name = each.field_name.partition(LOOKUP_SEP)[0]
        if isinstance(each, ColumnFilter) and (name, each.lookup_expr) == (field, lookup):
            return parameter
    return None


@_cached
def _links_name(serializer: Any) -> str:
    return LINKS if LINKS not in serializer().fields else f"_{LINKS}"


@_cached
def _pages(view: Any) -> frozenset[str]:
    """The names of the pages that a list has beside those of its rows."""
    return frozenset(action.url_path for action in view.get_extra_actions())


@functools.cache
def _url_names() -> dict[type, str]:
    """The names of views in the URLs, with their namespaces."""
    made: dict[type, str] = {}

    def add(patterns: Iterable[Any], prefix: str) -> None:
        for each in patterns:
            if isinstance(each, URLResolver):
                namespace = f"{each.namespace}:" if each.namespace else ""
                add(each.url_patterns, prefix + namespace)
            elif basename := getattr(each.callback, "initkwargs", {}).get("basename"):
                made.setdefault(each.callback.cls, prefix + basename)

    add(get_resolver().url_patterns, "")
    return made
