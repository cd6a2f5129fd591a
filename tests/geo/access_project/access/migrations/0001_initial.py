import django.contrib.gis.db.models.fields
from django.db import migrations, models


def table(name, options=None, **fields):
    return migrations.CreateModel(
        name=name,
        fields=[
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.TextField()),
            *fields.items(),
        ],
        options={"ordering": ["id"], **(options or {})},
    )


def point():
    return django.contrib.gis.db.models.fields.PointField(srid=4326)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        table(
            "Place",
            owner=models.TextField(null=True),
            secret=models.TextField(),
            area=django.contrib.gis.db.models.fields.PolygonField(srid=4326),
            home=point(),
        ),
        table("Note", tenant=models.TextField(), geom=point()),
        table("Site", {"managed": False, "db_table": "site"}, geom=point()),
        table("Mine", {"managed": False, "db_table": "mine"}, geom=point()),
    ]
