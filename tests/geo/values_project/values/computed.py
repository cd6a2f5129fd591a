"""Annotations with a correct or a wrong output_field, in a ReadOnlyField and in suitable fields."""

import zoneinfo

from django.contrib.postgres.aggregates import ArrayAgg, StringAgg
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import (
    Avg,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    Q,
    Subquery,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models import functions as f
from django.db.models.expressions import OuterRef, RawSQL
from rest_framework import serializers, viewsets
from rest_framework.routers import DefaultRouter
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from values.models import Declared
from values.views import InZoneMixin

TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
CENTS = models.DecimalField(max_digits=16, decimal_places=2)
WHOLE, FLOAT, DATE, MOMENT = (
    *(models.IntegerField(), models.FloatField(), models.DateField(), models.DateTimeField()),
)
as_ = ExpressionWrapper


def raw(sql, field):
    return RawSQL(sql, [], output_field=field)  # noqa: S611


def _field(cls, **options):
    return lambda source: cls(source=source, allow_null=True, read_only=True, **options)


FIELDS = {
    "whole": _field(serializers.IntegerField),
    "number": _field(serializers.FloatField),
    "text": _field(serializers.CharField),
    "cents": _field(serializers.DecimalField, max_digits=None, decimal_places=2),
    "digits": _field(serializers.DecimalField, max_digits=None, decimal_places=None),
    "day": _field(serializers.DateField),
    "moment": _field(serializers.DateTimeField),
    "clock": _field(serializers.TimeField),
    "span": _field(serializers.DurationField),
    "flag": _field(serializers.BooleanField),
    "list": lambda source: _field(
        serializers.ListField, child=serializers.IntegerField(allow_null=True)
    )(source),
}
NOT_AS_IT_IS = ("span", "list")  # these need REST framework's own field
# Only years that exist in Python in every time zone.
near = Case(When(moment__year__gt=2, moment__year__lt=9999, then="moment"))
own = Declared.objects.filter(pk=OuterRef("pk"))
# An annotation, and the fields that can show it in addition to a ReadOnlyField.
OF_A_ROW = {
    "month_of_day": (f.TruncMonth("day"), "day"),
    "month": (f.TruncMonth("moment"), "moment"),
    "month_there": (f.TruncMonth("near", tzinfo=TOKYO), "moment"),
    "month_as_day": (f.TruncMonth("moment", output_field=DATE), "day"),
    "day_there": (f.TruncDate("near", tzinfo=TOKYO), "day"),
    "hour": (f.TruncHour("clock"), "clock"),
    "hour_as_clock": (f.TruncHour("moment", output_field=models.TimeField()), "clock"),
    "local": (as_(f.TruncDay("near", tzinfo=TOKYO), output_field=MOMENT), "moment"),
    "local_of_subquery": (
        Subquery(own.alias(near=near).annotate(d=f.TruncDay("near", tzinfo=TOKYO)).values("d")),
        "moment",
    ),
    "third": (as_(F("price") / 3, output_field=CENTS), "cents digits number"),
    "half": (as_(F("price") * Value(0.5), output_field=CENTS), "cents digits"),
    "half_cent": (as_(F("id") * Value(5) / Value(1000.0), output_field=CENTS), "cents digits"),
    "below_zero": (as_(-F("id") / Value(2000.0), output_field=CENTS), "cents digits"),
    "whole_as_cents": (as_(F("whole"), output_field=CENTS), "cents digits"),
    "real_as_cents": (raw("(0.1)::real", CENTS), ""),
    "halved": (as_(-F("id") / Value(2.0), output_field=WHOLE), "whole number text"),
    "floored": (as_(F("id") * raw("0.7::float8", FLOAT), output_field=WHOLE), "whole"),
    "text_as_whole": (as_(f.Cast("id", models.TextField()), output_field=WHOLE), "whole"),
    "text_as_number": (as_(f.Cast("id", models.TextField()), output_field=FLOAT), "number"),
    "numeric_as_number": (as_(F("price") / 3, output_field=FLOAT), "number"),
    "whole_as_number": (as_(F("whole"), output_field=FLOAT), "number"),
    "real_as_number": (raw("(0.1)::real", FLOAT), "number"),
    "ratio_as_it_is": (as_(F("ratio"), output_field=FLOAT), ""),
    "in_text": (f.Cast("price", models.TextField()), "text"),
    "or_nothing": (f.Coalesce("whole", Value(0)), "whole"),
    "or_no_price": (f.Coalesce("price", Value(0), output_field=CENTS), "cents"),
    "either": (Case(When(flag=True, then="whole"), default="price", output_field=WHOLE), "whole"),
    "described": (f.JSONObject(a="whole", b="price", c="note"), ""),
    "inside": (F("data__a"), ""),
    "year": (f.ExtractYear("near"), "whole"),
    "second": (f.ExtractSecond("clock"), "whole"),
    "weekday_there": (f.ExtractWeekDay("near", tzinfo=TOKYO), "whole"),
    "today": (f.TruncDay(f.Now()), "moment"),
    "length": (f.Length("note"), "whole"),
    "joined": (f.Concat("note", Value(" "), "whole", output_field=models.TextField()), "text"),
    "blanks": (raw("'ab'::char(6)", models.TextField()), "text"),
    "address_as_text": (raw("'10.0.0.1'::inet", models.TextField()), "text"),
    "rounded": (f.Round("price", 1), "cents"),
    "root": (f.Sqrt("id"), "number"),
    "number_in_order": (Window(f.RowNumber(), order_by="id"), "whole"),
    "rank": (Window(f.PercentRank(), order_by="id"), "number"),
    "so_far": (Window(Sum("whole"), order_by="id"), "whole"),
    "before": (Window(f.Lag("price"), order_by="id"), "cents"),
    "there": (Exists(own), "flag"),
    "above": (as_(Q(whole__gt=0), output_field=models.BooleanField()), "flag"),
}
OF_A_GROUP = {
    "average": (Avg("price"), "cents digits number"),
    "average_as_number": (Avg("price", output_field=FLOAT), "number"),
    "average_as_whole": (Avg("id", output_field=WHOLE), "whole"),
    "average_of_wholes": (Avg("whole"), "number"),
    "sum": (Sum("whole"), "whole"),
    "sum_of_big": (Sum("big"), "whole text"),
    "sum_of_prices": (Sum("price"), "cents"),
    "sum_of_spans": (Sum("span"), "span"),
    "sum_or_nothing": (f.Coalesce(Sum("price"), Value(0), output_field=CENTS), "cents"),
    "wholes": (ArrayAgg("whole"), "list"),
    "parents": (Count("parent"), "whole"),
    "notes": (StringAgg("note", ","), "text"),
    "latest": (Max("moment"), "moment"),
}


def serializer_of(name, annotations):
    members = {
        annotation: serializers.ReadOnlyField()
        for annotation, (_, kinds) in annotations.items()
        if kinds not in NOT_AS_IT_IS
    }
    for annotation, (_, kinds) in annotations.items():
        for kind in kinds.split():
            members[f"{annotation}_in_{kind}"] = FIELDS[kind](annotation)
    meta = {"model": Declared, "geo_field": "geom", "fields": ["id", "geom", *members]}
    members["Meta"] = type("Meta", (), meta)
    return type(f"{name}Serializer", (GeoFeatureModelSerializer,), members)


def rows(annotations):
    annotated = {name: one for name, (one, _) in annotations.items()}
    return Declared.objects.alias(near=near).annotate(**annotated).order_by("id")


class Computed(InZoneMixin, SpatialMixin, viewsets.ReadOnlyModelViewSet):
    queryset = rows(OF_A_ROW)
    serializer_class = serializer_of("Computed", OF_A_ROW)
    filterset_fields = {"moment": ["gt", "lt"]}


class Grouped(Computed):
    queryset = rows(OF_A_GROUP)
    serializer_class = serializer_of("Grouped", OF_A_GROUP)


class Shouted(models.Func):
    function = "upper"
    output_field = models.TextField()

    def convert_value(self, value, expression, connection):
        return f"{value}!"


# Annotations with a wrong output_field, so that SQL cannot produce the same value.
CLAIMS = {
    "array as text": (raw("ARRAY[1, 2]", models.TextField()), "text"),
    "number as text": (as_(F("whole"), output_field=models.TextField()), "text"),
    "day as moment": (raw("date '2020-01-01'", MOMENT), ""),
    "moment as day": (raw("timestamptz '2020-01-01 00:00Z'", DATE), ""),
    "number as flag": (raw("1", models.BooleanField()), "flag"),
    "numerics as wholes": (raw("ARRAY[1.5]", ArrayField(WHOLE)), "list"),
    "float as decimal": (as_(F("id") * raw("0.1::float8", FLOAT), output_field=CENTS), "digits"),
    "of a team": (Shouted("note"), "text"),
}


class Claimed(Computed):
    """The header ``X-Claim`` names one of CLAIMS."""

    queryset = Declared.objects.annotate(x=F("note"))

    @property
    def claim(self):
        return CLAIMS.get(self.request.headers.get("X-Claim"), (F("note"), "text"))

    def get_queryset(self):
        return Declared.objects.annotate(x=self.claim[0])

    def get_serializer_class(self):
        kind = self.claim[1]
        field = FIELDS[kind]("x") if kind else serializers.ReadOnlyField(source="x")
        meta = {"model": Declared, "geo_field": "geom", "fields": ["id", "geom", "shown"]}
        members = {"shown": field, "Meta": type("Meta", (), meta)}
        return type("ClaimedSerializer", (GeoFeatureModelSerializer,), members)


router = DefaultRouter()
router.register("computed", Computed, "computed")
router.register("grouped", Grouped, "grouped")
router.register("claimed", Claimed, "claimed")
urlpatterns = router.urls
