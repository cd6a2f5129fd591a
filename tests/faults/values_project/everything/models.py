"""A column of every type of GeoDjango and django.contrib.postgres, and of some other types."""

from django.contrib.gis.db import models
from django.contrib.postgres import fields as postgres
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.search import SearchVectorField
from django.db.models.functions import Lower


class Owner(models.Model):
    name = models.CharField(max_length=50)


def null(field, *arguments, **options):
    return field(*arguments, null=True, blank=True, **options)


class Thing(models.Model):
    boolean = null(models.BooleanField)
    small = null(models.SmallIntegerField)
    whole = null(models.IntegerField)
    large = null(models.BigIntegerField)
    positive = null(models.PositiveIntegerField)
    decimal = null(models.DecimalField, max_digits=8, decimal_places=2)
    real = null(models.FloatField)
    char = null(models.CharField, max_length=20)
    text = null(models.TextField, db_index=True)
    slug = null(models.SlugField)
    email = null(models.EmailField)
    url = null(models.URLField)
    uuid = null(models.UUIDField)
    ip = null(models.GenericIPAddressField)
    day = null(models.DateField)
    clock = null(models.TimeField)
    moment = null(models.DateTimeField)
    duration = null(models.DurationField)
    document = null(models.JSONField)
    numbers = null(postgres.ArrayField, models.IntegerField())
    texts = null(postgres.ArrayField, models.CharField(max_length=10))
    matrix = null(postgres.ArrayField, postgres.ArrayField(models.IntegerField()))
    days = null(postgres.ArrayField, models.DateField())
    pairs = null(postgres.HStoreField)
    span = null(postgres.IntegerRangeField)
    large_span = null(postgres.BigIntegerRangeField)
    decimal_span = null(postgres.DecimalRangeField)
    moments = null(postgres.DateTimeRangeField)
    period = null(postgres.DateRangeField)
    words = null(SearchVectorField)
    mood = null(models.TextField)  # an enum; inspectdb guesses TextField
    money = null(models.TextField)
    mac = null(models.TextField)
    bits = null(models.TextField)
    xml = null(models.TextField)
    owner = null(models.ForeignKey, Owner, on_delete=models.PROTECT)
    point = null(models.PointField)
    high = null(models.PointField, dim=3)
    line = null(models.LineStringField)
    polygon = null(models.PolygonField)
    points = null(models.MultiPointField)
    lines = null(models.MultiLineStringField)
    polygons = null(models.MultiPolygonField, srid=2913)
    collection = null(models.GeometryCollectionField)
    shape = null(models.GeometryField)
    place = null(models.PointField, geography=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(whole__lt=1000), name="not_too_whole"),
            models.UniqueConstraint(Lower("slug"), name="one_slug"),
            ExclusionConstraint(name="no_overlap", expressions=[("span", RangeOperators.OVERLAPS)]),
        ]
