"""Columns with descriptions, a tree, a composite key, and columns without filters."""

from django.contrib.gis.db import models
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy


class Well(models.Model):
    """A well of drinking water."""

    name = models.CharField(max_length=50, help_text="As on the sign next to it.")
    depth = models.FloatField(db_comment="Meters below ground.")
    flow = models.FloatField(
        validators=[MinValueValidator(-1e50), MaxValueValidator(1e50)],
        default=1.0,
        help_text="Liters per second.",
        db_comment="Not shown, because help_text wins.",
    )
    day = models.DateField(null=True)
    details = models.JSONField(default=dict)
    grade = models.CharField(
        max_length=1,
        choices=[("a", "good"), ("b", "fair")],
        default="a",
        help_text=gettext_lazy("Quality of the water."),
    )
    place = models.PointField(db_comment="Where the cover is.")

    class Meta:
        ordering = ["id"]


class Node(models.Model):
    name = models.TextField()
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")

    class Meta:
        ordering = ["id"]


class Reading(models.Model):
    """One row per well and day, which together form the key."""

    pk = models.CompositePrimaryKey("well_id", "day")
    well = models.ForeignKey(Well, models.CASCADE)
    day = models.DateField()
    level = models.FloatField()
