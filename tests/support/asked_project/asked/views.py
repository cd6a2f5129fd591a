"""Viewsets for every kind of client request."""

import django_filters
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from rest_framework import filters, permissions, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from asked.models import Note, Stop, Zone
from backend.geo.filters import SpatialFilterMixin
from backend.geo.viewsets import SpatialMixin


class StopFeature(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = "__all__"


class StopRow(serializers.ModelSerializer):
    class Meta:
        model = Stop
        fields = ["id", "name", "geom"]


class Stops(SpatialMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopFeature
    permission_classes = [permissions.AllowAny]
    filterset_fields = {"name": ["exact", "icontains"], "lines": ["exact", "gte", "in"]}


class Rows(Stops):
    serializer_class = StopRow


class Plain(viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopFeature
    permission_classes = [permissions.AllowAny]
    filterset_fields = ["name", "lines"]


class Zones(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    class ZoneFeature(GeoFeatureModelSerializer):
        class Meta:
            model = Zone
            geo_field = "area"
            fields = "__all__"

    queryset = Zone.objects.all()
    serializer_class = ZoneFeature


class Notes(SpatialFilterMixin, viewsets.ReadOnlyModelViewSet):
    """A table without a geometry, with numbered pages."""

    class NoteSerializer(serializers.ModelSerializer):
        class Meta:
            model = Note
            fields = "__all__"

    class Pages(PageNumberPagination):
        page_size = 2
        page_size_query_param = "per_page"

    queryset = Note.objects.all()
    serializer_class = NoteSerializer
    pagination_class = Pages
    filter_backends = [*SpatialFilterMixin.filter_backends, filters.SearchFilter]
    search_fields = ["text"]


class EvenLines(filters.BaseFilterBackend):
    """A team's own filter, which does not describe its parameter."""

    def filter_queryset(self, request, queryset, view):
        even = request.GET.get("even")
        return queryset.filter(lines__in=[0, 2, 4, 6]) if even == "yes" else queryset


class WithDefault(django_filters.FilterSet):
    """A default for a filter, as in django-filter's documentation."""

    def __init__(self, data=None, *args, **kwargs):
        data = data.copy()
        data.setdefault("lines", 3)
        super().__init__(data, *args, **kwargs)

    opened = django_filters.DateFromToRangeFilter()

    class Meta:
        model = Stop
        fields = ["lines"]


class Own(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    """Reads parameters in its own code, in every possible way."""

    serializer_class = StopFeature
    filter_backends = [*SpatialMixin.filter_backends, EvenLines]
    filterset_class = WithDefault
    extra_query_params = ["callback"]

    def get_queryset(self):
        most = self.request.query_params.get("most")
        return Stop.objects.filter(id__lte=int(most)) if most else Stop.objects.all()

    @action(detail=False)
    def everything(self, request):
        return Response(dict(request.query_params.items()))

    @action(detail=False)
    def listing(self, request):
        self.filter_queryset(self.get_queryset())
        return Response(request.query_params.dict())


@method_decorator(cache_page(60), name="list")
class Cached(Stops):
    conditional = False


class Kept(Stops):
    cache_control = {"public": True, "no_transform": True}


class Paged(viewsets.ReadOnlyModelViewSet):
    """Its filter has the same name as a parameter of the image's pagination."""

    class PageFilter(django_filters.FilterSet):
        page_after = django_filters.NumberFilter(field_name="lines", lookup_expr="gt")

    queryset = Stop.objects.all()
    serializer_class = StopRow
    filterset_class = PageFilter


class Ranged(Paged):
    class PageFilter(django_filters.FilterSet):
        page = django_filters.DateFromToRangeFilter(field_name="opened")

    filterset_class = PageFilter


class Shouts(Stops):
    """SQL cannot compute its fields, so it has no streams."""

    class Shout(StopRow):
        name = serializers.SerializerMethodField()

        def get_name(self, stop) -> str:
            return stop.name.upper()

    serializer_class = Shout


router = DefaultRouter()
for viewset in (Stops, Rows, Plain, Zones, Notes, Own, Cached, Kept, Paged, Ranged, Shouts):
    router.register(viewset.__name__.lower(), viewset, basename=viewset.__name__.lower())
urlpatterns = router.urls
