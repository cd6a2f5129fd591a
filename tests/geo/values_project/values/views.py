"""Every column, in every format."""

import datetime
import zoneinfo

from django.utils import timezone
from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from values.models import Declared, Guessed

ZONES = {
    "fixed": datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)),
    "pacific": zoneinfo.ZoneInfo("America/Los_Angeles"),
}


class InZoneMixin:
    """Activates the time zone that ``X-Zone`` names, as a team's middleware could."""

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        zone = ZONES.get(request.headers.get("X-Zone"))
        timezone.activate(zone) if zone else timezone.deactivate()


class DeclaredSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Declared
        geo_field = "geom"
        fields = "__all__"


class GuessedSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Guessed
        geo_field = "geom"
        fields = "__all__"


class DeclaredView(InZoneMixin, SpatialMixin, viewsets.ModelViewSet):
    queryset = Declared.objects.all()
    serializer_class = DeclaredSerializer
    filterset_fields = {"moment": ["gt", "lt"]}


class GuessedView(InZoneMixin, SpatialMixin, viewsets.ModelViewSet):
    queryset = Guessed.objects.all()
    serializer_class = GuessedSerializer
    authentication_classes = permission_classes = ()


class WithParentSerializer(GeoFeatureModelSerializer):
    title = serializers.CharField(source="parent.title", read_only=True)

    class Meta:
        model = Declared
        geo_field = "geom"
        fields = ["id", "geom", "title"]


class WithParent(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Declared.objects.all()
    serializer_class = WithParentSerializer


class MistakenSerializer(GeoFeatureModelSerializer):
    tags = serializers.CharField(source="parent.tags", allow_null=True)

    class Meta:
        model = Declared
        geo_field = "geom"
        fields = ["id", "geom", "tags"]


class MistakenView(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    """A related column that its model declares as text, but that is an array."""

    queryset = Declared.objects.all()
    serializer_class = MistakenSerializer


class Replicated(WithParent):
    queryset = Declared.objects.using("replica")


router = DefaultRouter()
router.register("declared", DeclaredView, "declared")
router.register("guessed", GuessedView, "guessed")
router.register("withparent", WithParent, "withparent")
router.register("mistaken", MistakenView, "mistaken")
router.register("replicated", Replicated, "replicated")
urlpatterns = router.urls
