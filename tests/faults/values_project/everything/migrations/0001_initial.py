"""The tables of the models, and types for which Django does not have a field."""

from django.contrib.postgres.operations import (
    HStoreExtension,
    TrigramExtension,
    UnaccentExtension,
)
from django.db import migrations

from everything.models import Owner, Thing

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
ALTER TABLE everything_thing
    ALTER mood TYPE mood USING mood::mood, ALTER money TYPE money USING money::money,
    ALTER mac TYPE macaddr USING mac::macaddr, ALTER bits TYPE bit(3) USING bits::bit(3),
    ALTER xml TYPE xml USING xml::xml;
INSERT INTO everything_owner (name) VALUES ('Ann');
INSERT INTO everything_thing (char, owner_id, whole, span, slug, point, place, text)
    VALUES ('a', 1, 1, '[1,5)', 'a', 'SRID=4326;POINT(1 2)', 'POINT(1 2)', '1,2,abc'),
           ('b', 1, 2, '[5,9)', 'b', NULL, NULL, '7');
"""


class Migration(migrations.Migration):
    initial = True
    operations = [
        HStoreExtension(),
        TrigramExtension(),
        UnaccentExtension(),
        *(
            migrations.CreateModel(
                model.__name__,
                [(field.name, field.clone()) for field in model._meta.local_fields],
                {"ordering": model._meta.ordering, "constraints": list(model._meta.constraints)},
            )
            for model in (Owner, Thing)
        ),
        migrations.RunSQL(TYPES),
    ]
