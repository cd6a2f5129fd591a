"""Conditional requests, compression, and caching."""

from django.http import HttpResponse
from django.urls import path
from rest_framework import viewsets
from rest_framework.permissions import IsAdminUser
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import SerializerMethodField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from backend.lists.conditional import ConditionalMixin
from places.models import Route, Stop


class StopSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = ("id", "name", "lines", "geom")
        ref_name = "http.Stop"


class StopViewSet(ConditionalMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filterset_fields = ["lines"]
    cache_control = {"public": True, "max_age": 300}


class ClosedViewSet(StopViewSet):
    permission_classes = [IsAdminUser]


class AlwaysViewSet(StopViewSet):
    conditional = False
    cache_control = None


class EverythingViewSet(SpatialMixin, viewsets.ModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filterset_fields = ["lines"]


class RouteSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Route
        geo_field = "path"
        fields = ("id", "number", "path")
        ref_name = "http.Route"


class RouteViewSet(ConditionalMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Route.objects.all()
    serializer_class = RouteSerializer


class WithRoutesViewSet(StopViewSet):
    """Rows of two databases."""

    class WithRoute(StopSerializer):
        route = SerializerMethodField()

        def get_route(self, stop) -> int | None:
            return Route.objects.filter(pk=stop.pk).values_list("number", flat=True).first()

        class Meta(StopSerializer.Meta):
            fields = (*StopSerializer.Meta.fields, "route")
            ref_name = "http.WithRoute"

    serializer_class = WithRoute


def page(request):
    return HttpResponse("<p>" + "a page " * 1000)


router = DefaultRouter()
router.register("stops", StopViewSet)
router.register("closed", ClosedViewSet, basename="closed")
router.register("always", AlwaysViewSet, basename="always")
router.register("routes", RouteViewSet)
router.register("withroutes", WithRoutesViewSet, basename="withroutes")
router.register("everything", EverythingViewSet, basename="everything")
urlpatterns = [path("page/", page), *router.urls]
