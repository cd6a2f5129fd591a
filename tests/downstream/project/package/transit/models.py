"""Who gets on where: stops and routes of the census, districts, and riders' own reports."""

from django.contrib.gis.db import models


class Route(models.Model):
    """A bus or rail line. The table was made and filled by SQL: Django leaves it alone."""

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
    """A place where a vehicle halts, with the people counted there on a weekday."""

    name = models.TextField()
    # Both tables lie in one database, so this may be a foreign key.
    route = models.ForeignKey(
        Route, models.DO_NOTHING, db_column="rte", null=True, related_name="stops"
    )
    # The spreadsheet's column names can stay as they are.
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
    """A district of the city, on another server."""

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
    """What a rider tells about a stop. Django made this table, in the default database."""

    # Not a foreign key: the stop lies in another database, where this one cannot check it.
    stop_id = models.IntegerField(db_index=True)
    text = models.TextField()
    place = models.PointField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created"]

    def __str__(self) -> str:
        return self.text[:40]


class Zone(models.Model):
    """Where a fare is valid, as the county draws it: in feet of Oregon's state plane."""

    name = models.TextField()
    area = models.MultiPolygonField(srid=2913)

    def __str__(self) -> str:
        return self.name
