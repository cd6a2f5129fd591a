"""Every lookup of every column, in every way in which a view reads a query, a path, or a body."""

from django.contrib.gis.db.models import GeometryField
from django.db.models import JSONField, Lookup, Transform
from django.http import JsonResponse
from django_filters import BaseInFilter, CharFilter
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework import filters, serializers, viewsets
from rest_framework_gis.filters import (
    DistanceToPointFilter,
    DistanceToPointOrderingFilter,
    GeoFilterSet,
    GeometryFilter,
    InBBoxFilter,
    TMSTileFilter,
)
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.filters import SpatialFilterMixin
from backend.geo.streaming import StreamingMixin
from backend.geo.tiles import TilesMixin
from everything.models import Owner, Thing

# It is a bug of the project to use these lookups for another type of column, or with a single
# string as the value, whatever a client sends.
OF_TEXTS = {"iexact", "regex", "iregex", "search", "unaccent"}
OF_SEVERAL = {"isnull", "relate", "range", "contained_by", "dwithin"}
OF_LISTS = {"in", "contains", "overlap", "lt", "lte", "gt", "gte"}
OF_TRANSFORMS = {"exact", "gt", "in"}


def lookups(field):
    """The lookups of a field and of its transforms."""
    is_text = field.name in ("char", "text")
    for name, kind in sorted(field.get_lookups().items()):
        if not is_text and (name in OF_TEXTS or name.startswith("trigram")):
            continue
        if name in OF_SEVERAL or name.startswith("distance"):
            continue
        if name in OF_LISTS and type(field).__module__.startswith("django.contrib.postgres"):
            continue
        if issubclass(kind, Lookup):
            yield name
        elif issubclass(kind, Transform):
            inner = getattr(kind, "output_field", None)
            known = inner.get_lookups() if hasattr(inner, "get_lookups") else OF_TRANSFORMS
            yield from (f"{name}__{each}" for each in sorted(OF_TRANSFORMS & set(known)))


FIELDS = {
    # XML has no equality operator, and a geography does not have ST_IsEmpty.
    field.name: list(lookups(field)) if field.name not in ("xml", "place") else []
    for field in Thing._meta.concrete_fields
}


class TextsFilter(BaseInFilter, CharFilter):
    pass


class ThingFilter(GeoFilterSet):
    """Geometries in the query."""

    geometry = GeometryFilter(field_name="point", lookup_expr="intersects")
    distant = GeometryFilter(field_name="polygons", lookup_expr="intersects")


def filters_of(field):
    """django-filter's filter for every lookup of a field, or a text filter for unknown types."""

    class FieldFilter(FilterSet):
        class Meta:
            model = Thing
            fields = {field: FIELDS[field]}

        @classmethod
        def filter_for_lookup(cls, model_field, lookup_type):
            made = super().filter_for_lookup(model_field, lookup_type)
            if made[0]:
                return made
            return (TextsFilter if lookup_type.endswith("in") else CharFilter), {}

    return FieldFilter


class ThingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Thing
        exclude = ["words"]


class FeatureSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Thing
        geo_field = "point"
        fields = ["id", "char", "real", "document"]


class Things(viewsets.ModelViewSet):
    """Stock REST framework, django-filter, and djangorestframework-gis."""

    queryset = Thing.objects.all()
    serializer_class = ThingSerializer
    filter_backends = [DjangoFilterBackend, filters.SearchFilter, filters.OrderingFilter]
    filterset_class = ThingFilter
    search_fields = ["char", "text", "=slug", "$email"]


class Places(TilesMixin, StreamingMixin, SpatialFilterMixin, viewsets.ModelViewSet):
    """The image's own mixins."""

    queryset = Thing.objects.all()
    serializer_class = FeatureSerializer
    filterset_class = ThingFilter
    spatial_filter_fields = ["point"]


class Near(viewsets.ReadOnlyModelViewSet):
    """The filters of djangorestframework-gis."""

    queryset = Thing.objects.all()
    serializer_class = FeatureSerializer
    bbox_filter_field = distance_filter_field = distance_ordering_filter_field = "point"
    distance_filter_convert_meters = True
    filter_backends = [InBBoxFilter, DistanceToPointFilter, DistanceToPointOrderingFilter]


class Tiled(Near):
    filter_backends = [TMSTileFilter]


class Owners(viewsets.ModelViewSet):
    queryset = Owner.objects.all()

    class serializer_class(serializers.ModelSerializer):
        class Meta:
            model = Owner
            fields = ["id", "name"]


def named(request, field, lookup, value=None):
    """Use the client's value in the query or path unchanged, in a lookup."""
    value = request.GET.get("value", "") if value is None else value
    if lookup.endswith("in"):
        value = value.split(",")
    things = Thing.objects.filter(**{f"{field}__{lookup}": value})
    return JsonResponse({"found": list(things.values_list("pk", flat=True))})


def columns(request):
    return JsonResponse(FIELDS)


def is_filtered(field):
    return not isinstance(Thing._meta.get_field(field), (JSONField, GeometryField))


def by(field):
    """A viewset with this field as its lookup_field and in its filters."""
    return type(
        f"By{field.title()}",
        (viewsets.ReadOnlyModelViewSet,),
        {
            "queryset": Thing.objects.all(),
            "serializer_class": ThingSerializer,
            "lookup_field": field if FIELDS[field] else "pk",
            "lookup_url_kwarg": "value",
            "lookup_value_regex": "[^/]+",
            "filter_backends": [DjangoFilterBackend],
            "filterset_class": filters_of(field) if is_filtered(field) else None,
            # Without pagination, the queryset is evaluated while the response is written.
            "pagination_class": None if len(field) % 2 else Things.pagination_class,
        },
    )
