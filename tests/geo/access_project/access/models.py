"""Rows that not everybody may see, and columns that nobody may."""

from django.contrib.gis.db import models


class Place(models.Model):
    """``owner`` names a user, None for what everybody sees."""

    name = models.TextField()
    owner = models.TextField(null=True)
    secret = models.TextField()
    area = models.PolygonField()
    home = models.PointField()

    class Meta:
        ordering = ["id"]
