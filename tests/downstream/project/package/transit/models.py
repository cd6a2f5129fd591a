"""Stops and routes from a passenger census, districts, and riders' reports."""

from django.contrib.gis.db import models


class Route(models.Model):
    """A bus or rail line. SQL created and filled the table, and Django does not change it."""

    number = models.IntegerField(primary_key=True)
    name = models.TextField()
    mode = models.TextField()
    geom = models.LineStringField()

    class Meta:
        managed = False
        in_db = "census"
        db_table = "routes"
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class Stop(models.Model):
    """A stop, with the number of people who board there on a weekday."""

    name = models.TextField()
    # Both tables are in one database, so this can be a foreign key.
    route = models.ForeignKey(
        Route, models.DO_NOTHING, db_column="rte", null=True, related_name="stops"
    )
    # The column keeps its name from the spreadsheet.
    boardings = models.IntegerField(db_column="Weekday Ons")
    geom = models.PointField()

    class Meta:
        managed = False
        in_db = "census"
        db_table = "stops"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class District(models.Model):
    """A district of the city. Its table is on another server."""

    name = models.TextField()
    population = models.IntegerField()
    geom = models.PolygonField()

    class Meta:
        managed = False
        in_db = "land"
        db_table = "districts"
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class Report(models.Model):
    """A rider's report about a stop. Django created this table, in the default database."""

    # Not a foreign key: the stop is in another database, so this one cannot check it.
    stop_id = models.IntegerField(db_index=True)
    text = models.TextField()
    place = models.PointField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.text[:40]


class Zone(models.Model):
    """The area where a fare is valid. The county stores it in feet (Oregon State Plane)."""

    name = models.TextField()
    area = models.MultiPolygonField(srid=2913)

    def __str__(self) -> str:
        return self.name
