"""Which columns a view shows as they are stored."""

import json
from pathlib import Path

from tests.support.projects import shell

COLUMNS = """
import json
from django.contrib.auth.models import Group, User
from django.contrib.admin.models import LogEntry
from django.db import models
from rest_framework import generics, serializers
from backend.lists import shown

class Masked(serializers.CharField):
    def to_representation(self, value):
        return "***"

class OfUsers(serializers.ModelSerializer):
    title = serializers.CharField(source="username")
    first_name = serializers.SerializerMethodField()
    last_name = Masked()
    joined = serializers.DateTimeField(source="date_joined", format="%d.%m.%Y %H:%M:%S")
    last_login = serializers.DateTimeField(format="%Y")

    class Meta:
        model = User
        fields = ["title", "first_name", "last_name", "joined", "last_login", "email", "is_staff"]
        extra_kwargs = {"email": {"write_only": True}}

class OfEntries(serializers.HyperlinkedModelSerializer):
    content_type = serializers.StringRelatedField()

    class Meta:
        model = LogEntry
        fields = ["url", "user", "content_type", "object_repr"]

class Price(models.Model):
    gross, net = (models.DecimalField(max_digits=9, decimal_places=2) for _ in "ab")
    rate = models.FloatField()

    class Meta:
        app_label = "auth"

class OfPrices(serializers.ModelSerializer):
    net = serializers.DecimalField(max_digits=9, decimal_places=0)
    rate = serializers.IntegerField()

    class Meta:
        model = Price
        fields = ["gross", "net", "rate"]

class Chosen(OfUsers):
    def get_fields(self):
        fields = super().get_fields()
        if not self.context["request"]:
            del fields["is_staff"]
        return fields

def columns(cls):
    return sorted(shown.unchanged(type("View", (generics.ListAPIView,), {
        "serializer_class": cls, "request": None, "format_kwarg": None})()))

print(json.dumps([columns(each) for each in (OfUsers, OfEntries, OfPrices, Chosen, None)]))
"""


def test_columns_are_only_those_that_are_shown_as_stored(project: Path):
    users, entries, prices, chosen, none = json.loads(shell(project, COLUMNS))
    assert users == ["date_joined", "is_staff", "username"]
    assert entries == ["object_repr", "pk", "user"]
    assert prices == ["gross"]
    assert chosen == ["date_joined", "username"]  # depends on the request
    assert none == []
