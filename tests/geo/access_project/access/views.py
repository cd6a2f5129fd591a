"""Viewsets of ours, each beside one of plain REST framework over the same rows."""

from rest_framework import viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from access.models import Place
from backend.geo.viewsets import SpatialMixin


class PlaceSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "area"
        fields = ["id", "name", "area"]


class PlainPlaces(viewsets.ReadOnlyModelViewSet):
    queryset = Place.objects.all()
    serializer_class = PlaceSerializer


class Places(SpatialMixin, PlainPlaces):
    pass


router = DefaultRouter()
router.register("plain/places", PlainPlaces, basename="plain-places")
router.register("places", Places, basename="places")
urlpatterns = router.urls
