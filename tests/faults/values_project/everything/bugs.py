"""Errors of the project itself, whatever a request sends, and errors that a database can report."""

import json

from django.db import connection, connections, transaction
from django.db.models import F, IntegerField
from django.db.models.functions import Cast
from rest_framework.decorators import api_view
from rest_framework.response import Response

from everything.models import Owner, Thing


def closed_cursor():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    cursor.fetchone()


def closed_connection():
    with connection.cursor() as cursor:
        connection.connection.close()
        cursor.execute("SELECT 1")


def deep_json():
    json.loads("[" * 100_000)


def nul():
    Thing.objects.filter(char="a\0b").count()


def nul_written():
    Thing.objects.create(char="a\0b")


def zero():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s / 0", [17])


def cast_of_rows():
    list(Thing.objects.annotate(number=Cast("text", IntegerField())).values("number"))


def cast_of_own():
    list(Thing.objects.filter(ip="300.1.1.1"))


def division_of_rows():
    list(Thing.objects.annotate(share=F("whole") / (F("whole") - F("whole"))).values("share"))


def foreign_owner():
    Thing.objects.create(owner="nobody")


def no_such_column():
    Thing.objects.filter(nonsense=1)


def syntax():
    with connection.cursor() as cursor:
        cursor.execute("SELEKT 1")


def missing_parameter():
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, %s", [1])


def own_read_only():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("DELETE FROM everything_thing WHERE false")


def value_error():
    int("none")


def not_null():
    Owner.objects.create(name=None)


BUGS = {
    function.__name__: function
    for function in (
        *(closed_cursor, closed_connection, deep_json, nul, nul_written, zero, cast_of_rows),
        *(cast_of_own, division_of_rows, foreign_owner, no_such_column, syntax),
        *(missing_parameter, own_read_only, value_error, not_null),
    )
}


def plain(request, name):
    BUGS[name]()


@api_view(["GET", "POST"])
def rest(request, name):
    if request.method == "POST":
        _ = request.data
    BUGS[name]()


def raised(code):
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")


@api_view(["GET"])
def conflict(request, name):
    """Raise an error that other sessions of the database cause."""
    if name != "55P03":
        raised(name)
    other = connections["default"].copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE everything_owner")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20ms'")
            return Response(Owner.objects.count())
    finally:
        other.close()
