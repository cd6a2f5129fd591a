"""A table with every type as a team declares it, and a table as ``inspectdb`` reads it."""

from django.contrib.gis.db import models
from django.contrib.postgres import fields as postgres
from django.db.models import F


class Parent(models.Model):
    title = models.TextField()
    tags = models.TextField()  # an array

    class Meta:
        managed = False
        db_table = "parent"


class Declared(models.Model):
    SIZES = ((1, "small"), (2, "large"))

    geom = models.PointField(null=True)
    parent = models.ForeignKey(Parent, models.DO_NOTHING, null=True)
    note = models.TextField(null=True)
    code = models.CharField(max_length=8, null=True)
    small = models.SmallIntegerField(null=True)
    whole = models.IntegerField(null=True)
    big = models.BigIntegerField(null=True)
    size = models.IntegerField(choices=SIZES, null=True)
    flag = models.BooleanField(null=True)
    ratio = models.FloatField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    token = models.UUIDField(null=True)
    raw = models.BinaryField(null=True)
    data = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    labels = postgres.ArrayField(models.TextField(), null=True)
    grid = postgres.ArrayField(postgres.ArrayField(models.IntegerField()), null=True)
    prices = postgres.ArrayField(models.DecimalField(max_digits=8, decimal_places=2), null=True)
    moments = postgres.ArrayField(models.DateTimeField(), null=True)
    flags = postgres.ArrayField(models.BooleanField(), null=True)
    pairs = postgres.HStoreField(null=True)
    whole_range = postgres.IntegerRangeField(null=True)
    big_range = postgres.BigIntegerRangeField(null=True)
    price_range = postgres.DecimalRangeField(null=True)
    day_range = postgres.DateRangeField(null=True)
    moment_range = postgres.DateTimeRangeField(null=True)
    doubled = models.GeneratedField(
        expression=F("whole") * 2, output_field=models.IntegerField(), db_persist=True
    )

    class Meta:
        managed = False
        db_table = "declared"
        ordering = ["id"]


class Guessed(models.Model):
    """Fields as ``inspectdb`` writes them. It guesses TextField for types that it does not know."""

    geom = models.PointField(null=True)
    real = models.FloatField(null=True)
    local = models.DateTimeField(null=True)
    amount = models.DecimalField(max_digits=65535, decimal_places=65535, null=True)
    fixed = models.CharField(max_length=6, null=True)
    texts = models.TextField(null=True)
    numbers = models.TextField(null=True)
    days = models.TextField(null=True)
    document = models.TextField(null=True)
    binary_document = models.TextField(null=True)
    folded = models.TextField(null=True)
    mood = models.TextField(null=True)
    moods = models.TextField(null=True)
    pairs = models.TextField(null=True)
    money = models.TextField(null=True)
    network = models.TextField(null=True)
    mac = models.TextField(null=True)
    bits = models.TextField(null=True)
    markup = models.TextField(null=True)
    words = models.TextField(null=True)
    number_range = models.TextField(null=True)
    day_multirange = models.TextField(null=True)
    sentence = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "guessed"
        ordering = ["id"]
