"""Views of tables, read-only: what the generated code is based on.

class CrashesViewSet(TableViewSet):
    queryset = models.Crashes.objects.all()
    serializer_class = serializers.CrashesSerializer
    filterset_class = filters.CrashesFilter
"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any

from django.db import DataError
from django.db.models import Model
from django.http import Http404
from django.utils.text import capfirst
from rest_framework import mixins, viewsets
from rest_framework.compat import apply_markdown
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.formatting import markup_description
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.databases.identifiers import column_name
from backend.databases.server_errors import sqlstate
from backend.geo.chosen import ChosenGeometryMixin
from backend.geo.stream_formats import CSV, JSONLines
from backend.geo.viewsets import SpatialMixin
from backend.lists.keyset import is_composite
from backend.lists.terms import written
from backend.tables import changes, keys
from backend.tables.filters import (
    PREFIX,
    ColumnFilterBackend,
    ColumnOrderingFilter,
    ColumnSpatialFilter,
)
from backend.tables.related import RelatedMixin
from backend.tables.unlisted import UnlistedMixin

# A text that is not a value of the key's type: invalid_text_representation, such as "x" of an inet,
# invalid_datetime_format, and datetime_field_overflow.
UNREADABLE = ("22P02", "22007", "22008")

if TYPE_CHECKING:
    _ViewSet = viewsets.GenericViewSet[Any]
else:
    _ViewSet = viewsets.GenericViewSet


class KeylessTableViewSet(  # type: ignore[misc]  # a list can be a stream
    RelatedMixin,
    SpatialMixin,
    UnlistedMixin,
    ChosenGeometryMixin,
    mixins.ListModelMixin,
    _ViewSet,
):
    """Lists a view, or a table without a key: all of its rows, also equal ones.

    There are no pages of single rows, because nothing identifies a row.
    """

    filterset_class: Any = None
    filter_backends = (ColumnFilterBackend, ColumnSpatialFilter, ColumnOrderingFilter)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        serializer = cls.serializer_class
        has_geometry = serializer is None or issubclass(serializer, GeoFeatureModelSerializer)
        if "stream_renderer_classes" not in vars(cls) and not has_geometry:
            cls.stream_renderer_classes = (CSV, JSONLines)

    def paginate_queryset(self, queryset: Any) -> Any:
        """Raises ValidationError for ``count=5``, which may be meant for a column of that name."""
        name = getattr(self.paginator, "count_query_param", None)
        if name and self.request.query_params.get(name, "exact") != "exact":
            column = PREFIX + name
            known = self.filterset_class is not None and column in self.filterset_class.base_filters
            advice = f" {column} filters by the column." if known else ""
            raise ValidationError({name: [f"Write exact, or leave it out.{advice}"]})
        return super().paginate_queryset(queryset)

    def handle_exception(self, exc: Exception) -> Any:
        return super().handle_exception(changes.explained(exc, self))

    def get_view_name(self) -> str:
        """The name of the table with ``List`` or ``Instance``. Actions have names of their own."""
        queryset: Any = type(self).queryset
        if self.name or queryset is None:
            return super().get_view_name()
        title = capfirst(str(queryset.model._meta.verbose_name_plural))
        return f"{title} {self.suffix}" if self.suffix else title

    def get_view_description(self, html: bool = False) -> str:
        """The docstring, in which generated code escapes HTML, as Markdown needs it."""
        text = super().get_view_description()
        if not html:
            return text
        is_markdown: Any = apply_markdown  # None without that package
        return markup_description(text if is_markdown else unescape(text))


class TableViewSet(mixins.RetrieveModelMixin, KeylessTableViewSet):  # type: ignore[misc]
    """Lists a table, and shows each row under its key: ``/crashes/7/``.

    The parts of a composite key are separated by commas, in the order of the key. One that contains
    a comma is in quotation marks: ``/counts/7,2024-01-01T00:00:00Z/``, ``/houses/"Main, E",12/``.
    A key that an address cannot contain, such as an empty text, or that is the name of another page
    is in quotation marks too: ``/stops/"map"/``.
    """

    # A key can contain slashes and dots.
    lookup_value_regex = r"[\s\S]+"

    @classmethod
    def path_parameter_schemas(cls) -> dict[str, dict[str, Any]]:
        """Adds the key of a row."""
        pk = cls.queryset.model._meta.pk if cls.queryset is not None else None
        if pk is None:
            return super().path_parameter_schemas()
        if not is_composite(pk):
            text = f"The key of a row: {column_name(str(pk.column))}."
            # The name that drf-yasg gives it.
            return {**super().path_parameter_schemas(), pk.attname: {"description": text}}
        columns = ",".join(written(column_name(str(part.column))) for part in pk.fields)
        text = f"The key of a row: {columns}. A part with a comma is in quotation marks."
        return {**super().path_parameter_schemas(), "pk": {"description": text}}

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.shown(self.get_object()))

    def get_object(self) -> Model:
        """Raises Http404 for a key that no row has, and for a text that is not a key."""
        queryset = self.filter_queryset(self.get_queryset())
        name = self.lookup_url_kwarg or self.lookup_field
        for key in keys.read(queryset.model, self.kwargs[name]):
            try:
                row: Model | None = queryset.filter(**key).first()
            except DataError as error:
                if sqlstate(error) in UNREADABLE:
                    raise Http404 from error
                raise
            if row is not None:
                self.check_object_permissions(self.request, row)
                return row
        raise Http404
