from rest_framework.serializers import ModelSerializer
from rest_framework_gis.serializers import GeoFeatureModelSerializer, GeoModelSerializer

from transit.models import District, Report, Route, Stop


class RouteSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Route
        geo_field = "geom"
        fields = ["number", "name", "mode"]


class StopSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = ["id", "name", "route", "boardings"]


class DistrictSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = District
        geo_field = "geom"
        fields = ["id", "name", "population"]


class DistrictNameSerializer(ModelSerializer):
    """Without the geometry, which makes up most of the response."""

    class Meta:
        model = District
        fields = ["id", "name", "population"]


class ReportSerializer(GeoModelSerializer):
    class Meta:
        model = Report
        geo_field = "place"
        fields = ["id", "stop_id", "text", "place", "created"]
