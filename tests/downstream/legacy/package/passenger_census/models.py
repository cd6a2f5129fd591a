from django.contrib.gis.db import models
from django.db.models import options

# Projects added this before the image did.
options.DEFAULT_NAMES = options.DEFAULT_NAMES + ("in_db",)  # noqa: RUF005


class PassengerCensus(models.Model):
    location_id = models.IntegerField()
    ons = models.IntegerField()
    geom = models.PointField(null=True)

    class Meta:
        managed = False
        db_table = "passenger_census"
        in_db = "passenger_census"
