"""Viewsets of vector tiles."""

from django.db import models
from django.db.models import Func, Value
from django.urls import include, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import DefaultRouter, SimpleRouter
from rest_framework.serializers import CharField, ModelSerializer
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


class First(Stops):
    queryset = Stop.objects.order_by("id")[:3]
    filterset_fields = []


class OneOfEach(Stops):
    """The first stop for each number of lines."""

    queryset = Stop.objects.order_by("lines", "id").distinct("lines")
    filterset_fields = []


class CompilerSerializer(GeoFeatureModelSerializer):
    compiler = CharField()

    class Meta:
        model = Stop
        geo_field = "geom"
        fields = ["id", "compiler", "geom"]


class Compilers(TilesMixin, ReadOnlyModelViewSet):
    """The setting of PostgreSQL's compiler inside the statement of a tile."""

    queryset = Stop.objects.annotate(
        compiler=Func(Value("jit"), function="current_setting", output_field=models.CharField())
    )
    serializer_class = CompilerSerializer


router = DefaultRouter()
router.register("stops", Stops, "tile-stop")
router.register("parcels", Parcels, "tile-parcel")
router.register("routes", Routes, "tile-route")
router.register("surveys", Surveys, "tile-survey")
router.register("secrets", Secrets, "tile-secret")
router.register("samples", Samples, "tile-sample")
router.register("first", First, "tile-first")
router.register("oneofeach", OneOfEach, "tile-one-of-each")
router.register("compilers", Compilers, "tile-compiler")
simple = SimpleRouter()
simple.register("stops", Stops, "simple-stop")
urlpatterns = [*router.urls, path("simple/", include(simple.urls))]
