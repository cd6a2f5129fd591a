"""What the API's document says of single fields."""

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
    found = {each["name"]: each for each in json.loads(shell(project, STOCK_SCHEMA))}
    assert found["is_staff"]["schema"] == {"type": "boolean"}
    kinds = found["kinds"]
    assert (kinds["in"], kinds["required"]) == ("query", False)
    assert kinds["description"] == "Any of them."
    assert kinds["schema"] == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
