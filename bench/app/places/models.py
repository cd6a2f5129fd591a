"""Models for the tables of bench/dataset.sql, as a team writes them for existing tables."""

from django.contrib.gis.db import models


class Place(models.Model):
    name = models.TextField()
    kind = models.TextField()
    value = models.FloatField()

    class Meta:
        abstract = True
        managed = False
        ordering = ("id",)


class Point(Place):
    geom = models.PointField()

    class Meta(Place.Meta):
        db_table = "points"


class Line(Place):
    geom = models.LineStringField()

    class Meta(Place.Meta):
        db_table = "lines"


class Polygon(Place):
    geom = models.PolygonField()

    class Meta(Place.Meta):
        db_table = "polygons"


class Row(Place):
    opened = models.DateTimeField()

    class Meta(Place.Meta):
        abstract = True


class FewRows(Row):
    class Meta(Row.Meta):
        db_table = "rows_thousand"


class ManyRows(Row):
    class Meta(Row.Meta):
        db_table = "rows_million"
