"""Rows that only some users can see, and columns that nobody can."""

from django.contrib.gis.db import models


class Place(models.Model):
    """``owner`` is a username, or None for rows that everyone sees."""

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
    """A PostgreSQL view that depends on the current user."""

    name = models.TextField()
    geom = models.PointField()

    class Meta:
        managed = False
        db_table = "mine"
        ordering = ["id"]
