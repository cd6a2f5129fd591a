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


class Note(models.Model):
    """PostgreSQL shows the rows of one tenant: row-level security."""

    tenant = models.TextField()
    name = models.TextField()
    geom = models.PointField()

    class Meta:
        ordering = ["id"]


class Site(models.Model):
    """A table in the schema of each tenant."""

    name = models.TextField()
    geom = models.PointField()

    class Meta:
        managed = False
        db_table = "site"
        ordering = ["id"]


class Mine(models.Model):
    """A view of PostgreSQL that looks at who asks."""

    name = models.TextField()
    geom = models.PointField()

    class Meta:
        managed = False
        db_table = "mine"
        ordering = ["id"]
