"""Viewsets that are asked in every way a client may ask."""

from rest_framework import permissions, serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from asked.models import Stop
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


router = DefaultRouter()
for viewset in (Stops, Rows, Plain):
    router.register(viewset.__name__.lower(), viewset, basename=viewset.__name__.lower())
urlpatterns = router.urls
