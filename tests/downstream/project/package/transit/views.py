from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.viewsets import ModelViewSet, ReadOnlyModelViewSet
from rest_framework_gis.filters import InBBoxFilter

from transit.filters import StopFilter
from transit.models import District, Report, Route, Stop
from transit.serializers import (
    DistrictNameSerializer,
    DistrictSerializer,
    ReportSerializer,
    RouteSerializer,
    StopSerializer,
)


class RouteViewSet(ReadOnlyModelViewSet):
    """Bus and rail lines."""

    queryset = Route.objects.all()
    serializer_class = RouteSerializer
    filterset_fields = ["mode"]


class StopViewSet(ModelViewSet):
    """Stops. ?in_bbox=west,south,east,north returns those in the visible area of a map."""

    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filter_backends = [DjangoFilterBackend, InBBoxFilter]
    filterset_class = StopFilter
    bbox_filter_field = "geom"


class DistrictViewSet(ReadOnlyModelViewSet):
    """Districts. The list has names and numbers; a single district also has its geometry."""

    queryset = District.objects.all()
    serializer_class = DistrictSerializer

    def get_queryset(self):
        districts = super().get_queryset()
        return districts.defer("geom") if self.action == "list" else districts

    def get_serializer_class(self):
        return DistrictNameSerializer if self.action == "list" else DistrictSerializer


class ReportViewSet(ModelViewSet):
    """Riders' reports. Anyone can read them, and authenticated users can write them."""

    queryset = Report.objects.all()
    serializer_class = ReportSerializer
    filterset_fields = ["stop_id"]
