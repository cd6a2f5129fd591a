import django.contrib.gis.db.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Place",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("owner", models.TextField(null=True)),
                ("secret", models.TextField()),
                ("area", django.contrib.gis.db.models.fields.PolygonField(srid=4326)),
                ("home", django.contrib.gis.db.models.fields.PointField(srid=4326)),
            ],
            options={"ordering": ["id"]},
        ),
    ]
