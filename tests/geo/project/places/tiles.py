"""Viewsets whose answers are vector tiles."""

from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import DefaultRouter, SimpleRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.tiles import TilesMixin
from places.models import Parcel, Route, Stop, Survey


class StopSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = ["id", "name", "lines", "fare", "opened", "rating", "open_now", "geom"]


class ParcelSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Parcel
        geo_field = "shape"
        fields = ["id", "owner", "use", "shape"]


class RouteSerializer(ModelSerializer):
    class Meta:
        model = Route
        fields = ["id", "number", "path"]


class SurveySerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Survey
        geo_field = "geom"
        fields = ["id", "label", "geom"]


class Stops(TilesMixin, ReadOnlyModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filterset_fields = ["lines", "name"]


class Parcels(TilesMixin, ReadOnlyModelViewSet):
    queryset = Parcel.objects.all()
    serializer_class = ParcelSerializer
    filterset_fields = ["use"]
    tile_fields = ["use"]
    tile_layer = "lots"
    tile_max_zoom = 16


class Routes(TilesMixin, ReadOnlyModelViewSet):
    queryset = Route.objects.all()
    serializer_class = RouteSerializer


class Surveys(TilesMixin, ReadOnlyModelViewSet):
    queryset = Survey.objects.all()
    serializer_class = SurveySerializer


class Secrets(Stops):
    permission_classes = [IsAuthenticated]


class Samples(Stops):
    tile_max_features = 100


router = DefaultRouter()
router.register("stops", Stops, "tile-stop")
router.register("parcels", Parcels, "tile-parcel")
router.register("routes", Routes, "tile-route")
router.register("surveys", Surveys, "tile-survey")
router.register("secrets", Secrets, "tile-secret")
router.register("samples", Samples, "tile-sample")
simple = SimpleRouter()
simple.register("stops", Stops, "simple-stop")
urlpatterns = [*router.urls, path("simple/", include(simple.urls))]
