"""Points, lines, and polygons, with a model in a second database, and a table without an SRID."""

from django.contrib.gis.db import models


class Stop(models.Model):
    name = models.TextField()
    lines = models.IntegerField(null=True)
    fare = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    opened = models.DateTimeField(null=True)
    rating = models.FloatField(null=True)
    open_now = models.BooleanField(default=True)
    geom = models.PointField(null=True)

    class Meta:
        ordering = ["id"]


class Parcel(models.Model):
    """Stored in a projected coordinate system, NAD83(HARN) / Oregon North in feet."""

    owner = models.TextField()
    use = models.CharField(max_length=20)
    shape = models.MultiPolygonField(srid=2913)

    class Meta:
        ordering = ["id"]


class Route(models.Model):
    number = models.IntegerField(unique=True)
    path = models.LineStringField()

    class Meta:
        in_db = "transit"
        ordering = ["id"]


class Survey(models.Model):
    """A data scientist's table, whose geometry column does not declare an SRID."""

    label = models.TextField()
    geom = models.GeometryField(srid=4326)

    class Meta:
        managed = False
        db_table = "survey"
        ordering = ["id"]
