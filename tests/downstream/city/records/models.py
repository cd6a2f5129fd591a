"""Models as inspectdb writes them, with in_db, and with a key if the table does not have one."""

from django.contrib.gis.db import models


class OfTheCity(models.Model):
    class Meta:
        abstract = True
        in_db = "city"
        managed = False


class TaxLot(OfTheCity):
    gid = models.AutoField(primary_key=True)
    owner = models.CharField(db_column="Owner's Name", max_length=40, null=True)
    landval = models.DecimalField(
        db_column="LANDVAL", max_digits=65535, decimal_places=65535, null=True
    )
    total = models.TextField(db_column="TOTAL", null=True)
    yearbuilt = models.SmallIntegerField(db_column="YEARBUILT", null=True)
    geom = models.MultiPolygonField(srid=2913, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "Tax Lots"


class Signal(OfTheCity):
    corridor = models.IntegerField(primary_key=True)  # not unique in the table
    pole = models.TextField(null=True)
    mast = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "signals"


class Asset(OfTheCity):
    id = models.IntegerField(primary_key=True)
    name = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "assets"


class Ticket(OfTheCity):
    pk = models.CompositePrimaryKey("number", "city")
    number = models.BigIntegerField()
    city = models.TextField()
    amount = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    geom = models.PointField(srid=3857, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "tickets"


class Inspection(OfTheCity):
    id = models.BigIntegerField(primary_key=True)
    place = models.TextField(null=True)
    zip = models.TextField(null=True)
    status = models.TextField(null=True)
    score = models.DecimalField(max_digits=65535, decimal_places=65535, null=True)
    doubled = models.DecimalField(max_digits=65535, decimal_places=65535, null=True)
    rate = models.FloatField(null=True)
    at = models.DateTimeField(null=True)
    local = models.DateTimeField(null=True)
    flags = models.TextField(null=True)
    valid = models.TextField(null=True)
    geom = models.PointField(srid=2913, dim=3, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "inspections"


class OddShape(OfTheCity):
    shape_id = models.AutoField(db_column="Shape ID", primary_key=True)
    select = models.TextField(null=True)
    geo_m = models.GeometryField(db_column="geo m", srid=2913, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "Odd Shapes"


class Complaint(OfTheCity):
    id = models.UUIDField(primary_key=True)
    district = models.TextField(null=True)
    body = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "complaints"


class ComplaintInvoked(OfTheCity):
    id = models.UUIDField(primary_key=True)
    district = models.TextField(null=True)
    body = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "complaints_invoked"


class ComplaintOfMember(OfTheCity):
    id = models.UUIDField(primary_key=True)
    body = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "complaints_of_members"


class Call(OfTheCity):
    id = models.IntegerField(primary_key=True)
    body = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "calls_of_members"


class Hundred(OfTheCity):
    hundred = models.TextField(primary_key=True)
    name = models.TextField(null=True)
    n = models.BigIntegerField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "complaints_by_hundred"


class Stop(OfTheCity):
    stop_id = models.TextField(primary_key=True)
    name = models.TextField(db_column="Stop Name")
    loc = models.PointField(geography=True, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "stops"


# --- Models that cannot be read, each for a different reason


class Pay(OfTheCity):
    id = models.IntegerField(primary_key=True)
    name = models.TextField(null=True)
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "payroll"


class WholeInspection(OfTheCity):
    id = models.BigIntegerField(primary_key=True)
    place = models.TextField(null=True)
    inspector = models.TextField(null=True)
    home = models.PointField(null=True)
    geom = models.PointField(srid=2913, dim=3, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "inspections"


class KeylessSignal(OfTheCity):
    pole = models.TextField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "signals"


class NetWorth(OfTheCity):
    id = models.IntegerField(primary_key=True)
    dollars = models.FloatField(db_column="Net Worth ($)", null=True)

    class Meta(OfTheCity.Meta):
        db_table = "net_worth"


class District(OfTheCity):
    district = models.TextField(primary_key=True)  # not unique in the view

    class Meta(OfTheCity.Meta):
        db_table = "complaints_invoked"


class Mast(OfTheCity):
    corridor = models.IntegerField(primary_key=True)
    mast = models.JSONField(null=True)  # Django supports only jsonb
    geom = models.PointField(null=True)

    class Meta(OfTheCity.Meta):
        db_table = "signals"


class ShapeInFeet(OfTheCity):
    shape_id = models.AutoField(db_column="Shape ID", primary_key=True)
    geo_m = models.GeometryField(db_column="geo m", srid=0, null=True)

    class Meta(OfTheCity.Meta):
        db_table = "Odd Shapes"


class Gone(OfTheCity):
    name = models.TextField(primary_key=True)

    class Meta(OfTheCity.Meta):
        db_table = "gone"
