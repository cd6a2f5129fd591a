"""Derived settings follow the team's settings file, and never overwrite it."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from backend.conf.derived import Derivations
from tests.support.broken import write
from tests.support.projects import run

SETTINGS = "local_settings/settings.py"
STAR = "from backend.hacko_settings import *\n"
# Loads many settings files in one process, each as a new process would.
LOAD = """\
import importlib, json, os, sys
from unittest import mock

sys.dont_write_bytecode = True
os.environ["DJANGO_SETTINGS_MODULE"] = "backend.settings"
import django
django.setup()
from corsheaders.middleware import CorsMiddleware
from django.http import HttpResponse
from django.test import RequestFactory
from backend.conf import environment

def load(text, env):
    for name in ("local_settings.settings", "local_settings", "backend.hacko_settings"):
        sys.modules.pop(name, None)
    with mock.patch.dict(os.environ, env), open("local_settings/settings.py", "w") as file:
        file.write(text)
        file.flush()
        environment.current.cache_clear()
        importlib.invalidate_caches()
        module = importlib.import_module("backend.hacko_settings")
    return {name: value for name, value in vars(module).items() if name.isupper()}

def preflight(settings, origin):
    with mock.patch("corsheaders.conf.settings", type("Settings", (), settings)):
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        request = RequestFactory().options("/", headers=headers)
        answer = CorsMiddleware(lambda request: HttpResponse())(request)
    return answer.get("access-control-allow-origin"), answer.get("access-control-allow-credentials")

cases, origins = json.load(open("cases.json"))
found = []
for text, env in cases:
    settings = load(text, env)
    types = {name: type(value).__module__ for name, value in settings.items()}
    found.append([settings, types, [preflight(settings, origin) for origin in origins]])
print(json.dumps(found, default=str))
"""


def load(project: Path, cases: list[tuple[str, dict]], origins: list[str]) -> list[list]:
    """For each settings file and its environment: the settings, their types, and preflights."""
    files = {SETTINGS: "", "load.py": LOAD, "cases.json": json.dumps([cases, origins])}
    write(project, files)
    done = run(project, "load.py")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ---------------------------------------------------------------------------
# Which origins may read the API

MAP, EVIL = "https://map.example.org", "https://evil.example"
LISTS = {
    "nothing": "",
    "list": f"CORS_ALLOWED_ORIGINS = [{MAP!r}]",
    "list of 2019": f"CORS_ORIGIN_WHITELIST = ({MAP!r},)",
    "regexes": r"CORS_ALLOWED_ORIGIN_REGEXES = [r'https://map\.example\.org$']",
    "regexes of 2019": r"CORS_ORIGIN_REGEX_WHITELIST = [r'https://map\.example\.org$']",
    "extended": f"CORS_ALLOWED_ORIGINS += [{MAP!r}]",
    "appended": f"CORS_ALLOWED_ORIGINS.append({MAP!r})",
    "empty": "CORS_ALLOWED_ORIGINS = []",
    "no regexes": "CORS_ALLOWED_ORIGIN_REGEXES = []",
}
OPENS = {
    "": None,
    "CORS_ALLOW_ALL_ORIGINS = True": True,
    "CORS_ALLOW_ALL_ORIGINS = False": False,
    "CORS_ORIGIN_ALLOW_ALL = True": True,
    "CORS_ORIGIN_ALLOW_ALL = False": False,
}
CREDENTIALS = {"": False, "CORS_ALLOW_CREDENTIALS = True": True}
VARIABLE = {"": [], "https://page.example.org": ["https://page.example.org"]}


def may_read(listing: str, opens: bool | None, credentials: bool, variable: str) -> set[str]:
    """The origins that such a file should allow."""
    if opens:
        return {MAP, EVIL, "https://page.example.org"}
    by_team = {"list", "list of 2019", "empty"}
    allowed = set() if listing in by_team else set(VARIABLE[variable])
    if listing not in ("nothing", "empty", "no regexes"):
        allowed.add(MAP)
    if opens is None and listing == "nothing" and not credentials and not variable:
        return {MAP, EVIL, "https://page.example.org"}
    return allowed


def test_every_way_to_configure_the_allowed_origins_allows_exactly_those(
    project, figures: Callable[[str], None]
):
    cells = list(product(LISTS, OPENS, CREDENTIALS, VARIABLE))
    origins = [MAP, EVIL, "https://page.example.org"]
    texts = [
        (f"{STAR}{LISTS[listing]}\n{opens}\n{credentials}\n", {"CORS_ALLOWED_ORIGINS": variable})
        for listing, opens, credentials, variable in cells
    ]
    differ = []
    answers = [headers for _, _, headers in load(project, texts, origins)]
    for cell, headers in zip(cells, answers, strict=True):
        listing, opens, credentials, variable = cell
        allowed = {
            origin for origin, (may_read_it, _) in zip(origins, headers, strict=True) if may_read_it
        }
        expected = may_read(listing, OPENS[opens], CREDENTIALS[credentials], variable)
        with_credentials = {bool(word) for may_read_it, word in headers if may_read_it}
        if allowed != expected or with_credentials - {CREDENTIALS[credentials]}:
            differ.append((cell, allowed, expected))
    figures(f"{len(cells) * len(origins)} cells, {len(differ)} differ")
    assert differ == []


def test_dangerous_origins_cause_a_warning(project):
    texts = {
        "CORS_ALLOW_ALL_ORIGINS = True": "CORS_ALLOW_ALL_ORIGINS allows every origin",
        "CORS_ALLOWED_ORIGIN_REGEXES = ['https://.*']": "'https://.*' in CORS_ALLOWED_ORIGIN_REGEX",
    }
    for text, warning in texts.items():
        write(project, {SETTINGS: f"{STAR}CORS_ALLOW_CREDENTIALS = True\n{text}\n"})
        for command in (("check", "--deploy"), ("doctor",)):
            done = run(project, "manage.py", *command)
            assert warning in done.stdout + done.stderr, command
    write(project, {SETTINGS: f"{STAR}CORS_ALLOW_CREDENTIALS = True\n{LISTS['regexes']}\n"})
    assert "CORS_" not in run(project, "manage.py", "check", "--deploy").stderr


# ---------------------------------------------------------------------------
# Everything else that follows another setting

FOLLOWS = [
    ("DEBUG = True", {}, "ALLOWED_HOSTS", ["*"]),
    ("DEBUG = True\nALLOWED_HOSTS = []", {}, "ALLOWED_HOSTS", []),
    ("DEBUG = True\nALLOWED_HOSTS = ['a.org']", {}, "ALLOWED_HOSTS", ["a.org"]),
    ("DEBUG = True", {"ALLOWED_HOSTS": "a.org"}, "ALLOWED_HOSTS", ["a.org"]),
    ("DATA_DIR = '/srv/files'", {}, "STATIC_ROOT", "/srv/files/static"),
    ("DATA_DIR = '/srv/files'", {}, "MEDIA_ROOT", "/srv/files/media"),
    ("DATA_DIR = '/srv'\nSTATIC_ROOT = '/www'", {}, "STATIC_ROOT", "/www"),
    ("BEHIND_PROXY = True", {}, "SESSION_COOKIE_SECURE", True),
    ("BEHIND_PROXY = True", {}, "CSRF_COOKIE_SECURE", True),
    ("BEHIND_PROXY = True", {}, "USE_X_FORWARDED_HOST", True),
    ("BEHIND_PROXY = True", {}, "SECURE_HSTS_SECONDS", 3600),
    ("BEHIND_PROXY = True", {"HSTS_SECONDS": "9"}, "SECURE_HSTS_SECONDS", 9),
    ("BEHIND_PROXY = True\nSECURE_HSTS_SECONDS = 0", {}, "SECURE_HSTS_SECONDS", 0),
    ("BEHIND_PROXY = True\nSESSION_COOKIE_SECURE = False", {}, "SESSION_COOKIE_SECURE", False),
    ("BEHIND_PROXY = False", {"BEHIND_PROXY": "true"}, "SESSION_COOKIE_SECURE", False),
    ("BEHIND_PROXY = False", {"BEHIND_PROXY": "true"}, "SECURE_PROXY_SSL_HEADER", None),
    (
        "BEHIND_PROXY = True\nSECURE_PROXY_SSL_HEADER = None",
        {},
        "SECURE_PROXY_SSL_HEADER",
        None,
    ),
    ("SILENCED_SYSTEM_CHECKS += ['a.W1']", {}, "SILENCED_SYSTEM_CHECKS", ["a.W1"]),
    # A team's code can use derived settings while its file is loaded.
    ("SECURE = bool(SESSION_COOKIE_SECURE)", {"BEHIND_PROXY": "true"}, "SECURE", True),
    ("COPY = STATIC_ROOT\nDATA_DIR = '/srv'", {}, "COPY", "/srv/static"),
]


def test_derived_settings_follow_the_settings_of_the_team(project, figures: Callable[[str], None]):
    cases = [(f"{STAR}{text}\n", env) for text, env, _, _ in FOLLOWS]
    differ = [
        (text, env, name, settings[name])
        for (text, env, name, value), (settings, _, _) in zip(
            FOLLOWS, load(project, cases, []), strict=True
        )
        if settings[name] != value
    ]
    figures(f"{len(FOLLOWS)} cells, {len(differ)} differ")
    assert differ == []


def test_debug_of_the_team_opens_nothing_in_production_and_sets_levels(project):
    level = "LOGGING['loggers']['django.db.backends']['level'] = 'INFO'\n"
    cases = [
        (f"{STAR}DEBUG = False\n", {"DEBUG": "true"}),
        ("DEBUG = True\nDATA_DIR = '/srv'\n", {}),  # no star import, so the names are replaced
        (f"{STAR}DEBUG = True\n{level}", {}),
    ]
    closed, outright, own = [settings for settings, _, _ in load(project, cases, [])]
    assert "*" not in closed["ALLOWED_HOSTS"]
    assert closed["LOGGING"]["loggers"]["django.db.backends"] == {"level": "INFO"}
    assert outright["ALLOWED_HOSTS"] == ["*"]
    assert outright["LOGGING"]["loggers"]["django.db.backends"] == {"level": "DEBUG"}
    assert outright["DATABASES"]["default"]["NAME"] == "/srv/db.sqlite3"
    assert own["LOGGING"]["loggers"]["django.db.backends"] == {"level": "INFO"}


def test_settings_in_force_are_plain_values(project):
    _, types, _ = load(project, [(f"{STAR}BEHIND_PROXY = True\n", {})], [])[0]
    assert "backend.conf.derived" not in types.values()


def test_config_names_what_a_setting_was_derived_from(project):
    write(project, {SETTINGS: f"{STAR}\nDEBUG = True\nCORS_ALLOWED_ORIGINS = [{MAP!r}]\n"})
    document = json.loads(run(project, "manage.py", "config", "--json").stdout)["settings"]

    def origins(name: str) -> list[tuple]:
        entries = document[name]["origins"]
        return [(one["kind"], one.get("variable"), one.get("line")) for one in entries]

    assert origins("ALLOWED_HOSTS")[1:] == [("derived", "DEBUG", None), ("override", None, 3)]
    assert document["ALLOWED_HOSTS"]["changed"]
    assert origins("CORS_ALLOW_ALL_ORIGINS")[-2:] == [
        ("derived", "CORS_ALLOWED_ORIGINS", None),
        ("override", None, 4),
    ]
    assert ("derived", "DEBUG", None) in origins("LOGGING")
    # STATIC_ROOT does not depend on the changed settings.
    assert ("override", None, 3) not in origins("STATIC_ROOT")
    assert not document["STATIC_ROOT"]["changed"]
    text = run(project, "manage.py", "config", "--changed").stdout
    assert "    # derived from the setting CORS_ALLOWED_ORIGINS\n" in text


# ---------------------------------------------------------------------------
# Derivations without a project


def test_setting_can_be_derived_from_a_derived_setting():
    settings = {"A": 1}
    derived = Derivations(settings)
    settings["B"] = derived(lambda a: a + 1, "A")
    settings["C"] = derived(lambda b: [b], "B")
    settings["D"] = {"deep": [derived(str, "C")]}
    assert settings == {"A": 1, "B": 2, "C": [2], "D": {"deep": ["[2]"]}}
    settings["A"] = 5
    derived.settle()
    assert settings == {"A": 5, "B": 6, "C": [6], "D": {"deep": ["[6]"]}}
    assert derived.sources == {"B": ("A",), "C": ("B",), "D": ("C",)}


@pytest.mark.parametrize("value", [True, False, None, 3, "", "text", [1], Path("/a")])
def test_value_of_a_team_that_equals_the_derived_one_stays(value):
    settings = {"A": value}
    derived = Derivations(settings)
    settings["B"] = derived(lambda a: a, "A")
    assert bool(settings["B"]) is bool(value)
    settings["A"] = "other"
    settings["B"] = type(value)(value) if value is not None else None
    derived.settle()
    assert settings["B"] == value
