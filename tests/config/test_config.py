"""``manage.py config`` in the built image shows where values come from, and no secrets."""

import json
from urllib.parse import quote

import pytest

from tests.support.broken import SETTINGS, write

pytestmark = pytest.mark.engine

CONFIG = ("python", "manage.py", "config")
# No server listens there, and these tests do not connect.
DEAD = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_NAME": "census", "POSTGRES_USER": "ada"}
TEAM = """\
from backend.hacko_settings import *

INSTALLED_APPS += ["django.contrib.humanize"]
TIME_ZONE = "America/Los_Angeles"
"""


def ask(containers, *flags: str, **options) -> dict:
    done = containers.run(*CONFIG, "--json", *flags, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("debug", ["true", "false"])
def test_every_source_of_a_value_is_named_even_if_the_database_is_down(containers, tmp_path, debug):
    write(
        tmp_path,
        {SETTINGS: TEAM, "secrets/host": "127.0.0.1\n", "store/django_secret_key": "k" * 60},
    )
    env = {**DEAD, "DEBUG": debug, "POSTGRES_HOST_FILE": "/run/host", "POSTGRES_HOST": ""}
    env["SECRET_STORE"] = "/run/store"
    if debug == "true":  # debug mode does not read the store
        env["DJANGO_SECRET_KEY"] = "k" * 60
    mounts = {
        tmp_path / "local_settings": "/code/local_settings",
        tmp_path / "secrets/host": "/run/host",
        tmp_path / "store": "/run/store",
    }
    document = ask(containers, env=env, mounts=mounts)
    host = document["environment"]["POSTGRES_HOST"]
    assert (host["value"], host["changed"]) == ("127.0.0.1", True)
    assert host["origins"] == [{"kind": "file", "variable": "POSTGRES_HOST", "file": "/run/host"}]
    settings = document["settings"]
    kinds = {origin["variable"]: origin["kind"] for origin in settings["DATABASES"]["origins"]}
    assert kinds == {
        "POSTGRES_NAME": "environment",
        "POSTGRES_USER": "environment",
        "POSTGRES_HOST": "file",
    }
    assert settings["TIME_ZONE"]["origins"] == [
        {"kind": "override", "file": f"/code/{SETTINGS}", "line": 4}
    ]
    assert settings["INSTALLED_APPS"]["origins"][0]["line"] == 3
    assert settings["DEBUG"]["value"] is (debug == "true")
    assert settings["DEBUG"]["changed"] is (debug == "true")
    key = "environment" if debug == "true" else "secret store"
    assert settings["SECRET_KEY"]["origins"][0]["kind"] == key


def test_plain_image_has_no_differences_from_itself(containers):
    document = ask(containers, "--changed")
    document.pop("image")
    assert document == {"settings": {}, "environment": {}, "gunicorn": {}}


def test_flags_of_the_running_server_are_named(containers):
    container = containers.start("--workers", "3", env={"WEB_THREADS": "2"}).wait_until_ready()
    document = json.loads(container.exec(*CONFIG, "--json", "--changed"))
    assert document["gunicorn"]["workers"] == {
        "value": 3,
        "origins": [{"kind": "flag", "variable": "--workers"}],
        "changed": True,
    }
    assert document["gunicorn"]["threads"]["origins"][0]["variable"] == "WEB_THREADS"


def test_no_secret_is_in_any_output(containers, tmp_path):
    secret = "7Zx'q @/%\"\\ü"
    encoded = quote(secret, safe="")
    team = (
        "import os\nfrom backend.hacko_settings import *\n"
        f"BROKER = 'amqp://user:{encoded}@queue/1'\n"
        "GREETING = ['Hello ' + os.environ['MAP_TOKEN']]\n"
        "DATABASES['default']['OPTIONS'] = {'sslpassword': os.environ['MAP_TOKEN']}\n"
    )
    key = "of-the-tests-7Zx'q-and-as-long-as-django-wants-it-" * 2
    write(tmp_path, {SETTINGS: team, "store/POSTGRES_PASSWORD": secret, "key": key})
    env = {
        **DEAD,
        "MAP_TOKEN": f"{secret} of the map",
        "LAND_DATABASE_URL": f"postgis://ada:{encoded}@127.0.0.1/land?sslpassword={encoded}",
        "DJANGO_SUPERUSER_USERNAME": "ada",
        "DJANGO_SUPERUSER_PASSWORD": secret,
        "DJANGO_SECRET_KEY_FILE": "/run/key",
        "SECRET_STORE": "/run/store",
    }
    mounts = {
        tmp_path / "local_settings": "/code/local_settings",
        tmp_path / "store": "/run/store",
        tmp_path / "key": "/run/key",
    }
    flags = ("", "--json", "--changed", "--changed --json")
    command = "; ".join(f"{' '.join(CONFIG)} {flag}" for flag in flags)
    command += "; python manage.py doctor; python manage.py doctor --json"
    done = containers.run("bash", "-c", command, env=env, mounts=mounts)
    output = done.stdout + done.stderr
    assert output.count("BROKER") == len(flags)
    assert output.count("LAND_DATABASE_URL") >= len(flags)
    assert "7Zx" not in output
    assert "Traceback" not in output
