"""Ordinary viewsets, which do not depend on the image. All Django contestants run them."""

from django.http import HttpRequest, JsonResponse
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ReadOnlyModelViewSet
from rest_framework_gis.filters import InBBoxFilter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from places import models


def hello(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "world"})


def rows(of: type, *mixins: type) -> type[ReadOnlyModelViewSet]:
    class Serializer(ModelSerializer):
        class Meta:
            model = of
            fields = ("id", "name", "kind", "value", "opened")

    class ViewSet(*mixins, ReadOnlyModelViewSet):
        queryset = of.objects.all()
        serializer_class = Serializer

    return ViewSet


def features(of: type, *mixins: type) -> type[ReadOnlyModelViewSet]:
    class Serializer(GeoFeatureModelSerializer):
        class Meta:
            model = of
            geo_field = "geom"
            fields = ("id", "name", "kind", "value")

    class ViewSet(*mixins, ReadOnlyModelViewSet):
        queryset = of.objects.all()
        serializer_class = Serializer
        filter_backends = (InBBoxFilter,)
        bbox_filter_field = "geom"
        bbox_filter_include_overlapping = True

    return ViewSet


ROWS = {"few": models.FewRows, "many": models.ManyRows}
FEATURES = {"points": models.Point, "lines": models.Line, "polygons": models.Polygon}
