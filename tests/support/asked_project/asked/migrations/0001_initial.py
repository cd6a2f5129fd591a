import django.contrib.gis.db.models.fields as gis
from django.db import migrations, models


def table(called, /, **columns):
    key = models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )
    fields = [("id", key), *columns.items()]
    return migrations.CreateModel(called, fields, options={"ordering": ["id"]})


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        table(
            "Stop",
            name=models.TextField(),
            lines=models.IntegerField(null=True),
            fare=models.FloatField(null=True),
            opened=models.DateField(null=True),
            geom=gis.PointField(null=True, srid=4326),
        ),
        table(
            "Zone",
            name=models.TextField(),
            area=gis.PolygonField(srid=4326),
            entrance=gis.PointField(srid=4326),
        ),
        table("Note", text=models.TextField()),
    ]
