"""The same rows with every kind of primary key, and with relations that multiply them in joins."""

from __future__ import annotations

import uuid

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.contrib.gis.db import models
from django.db.models.functions import Lower


class Thing(models.Model):
    label = models.TextField()  # identifies a row in every format
    kind = models.TextField()  # one of five
    name = models.TextField()
    seen = models.DateTimeField(null=True)
    weight = models.FloatField(null=True)
    place = models.PointField()

    class Meta:
        abstract = True


class ByInteger(Thing):
    notes = GenericRelation("Note")


class ByUuid(Thing):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)


class ByText(Thing):
    code = models.CharField(max_length=40, primary_key=True)


class ByDecimal(Thing):
    """Links cannot contain a key of this type."""

    number = models.DecimalField(max_digits=8, decimal_places=2, primary_key=True)


class ByComposite(Thing):
    pk = models.CompositePrimaryKey("street", "house")
    street = models.TextField()
    house = models.IntegerField()


class Owner(models.Model):
    title = models.TextField()

    class Meta:
        ordering = ["title"]


class ByRelation(Thing):
    owner = models.OneToOneField(Owner, models.CASCADE, primary_key=True)


class Base(models.Model):
    registered = models.IntegerField(default=0)


class ByParent(Base, Thing):
    """The primary key of a child table is the key of its parent table."""


class ByExpression(Thing):
    class Meta:
        ordering = [Lower("name"), models.F("seen").desc(nulls_last=True)]


class ByNullable(Thing):
    class Meta:
        ordering = ["-seen"]


class Note(models.Model):
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.IntegerField()
    subject = GenericForeignKey()
    text = models.TextField()


def _tag(model: type[models.Model]) -> type[models.Model]:
    return type(
        f"{model.__name__}Tag",
        (models.Model,),
        {
            "__module__": __name__,
            "thing": models.ForeignKey(model, models.CASCADE, related_name="tags"),
            "text": models.TextField(),
        },
    )


SINGLE = [ByInteger, ByUuid, ByText, ByDecimal, ByRelation, ByParent, ByExpression, ByNullable]
THINGS = [*SINGLE, ByComposite]  # a foreign key cannot refer to a composite key
TAGS = {model: _tag(model) for model in SINGLE}
