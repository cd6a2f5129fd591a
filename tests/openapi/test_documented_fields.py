"""Single fields in the API's document."""

import json
from pathlib import Path

from tests.support.projects import shell

FILE = """
import json
from drf_yasg import openapi
from rest_framework import serializers
from backend.openapi.fields import AbsentFileInspector

class Photo(serializers.Serializer):
    file = serializers.FileField()

inspector = AbsentFileInspector(None, "/", "get", None, None, [])
print(json.dumps(inspector.field_to_swagger_object(Photo().fields["file"], openapi.Schema, False)))
"""


def test_file_of_a_row_without_one_is_null(project: Path):
    assert json.loads(shell(project, FILE))["x-nullable"] is True


STOCK_SCHEMA = """
import json
from django.contrib.auth.models import User
from django.urls import path
from django_filters import rest_framework as filters
from rest_framework import generics, serializers
from rest_framework.schemas.openapi import SchemaGenerator

class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model, fields = User, ["id"]

class UserFilter(filters.FilterSet):
    kinds = filters.MultipleChoiceFilter(choices=[("a", "A"), ("b", "B")], label="Any of them.")

    class Meta:
        model, fields = User, ["is_staff"]

class Users(generics.ListAPIView):
    queryset, serializer_class, filterset_class = User.objects.all(), UserSerializer, UserFilter

document = SchemaGenerator(patterns=[path("users/", Users.as_view())]).get_schema()
print(json.dumps(document["paths"]["/users/"]["get"]["parameters"]))
"""


def test_filters_are_in_the_schema_of_rest_framework(project: Path):
    parameters = {each["name"]: each for each in json.loads(shell(project, STOCK_SCHEMA))}
    assert parameters["is_staff"]["schema"] == {"type": "boolean"}
    kinds = parameters["kinds"]
    assert (kinds["in"], kinds["required"]) == ("query", False)
    assert kinds["description"] == "Any of them."
    assert kinds["schema"] == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}


ANSWERED = """
import json
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from drf_yasg import openapi
from rest_framework import serializers
from backend.openapi.fields import as_answered, with_blank

class Owner(models.Model):
    class Meta:
        app_label = "auth"  # relations need an installed application

class Thing(models.Model):
    owner = models.OneToOneField(Owner, models.CASCADE, related_name="thing")
    code = models.TextField(null=True)
    about_type = models.ForeignKey(ContentType, models.CASCADE)
    about_id = models.IntegerField()
    about = GenericForeignKey("about_type", "about_id")
    class Meta:
        app_label = "auth"  # relations need an installed application

class Percent(serializers.FloatField):
    class Meta:
        swagger_schema_fields = {"maximum": 100, "min_length": 1}

class ThingSerializer(serializers.ModelSerializer):
    owner = serializers.PrimaryKeyRelatedField(read_only=True)
    about = serializers.StringRelatedField()
    percent = Percent()
    computed = serializers.SerializerMethodField()
    kind = serializers.ChoiceField(choices=["a"], allow_blank=True)
    others = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    numbers = serializers.ListField(child=serializers.IntegerField())
    mapped = serializers.DictField(child=serializers.IntegerField())
    whole = serializers.CharField(source="*")
    class Meta:
        model = Thing
        fields = ["owner", "code", "about", "percent", "computed", "kind", "others", "numbers",
                  "mapped", "whole"]

class OwnerSerializer(serializers.ModelSerializer):
    thing = serializers.SlugRelatedField(slug_field="id", read_only=True)
    code = serializers.CharField(source="thing.code", read_only=True)
    class Meta:
        model, fields = Owner, ["id", "thing", "code"]

class SlugSerializer(serializers.Serializer):
    thing = serializers.SlugRelatedField(slug_field="code", read_only=True)
    class Meta:
        model = models.ForeignKey(Thing, models.CASCADE)  # not a model
        fields = ["thing"]

class Referring(models.Model):
    thing = models.ForeignKey(Thing, models.CASCADE)
    class Meta:
        app_label = "auth"  # relations need an installed application

class ReferringSerializer(serializers.ModelSerializer):
    thing = serializers.SlugRelatedField(slug_field="code", read_only=True)
    class Meta:
        model, fields = Referring, ["thing"]

def schema(kind, **more):
    rules = {"minLength": 1, "maximum": 7, "minimum": 1}
    made = openapi.Schema(type=kind, **more)
    made.update(rules)
    return made

def inner():
    return schema("integer")

shared = openapi.Schema(type="object")
schemas = {}
for serializer in (ThingSerializer(), OwnerSerializer(), SlugSerializer(), ReferringSerializer()):
    for name, field in serializer.fields.items():
        made = schema("string")
        if name in ("others", "numbers"):
            made = schema("array", items=inner())
        elif name == "mapped":
            made = schema("object", additional_properties=inner())
        elif name == "kind":
            made = with_blank(schema("string", enum=["a"]), field)
        schemas[f"{type(serializer).__name__}.{name}"] = as_answered(made, field).as_dict()
as_answered(shared, OwnerSerializer().fields["thing"])
schemas["shared"] = shared.as_dict()
print(json.dumps(schemas))
"""


def test_responses_are_nullable_and_without_limits_where_rest_framework_writes_them_so(
    project: Path,
):
    schemas = json.loads(shell(project, ANSWERED))
    nullable = {name for name, each in schemas.items() if each.get("x-nullable")}
    assert nullable == {
        *("ThingSerializer.code", "ThingSerializer.about"),
        *("OwnerSerializer.thing", "OwnerSerializer.code"),
        "ReferringSerializer.thing",
    }
    # Limits that a team sets in Meta or for a method stay.
    rules = {
        name: set(each) & {"minLength", "maximum", "minimum"} for name, each in schemas.items()
    }
    assert {name: kept for name, kept in rules.items() if kept} == {
        "ThingSerializer.percent": {"minLength", "maximum"},
        "ThingSerializer.computed": {"minLength", "maximum", "minimum"},
    }
    assert schemas["ThingSerializer.kind"]["enum"] == ["a", ""]
    # REST framework writes None in a list as null. Keys of other rows are never None.
    assert schemas["ThingSerializer.numbers"]["items"] == {"type": "integer", "x-nullable": True}
    assert schemas["ThingSerializer.mapped"]["additionalProperties"]["x-nullable"] is True
    assert schemas["ThingSerializer.others"]["items"] == {"type": "integer"}
    assert schemas["shared"] == {"type": "object"}
