"""Streams of every model, and serializers with fields that SQL can and cannot compute."""

import zoneinfo

from django.db import models
from django.db.models import Case, CharField, F, Func, JSONField, TimeField, UUIDField, Value, When
from django.db.models.functions import Cast, TruncDate
from rest_framework import filters, permissions, serializers, viewsets
from rest_framework.pagination import PageNumberPagination
from rest_framework.routers import DefaultRouter
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.streaming import StreamingMixin
from backend.lists.pagination import CursorPagination
from places.models import Parcel, Route, Stop, Survey


class StopSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Stop
        geo_field = "geom"
        fields = "__all__"


class Stops(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filterset_fields = ["lines", "open_now"]
    filter_backends = [*viewsets.ReadOnlyModelViewSet.filter_backends, filters.OrderingFilter]
    ordering_fields = ["id", "rating"]


class AllKindsSerializer(GeoFeatureModelSerializer):
    """Every kind of field that SQL can compute, with difficult names."""

    title = serializers.CharField(source="name")
    number = serializers.CharField(source="id")
    loose = serializers.FloatField(source="fare")
    exact = serializers.DecimalField(source="fare", max_digits=8, decimal_places=4)
    as_number = serializers.DecimalField(
        source="fare", max_digits=6, decimal_places=2, coerce_to_string=False
    )
    whole = serializers.BigIntegerField(source="lines")
    here = serializers.DateTimeField(
        source="opened", default_timezone=zoneinfo.ZoneInfo("America/Los_Angeles")
    )
    there = serializers.DateTimeField(
        source="opened", default_timezone=zoneinfo.ZoneInfo("Asia/Kathmandu")
    )
    london = serializers.DateTimeField(
        source="opened", default_timezone=zoneinfo.ZoneInfo("Europe/London")
    )
    raw_time = serializers.DateTimeField(source="opened", format=None)
    kept = serializers.ReadOnlyField(source="fare")
    day = serializers.DateField()
    hour = serializers.TimeField()
    token = serializers.UUIDField()
    extra = serializers.JSONField()
    size = serializers.ChoiceField(choices=["small", "large"])
    rounded = GeometryField(source="geom", precision=2)
    moved = GeometryField(source="geom", transform=3857)
    secret = serializers.CharField(write_only=True)

    def get_fields(self):
        odd = serializers.CharField(source="name")
        return {**super().get_fields(), """it's "100%" \\ {straße}""": odd}

    class Meta:
        model = Stop
        geo_field = "geom"
        fields = [
            *("id", "geom", "title", "number", "loose", "exact", "as_number", "whole", "here"),
            *("there", "london", "raw_time", "kept", "day", "hour", "token", "extra", "size"),
            *("rounded", "moved", "rating", "open_now", "secret"),
        ]


class AllKinds(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    serializer_class = AllKindsSerializer
    queryset = Stop.objects.annotate(
        day=TruncDate("opened"),
        hour=Cast("opened", TimeField()),
        token=Cast(Func(Cast("id", CharField()), function="md5"), UUIDField()),
        extra=Func(Value("name"), F("name"), Value("n"), F("rating"), function="jsonb_build_object",
                   output_field=JSONField()),
        size=Case(When(open_now=True, then=Value("small")), default=Value("large")),
    )  # fmt: skip
    # This is the only difference between REST framework's two ways to write a page.
    filterset_fields = ["lines"]


class Parcels(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    class WithTransform(serializers.ModelSerializer):
        shape = GeometryField(transform=4326, precision=6)

        class Meta:
            model = Parcel
            fields = ["id", "owner", "use", "shape"]

    queryset = Parcel.objects.all()
    serializer_class = WithTransform


class StoredParcels(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    class Stored(GeoFeatureModelSerializer):
        class Meta:
            model = Parcel
            geo_field = "shape"
            id_field = False
            fields = ["id", "owner", "use"]

    queryset = Parcel.objects.all()
    serializer_class = Stored


class Routes(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    class RouteFeature(GeoFeatureModelSerializer):
        class Meta:
            model = Route
            geo_field = "path"
            fields = ["number", "path"]
            id_field = "number"

    queryset = Route.objects.all()
    serializer_class = RouteFeature


class Surveys(StreamingMixin, viewsets.ReadOnlyModelViewSet):
    class SurveyFeature(GeoFeatureModelSerializer):
        moved = GeometryField(source="geom", transform=3857)

        class Meta:
            model = Survey
            geo_field = "geom"
            fields = ["id", "label", "geom", "moved"]

    queryset = Survey.objects.all()
    serializer_class = SurveyFeature


class ForAdmins(Stops):
    permission_classes = [permissions.IsAdminUser]


class Rough(Stops):
    stream_precision = 1


class Latest(Stops):
    """In the paginator's order, not the queryset's."""

    class Pages(CursorPagination):
        ordering = "-rating"

    pagination_class = Pages


class LatestOfSome(Latest):
    queryset = Stop.objects.order_by("lines")[:40]
    # Django does not allow filters and orders on a slice.
    filterset_fields = []
    ordering_fields = []


class Numbered(Stops):
    class Pages(PageNumberPagination):
        page_size = 3
        page_size_query_param = "size"

    pagination_class = Pages


class WithMethod(Stops):
    class Shouting(StopSerializer):
        shout = serializers.SerializerMethodField()

        def get_shout(self, stop):
            return stop.name.upper()

    serializer_class = Shouting


class WithMethodLeftOut(WithMethod):
    stream_fields = ["name", "fare"]


class OwnFeature(Stops):
    class Hiding(StopSerializer):
        def to_representation(self, stop):
            return {**super().to_representation(stop), "hidden": None}

    serializer_class = Hiding


class Asleep(Func):
    """True, after a tenth of a second. The row number makes PostgreSQL call it for each row."""

    template = "(pg_sleep(0.1 + 0 * %(expressions)s) IS NOT NULL)"
    output_field = models.BooleanField()


class Slow(Stops):
    class Sleepy(StopSerializer):
        awake = serializers.BooleanField()
        # About 9 kB, so that each row flushes PostgreSQL's buffer of 8 kB.
        long_text = serializers.CharField()

    swagger_schema = None  # too slow or broken, so it is not in the document
    serializer_class = Sleepy
    stream_statement_timeout = 1.5
    queryset = Stop.objects.annotate(
        awake=Asleep(F("id")),
        long_text=Func(F("name"), Value(1200), function="repeat", output_field=CharField()),
    )


class SlowForEver(Slow):
    stream_statement_timeout = 0


class NoFirstRow(Slow):
    queryset = Slow.queryset.order_by("awake", "id")
    stream_statement_timeout = 2  # `check --live` requests it too, with few rows


class NoneEver(NoFirstRow):
    stream_statement_timeout = 0


class Broken(Stops):
    """Divides by zero at the row that the client names."""

    class Divided(StopSerializer):
        ratio = serializers.FloatField()

    swagger_schema = None
    serializer_class = Divided

    def get_queryset(self):
        row = int(self.request.query_params.get("row", 0)) if self.request else 0
        ratio = 1.0 / (F("id") - Value(row))
        return Stop.objects.annotate(ratio=Cast(ratio, models.FloatField()))


router = DefaultRouter()
for viewset in (
    *(Stops, AllKinds, Parcels, StoredParcels, Routes, Surveys, ForAdmins, WithMethod),
    *(Rough, Latest, LatestOfSome, Numbered),
    *(WithMethodLeftOut, OwnFeature, Slow, SlowForEver, NoFirstRow, NoneEver, Broken),
):
    router.register(viewset.__name__.lower(), viewset, basename=f"streams-{viewset.__name__}")
urlpatterns = router.urls
