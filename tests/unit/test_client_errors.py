"""Which errors are the client's: by their kind, and by whether the request reached the call."""

import json

import pytest
from django.db import DataError, OperationalError
from django.http import UnreadablePostError

from backend.client_errors import answer_to
from tests.support.broken import write
from tests.support.projects import shell


def test_a_body_that_does_not_end_is_a_408():
    assert answer_to(UnreadablePostError(11, "Resource temporarily unavailable"), None)[0] == 408


@pytest.mark.parametrize(
    "error",
    [
        DataError("division by zero"),
        OperationalError("server closed the connection"),
        RecursionError("maximum recursion depth exceeded while decoding a JSON array"),
        ValueError("A string literal cannot contain NUL (0x00) characters."),
    ],
    ids=repr,
)
def test_no_words_make_an_error_the_clients(error):
    assert answer_to(error, None) is None


# Each view raises an error in a package. Those in the first half are given what the client sent.
VIEWS = """
import json
import uuid
from django.contrib.auth.models import User
from django.contrib.gis.geos import GEOSGeometry
from django.core.exceptions import FieldError
from django.db import connection
from django.http import HttpResponse
from django.utils.dateparse import parse_date
from rest_framework.decorators import api_view
from rest_framework.response import Response

def overflow(text):
    list(User.objects.extra(where=["id = %s"], params=[int(text)]))

CALLS = {
    "date": (parse_date, "2021-02-30"),
    "uuid": (lambda text: User.objects.filter(date_joined=text), "not a date"),
    "number": (lambda text: User.objects.filter(pk=text), "seven"),
    "year": (lambda text: list(User.objects.filter(date_joined__year=int(text))), "99999"),
    "geometry": (GEOSGeometry, "POINT(1"),
    "integer": (overflow, "9" * 30),
    "order": (lambda text: User.objects.order_by(text), "nonsense"),
}

def plain(request, name, whose):
    call, text = CALLS[name]
    call(request.GET["value"] if whose == "client" else text)
    return HttpResponse()

@api_view(["GET"])
def rest(request, name, whose):
    return plain(request._request, name, whose)

def bug(request):
    return HttpResponse(int(request.GET["value"]))

@api_view(["GET"])
def unwritable(request):
    return Response({"id": request.query_params["id"], "value": object()})
"""
URLS = """
from django.urls import path
from local_settings import views
urlpatterns = [
    path("plain/<name>/<whose>/", views.plain), path("rest/<name>/<whose>/", views.rest),
    path("bug/", views.bug), path("unwritable/", views.unwritable),
]
"""
ASK = """
import os
from django.conf import settings
from django.test import Client
os.makedirs(settings.DATA_DIR, exist_ok=True)
from django.core.management import call_command
from local_settings.views import CALLS
call_command("migrate", verbosity=0)
client = Client(raise_request_exception=False, SERVER_NAME="localhost")
answers = {}
for name, (_, text) in CALLS.items():
    for kind in ("plain", "rest"):
        for whose, query in (("client", {"value": text}), ("server", {"value": "unrelated"})):
            answer = client.get(f"/{kind}/{name}/{whose}/", query)
            answers[f"{kind} {name} {whose}"] = answer.status_code
answers["bug"] = client.get("/bug/", {"value": "none"}).status_code
answers["unwritable"] = client.get("/unwritable/", {"id": "5"}).status_code
import json
print("ANSWERS", json.dumps(answers))
"""


def test_the_same_error_is_a_400_with_a_value_of_the_request_and_a_500_without(project):
    settings = (
        'from backend.hacko_settings import *\nREST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = []\n'
    )
    files = {"settings.py": settings, "urls.py": URLS, "views.py": VIEWS}
    write(project, {f"local_settings/{name}": text for name, text in files.items()})
    (line,) = [line for line in shell(project, ASK).splitlines() if line.startswith("ANSWERS ")]
    answers = json.loads(line.removeprefix("ANSWERS "))
    # What the project raises itself, and what fails while an answer is written, is its own.
    expected = {"bug": 500, "unwritable": 500}
    for name in answers.keys() - expected:
        expected[name] = 400 if name.endswith("client") else 500
    assert answers == expected
    print(f"{len(answers)} errors, none with another status than its origin gives it")
