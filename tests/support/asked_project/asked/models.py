"""Tables with one geometry, with two, and with none."""

from django.contrib.gis.db import models


class Stop(models.Model):
    name = models.TextField()
    lines = models.IntegerField(null=True)
    fare = models.FloatField(null=True)
    opened = models.DateField(null=True)
    geom = models.PointField(null=True)

    class Meta:
        ordering = ["id"]


class Zone(models.Model):
    name = models.TextField()
    area = models.PolygonField()
    entrance = models.PointField()

    class Meta:
        ordering = ["id"]


class Note(models.Model):
    text = models.TextField()

    class Meta:
        ordering = ["id"]
