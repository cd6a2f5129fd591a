"""Errors of the project itself, in views that use the client's value for something else."""

import statistics
from fractions import Fraction

from django.contrib.gis.db.models.functions import Transform
from django.contrib.postgres.search import SearchQuery
from django.db import transaction
from django.db.models import F, IntegerField, Value
from django.db.models.functions import Cast, Concat
from django.utils.dateparse import parse_date
from rest_framework import serializers
from rest_framework.decorators import api_view
from rest_framework.response import Response

from everything.models import Owner, Thing


def below(line):
    """Rows below a number. Other tests change rows, but not the second one."""
    return Thing.objects.filter(whole__lt=line)


def division(line):
    list(below(line).values_list(F("whole") / (F("whole") - F("whole"))))


def overflow(line):
    list(below(line).values_list((F("whole") + 70_000) * (F("whole") + 70_000)))


def cast(line):
    list(below(line).values_list(Cast(Concat("char", Value("x")), IntegerField())))


def place(line):
    placed = Thing.objects.filter(point__isnull=False).exclude(char=line)
    list(placed.values_list(Transform("point", 999_999)))


def own_literal(line):
    list(below(line).filter(ip="300.1.1.1"))


def empty(line):
    list(below(line).values_list(Cast(Value(""), IntegerField())))


def computed_key(line):
    with transaction.atomic():
        Thing.objects.create(slug="computed", char=line)
        Thing.objects.create(slug="computed", char=line)


def computed_number(line):
    Thing.objects.create(small=40_000, char=line)


def computed_text(line):
    Thing.objects.create(char="x" * 30, text=line)


def written_division(line):
    Thing.objects.filter(id=2).update(whole=F("whole") / (F("whole") - F("whole")), char=line)


def key(line):
    with transaction.atomic():
        Thing.objects.create(slug=line.lower())
        Thing.objects.create(slug=line)


def number(line):
    Thing.objects.create(small=int(line), whole=7)


def length(line):
    Thing.objects.create(char=line, text="short")


def search(line):
    list(Thing.objects.filter(words=SearchQuery(line, search_type="raw")))


def pattern(line):
    list(Thing.objects.filter(char__regex=line))


def late_cast(line):
    # With Concat, it is no longer a literal.
    list(Thing.objects.values_list(Cast(Concat(Value(line), Value("")), IntegerField())))


def parsed(line):
    parse_date(line)


def of_a_row(fails):
    """A serializer that raises an error because of a row's value."""

    class RowSerializer(serializers.Serializer):
        value = serializers.SerializerMethodField()

        def get_value(self, row):
            return fails(row)

    return lambda line: RowSerializer(Thing.objects.filter(id=2), many=True).data


CHANCES = {
    **{
        function.__name__: function
        for function in (
            *(division, overflow, cast, place, own_literal, written_division, empty),
            *(computed_key, computed_number, computed_text),
        )
    },
    **{
        function.__name__: function
        for function in (key, number, length, search, pattern, late_cast, parsed)
    },
    "row_argument": of_a_row(lambda row: statistics.quantiles([1, 2], n=0)),
    "row_division": of_a_row(lambda row: Fraction(row.whole, 0)),
    "row_lookup": of_a_row(lambda row: Owner.objects.filter(pk="abc")),
    "argument": lambda line: statistics.quantiles([], n=100),
    "chunks": lambda line: Thing.objects.iterator(chunk_size=0),
    "fraction": lambda line: Fraction(5, 0),
}


@api_view(["GET"])
def chance(request, name):
    return Response(str(CHANCES[name](request.query_params["line"])))
