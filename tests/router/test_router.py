"""With two PostgreSQL servers and several schemas, each table is where ``in_db`` says."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS, start_postgis
from tests.support.broken import write
from tests.support.containers import Containers
from tests.support.projects import run

pytestmark = pytest.mark.engine

SETTINGS = """
from backend.hacko_settings import *

INSTALLED_APPS += ["stops", "census", "traffic", "loaded"]
"""
MODEL = """
from django.contrib.gis.db import models

class {name}(models.Model):
    name = models.CharField(max_length=50)
    place = models.PointField(null=True)

    class Meta:
        {meta}
"""
LOADED = """
from django.db import models

class Ride(models.Model):
    id = models.IntegerField(primary_key=True)
    people = models.IntegerField()

    class Meta:
        in_db = "passengers"
        managed = False
        db_table = "rides"
"""
URLS = """
from django.http import JsonResponse
from django.urls import path

from census.models import Tract
from loaded.models import Ride
from stops.models import Stop
from traffic.models import Count

def write(request):
    for model in (Stop, Tract, Count):
        model.objects.create(name=model.__name__, place="POINT(-122.6 45.5)")
    return JsonResponse({"ok": True})

def read(request):
    people = Ride.objects.get(id=1).people
    places = [model.objects.get().place.x for model in (Stop, Tract, Count)]
    return JsonResponse({"people": people, "places": places})

urlpatterns = [path("write", write), path("read", read)]
"""


def app(name: str, model: str, meta: str) -> dict[str, str]:
    return {
        f"{name}/__init__.py": "",
        f"{name}/models.py": MODEL.format(name=model, meta=meta),
        f"{name}/migrations/__init__.py": "",
    }


@pytest.fixture
def checkout(project: Path) -> Path:
    """A team's apps, with migrations as created on a laptop."""
    files = {
        "local_settings/settings.py": SETTINGS,
        "local_settings/urls.py": URLS,
        **app("stops", "Stop", 'ordering = ["name"]'),
        **app("census", "Tract", 'in_db = "census"'),
        **app("traffic", "Count", 'in_db = "traffic"'),
        "loaded/__init__.py": "",
        "loaded/models.py": LOADED,
    }
    write(project, files)
    urls = {
        f"{alias}_DATABASE_URL": "postgis://u@db/n" for alias in ("CENSUS", "TRAFFIC", "PASSENGERS")
    }
    apps = ("stops", "census", "traffic")
    # If no database responds, Django warns and continues.
    done = run(project, "manage.py", "makemigrations", *apps, DEBUG="true", **OFFLINE, **urls)
    assert done.returncode == 0, done.stderr
    return project


OFFLINE = {"DATABASE_URL": "postgis://u@127.0.0.1:9/n"}


@pytest.fixture
def second_server(network):
    started = Containers()
    yield start_postgis(started, network)
    started.clean()


def url(server: PostGIS, database: str, schemas: str) -> str:
    login = f"{server.user}:{quote(server.password, safe='')}"
    options = quote(f"-c search_path={schemas}", safe="")
    return f"postgis://{login}@{server.host}/{database}?options={options}"


def tables(server: PostGIS, database: str) -> set[str]:
    """Schema and name of every table of the project's apps, and of Django's migration records."""
    names = server.sql(
        "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename ~ "
        "'^(stops|census|traffic|loaded)_|^rides$|^django_migrations$|^auth_user$'",
        database,
    )
    return set(names.split())


def test_each_alias_is_migrated_in_its_schema_and_server_and_serves_from_there(
    containers, postgis: PostGIS, second_server: PostGIS, checkout: Path
):
    containers.may_log("SECRET_KEY")
    first, second = postgis.database(), second_server.database()
    postgis.sql(
        "CREATE SCHEMA django; CREATE SCHEMA census; CREATE SCHEMA passenger_census;"
        "CREATE TABLE passenger_census.rides (id integer PRIMARY KEY, people integer);"
        "INSERT INTO passenger_census.rides VALUES (1, 42);",
        first,
    )
    apps = ("local_settings", "stops", "census", "traffic", "loaded")
    api = containers.start(
        env={
            "DATABASE_URL": url(postgis, first, "django,public"),
            "CENSUS_DATABASE_URL": url(postgis, first, "census,public"),
            "PASSENGERS_DATABASE_URL": url(postgis, first, "django,passenger_census"),
            "TRAFFIC_DATABASE_URL": url(second_server, second, "public"),
            "DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it",
        },
        mounts={checkout / name: f"/code/{name}" for name in apps},
        options=["--network", postgis.network],
    ).wait_until_ready()

    assert tables(postgis, first) == {
        *("django.stops_stop", "django.auth_user", "django.django_migrations"),
        *("census.census_tract", "census.django_migrations"),
        "passenger_census.rides",
    }
    assert tables(second_server, second) == {"public.traffic_count", "public.django_migrations"}
    assert "boot: database 'passengers' has no managed models" in api.logs()

    assert api.get("/write").json() == {"ok": True}
    assert api.get("/read").json() == {"people": 42, "places": [-122.6] * 3}
    assert postgis.sql("SELECT name FROM census.census_tract", first) == "Tract"
    assert postgis.sql("SELECT name FROM django.stops_stop", first) == "Stop"
    assert second_server.sql("SELECT name FROM traffic_count", second) == "Count"
    checks = api.get("/health/ready").json()["checks"]
    assert checks == {
        f"database:{alias}": "ok" for alias in ("default", "census", "passengers", "traffic")
    }
