"""Unusual views. All of their operations can be documented."""

from django.utils.safestring import mark_safe
from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets
from rest_framework.authentication import TokenAuthentication
from rest_framework.decorators import action
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework_gis.filters import (
    DistanceToPointFilter,
    DistanceToPointOrderingFilter,
    InBBoxFilter,
    TMSTileFilter,
)
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from records.models import Node, Reading, Well


class WellSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Well
        geo_field = "place"
        fields = ["id", "name", "depth", "flow", "day", "details", "grade"]


class PlainWellSerializer(serializers.ModelSerializer):
    """The geometry and the JSON are on the top level."""

    class Meta:
        model = Well
        fields = "__all__"


class NodeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Node
        fields = ["id", "name"]

    def get_fields(self):
        fields = super().get_fields()
        fields["children"] = NodeSerializer(many=True, read_only=True)
        return fields


class NamelessNodeSerializer(NodeSerializer):
    """The same, but without a separate definition in the document."""

    class Meta(NodeSerializer.Meta):
        ref_name = None

    def get_fields(self):
        fields = super().get_fields()
        fields["children"] = NamelessNodeSerializer(many=True, read_only=True)
        return fields


class ReadingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Reading
        fields = ["well", "day", "level"]


class Taken(filters.FilterSet):
    """Filters with the same names as parameters of pages, formats, and ordering."""

    count = filters.NumberFilter("depth", label=mark_safe("Its <b>depth</b>."))
    limit = filters.NumberFilter("depth", "lte")
    offset = filters.NumberFilter("depth", "gte")
    page_after = filters.NumberFilter("id", "gt")
    fields = filters.CharFilter("name")
    format = filters.CharFilter("name")
    ordering = filters.CharFilter("name")
    search = filters.CharFilter("name")
    in_bbox = filters.CharFilter("name")

    class Meta:
        model = Well
        fields = ["day"]


class Wells(SpatialMixin, viewsets.ModelViewSet):
    """Wells of drinking water."""

    queryset = Well.objects.all()
    serializer_class = WellSerializer

    @action(detail=True)
    def neighbors(self, request, pk=None):
        """The wells around this one.

        Nearest first.
        """
        return Response([])


class TakenNames(Wells):
    filterset_class = Taken


class TakenOrder(viewsets.ReadOnlyModelViewSet):
    """REST framework's own search and ordering, together with filters of the same names."""

    queryset = Well.objects.all()
    serializer_class = PlainWellSerializer
    filter_backends = [filters.DjangoFilterBackend, OrderingFilter, SearchFilter]
    filterset_class = Taken
    search_fields = ["name"]


class Pages(PageNumberPagination):
    page_size = 2
    page_size_query_param = "count"


class TakenPages(TakenOrder):
    pagination_class = Pages


class Near(viewsets.ReadOnlyModelViewSet):
    queryset = Well.objects.all()
    serializer_class = WellSerializer
    filter_backends = [DistanceToPointOrderingFilter]
    distance_filter_field = distance_ordering_filter_field = "place"


class Library(Near):
    """All filters of djangorestframework-gis."""

    filter_backends = [InBBoxFilter, TMSTileFilter, DistanceToPointFilter]
    bbox_filter_field = "place"


class AllFields(viewsets.ReadOnlyModelViewSet):
    queryset = Well.objects.all()
    serializer_class = PlainWellSerializer
    filterset_fields = "__all__"


class Nodes(viewsets.ModelViewSet):
    queryset = Node.objects.filter(parent=None)
    serializer_class = NodeSerializer


class NamelessNodes(Nodes):
    serializer_class = NamelessNodeSerializer


class Readings(viewsets.ReadOnlyModelViewSet):
    queryset = Reading.objects.order_by("well_id", "day")
    serializer_class = ReadingSerializer


class SpatialReadings(SpatialMixin, Readings):
    pass


class Uploads(Wells):
    """Accepts only forms, which cannot contain nested values."""

    parser_classes = [MultiPartParser]
    serializer_class = PlainWellSerializer


class Closed(Wells):
    permission_classes = [IsAuthenticated]


class ByToken(Closed):
    authentication_classes = [TokenAuthentication]


router = DefaultRouter()
router.register("wells", Wells)
router.register("taken", TakenNames, basename="taken")
router.register("taken-order", TakenOrder, basename="taken-order")
router.register("taken-pages", TakenPages, basename="taken-pages")
router.register("near", Near, basename="near")
router.register("library", Library, basename="library")
router.register("all-fields", AllFields, basename="all-fields")
router.register("nodes", Nodes)
router.register("nameless-nodes", NamelessNodes, basename="nameless")
router.register("readings", Readings, basename="readings")
router.register("spatial-readings", SpatialReadings, basename="spatial-readings")
router.register("uploads", Uploads, basename="uploads")
router.register("closed", Closed, basename="closed")
router.register("by-token", ByToken, basename="by-token")
urlpatterns = router.urls
