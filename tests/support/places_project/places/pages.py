"""Viewsets with pages, filters, and documentation."""

from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.filters import SparseFieldsMixin, SpatialFilter, SpatialFilterMixin
from backend.lists.pagination import CursorPagination
from places.models import Parcel, Route, Stop, Survey


class StopSerializer(serializers.ModelSerializer):
    class Meta:
        model = Stop
        fields = "__all__"


class StopFeatureSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = ["id", "name", "lines"]


class ParcelSerializer(serializers.ModelSerializer):
    class Meta:
        model = Parcel
        fields = ["id", "owner", "use"]


class RouteFeatureSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Route
        geo_field = "path"
        fields = ["id", "number"]


class SurveySerializer(serializers.ModelSerializer):
    class Meta:
        model = Survey
        fields = ["id", "label"]


class PlainStops(viewsets.ReadOnlyModelViewSet):
    """A team's view without any class from the image."""

    queryset = Stop.objects.all()
    serializer_class = StopSerializer


class DescendingStops(PlainStops):
    queryset = Stop.objects.order_by("-id")


class NamedStops(PlainStops):
    queryset = Stop.objects.order_by("name")


class Odd(PlainStops):
    """Filtered to 2,500 rows."""

    queryset = Stop.objects.filter(open_now=False)


class Unordered(PlainStops):
    queryset = Stop.objects.order_by()


class Few(PlainStops):
    queryset = Stop.objects.filter(id__lte=25)


class Listed(PlainStops):
    """A view that pages a list, not a queryset."""

    def filter_queryset(self, queryset):
        return list(queryset.filter(id__lte=25))


class CursorStops(SpatialFilterMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    pagination_class = CursorPagination


class Stops(SparseFieldsMixin, SpatialFilterMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer


class StopFeatures(SparseFieldsMixin, SpatialFilterMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopFeatureSerializer


class Parcels(viewsets.ReadOnlyModelViewSet):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer
    filter_backends = [SpatialFilter]
    spatial_filter_fields = ["shape"]  # not in the serializer


class Routes(SpatialFilterMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Route.objects.all()
    serializer_class = RouteFeatureSerializer


class Surveys(SpatialFilterMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Survey.objects.all()
    serializer_class = SurveySerializer
    spatial_filter_fields = ["geom"]  # not in the serializer


router = DefaultRouter()
router.register("plain", PlainStops, basename="plain")
router.register("descending", DescendingStops, basename="descending")
router.register("named", NamedStops, basename="named")
router.register("odd", Odd, basename="odd")
router.register("unordered", Unordered, basename="unordered")
router.register("few", Few, basename="few")
router.register("listed", Listed, basename="listed")
router.register("cursor", CursorStops, basename="cursor")
router.register("stops", Stops, basename="stops")
router.register("features", StopFeatures, basename="features")
router.register("parcels", Parcels, basename="parcels")
router.register("routes", Routes, basename="routes")
router.register("surveys", Surveys, basename="surveys")
urlpatterns = router.urls
