"""Viewsets for each table: with the mixin, with parts of it, and without it.

The variable TABLES is a pattern for the names of the tables.
"""

import os
import re

from rest_framework.permissions import AllowAny
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from shapes.models import ANY, EVERY, Box, Two

GEO_FIELD = {Two: "area"}


def _feature(model, **meta):
    options = {"model": model, "fields": "__all__", "geo_field": GEO_FIELD.get(model, "geom")}
    options |= {"ref_name": None, **meta}
    return type(model.__name__, (GeoFeatureModelSerializer,), {"Meta": type("Meta", (), options)})


def _viewset(model, serializer, *mixins, **attributes):
    attributes |= {"queryset": model.objects.order_by("pk"), "serializer_class": serializer}
    attributes["permission_classes"] = [AllowAny]
    return type(f"{model.__name__}ViewSet", (*mixins, ModelViewSet), attributes)


def _name(model):
    return model.__name__.lower()


router = DefaultRouter()
_TABLES = re.compile(os.environ.get("TABLES", ".*"))
for _model in EVERY:
    if not _TABLES.fullmatch(_name(_model)):
        continue
    _serializer = _feature(_model)
    router.register(_name(_model), _viewset(_model, _serializer, SpatialMixin), _name(_model))
    stock = f"stock-{_name(_model)}"
    router.register(stock, _viewset(_model, _serializer), stock)
for _model in ANY:
    if not _TABLES.fullmatch(_name(_model)):
        continue
    opted_out = _viewset(_model, _feature(_model), SpatialMixin, wgs84=False)
    router.register(f"stored-{_name(_model)}", opted_out, f"stored-{_name(_model)}")


class PlainTwo(ModelSerializer):
    class Meta:
        model = Two
        fields = "__all__"
        ref_name = None


class Rounded(ModelSerializer):
    area = GeometryField(precision=2)

    class Meta:
        model = Two
        fields = "__all__"
        ref_name = None


class WithBoxes(GeoFeatureModelSerializer):
    class Meta:
        model = Box
        geo_field = "geom"
        fields = ("id", "name")
        auto_bbox = True
        ref_name = None


class WithBoxOfField(ModelSerializer):
    geom = GeometryField(auto_bbox=True)

    class Meta:
        model = Box
        fields = "__all__"
        ref_name = None


_PARCELS = next(model for model in EVERY if model.__name__ == "MultiPolygon2913")


class BoxedFeet(GeoFeatureModelSerializer):
    class Meta:
        model = _PARCELS
        geo_field = "geom"
        fields = ("id", "name")
        auto_bbox = True
        ref_name = None


class AsBox(GeoFeatureModelSerializer):
    class Meta:
        model = Box
        geo_field = None
        bbox_geo_field = "geom"
        fields = ("id", "name")
        ref_name = None


for _path, _shown in {
    "plain-two": PlainTwo,
    "rounded-two": Rounded,
    "with-boxes": WithBoxes,
    "with-box-of-field": WithBoxOfField,
    "as-box": AsBox,
    "boxed-2913": BoxedFeet,
}.items():
    router.register(_path, _viewset(_shown.Meta.model, _shown, SpatialMixin), _path)
urlpatterns = router.urls
