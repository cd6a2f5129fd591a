"""Secrets are masked in every form."""

import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from django.utils.functional import lazystr
from hypothesis import given
from hypothesis import strategies as st

from backend.conf.environment import Environment
from backend.conf.masking import MASK, Masker, for_process
from backend.config import report

# Every secret in these tests contains this text, so output with it has leaked a secret.
MARK = "q7Zx"


class Client:
    """Like an object of a library in a setting, with a repr that shows its password."""

    def __init__(self, password: str) -> None:
        self.password = password

    def __repr__(self) -> str:
        return f"Client(password={self.password!r})"


def everywhere(secret: str) -> dict[str, object]:
    """Settings with a secret under a secret name, in a URL, in a copy, and in an object."""
    encoded = quote(secret, safe="")
    return {
        "API_TOKEN": secret,
        "MAP_CREDENTIALS": ["user", secret],
        "SIGNING_KEYS": {secret: "name"},
        "DATABASES": {
            "passenger_census": {
                "NAME": "census",
                "PASSWORD": secret,
                "OPTIONS": {"sslpassword": secret, "options": "-c search_path=census"},
            }
        },
        "BROKER": f"amqp://user:{encoded}@queue:5672/1?token={encoded}",
        "CACHES": {"default": {"LOCATION": [f"redis://:{encoded}@cache/0"]}},
        "DSN": f"https://{encoded}@errors.example.org/7",
        "COPY": secret,
        "GREETING": (f"Hello, {secret}!", lazystr(secret), secret.encode()),
        "BY_NAME": {f"client {secret}": 1, "of": {secret}},
        "FILE": Path("/srv") / secret if "/" not in secret else None,
        "PATTERN": re.compile(re.escape(secret)),
        "CLIENT": Client(secret),
        "ERROR": ValueError(secret),
    }


secrets = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=0, max_size=12
).map(lambda text: f"{MARK}{text}{MARK}")


@given(secrets, secrets)
def test_no_secret_is_in_the_output(one, other):
    variables = {
        "DJANGO_SECRET_KEY": one,
        "POSTGRES_PASSWORD": other,
        "MAP_TOKEN": one,
        "CENSUS_DATABASE_URL": f"postgis://u:{quote(other, safe='')}@db/census?sslpassword={MARK}",
        "PROJECT_NAME": f"API of {one}",
    }
    env = Environment(variables, store={"MAIL_WORD": one})
    settings = {**everywhere(one), "NESTED": {"a": [everywhere(other)]}}
    masker = for_process(env, settings)
    shown = {name: report.Entry(masker.plain(value, name), ()) for name, value in settings.items()}
    entries = {"settings": shown, "environment": report._variables(env, masker)}
    for output in (report.as_text(entries, False), report.as_json(entries, False)):
        assert MARK not in output
        assert "passenger_census" in output


SECRET = "a 'secret' /\"ü\\"
FORMS = [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET)]
FORMS += [re.escape(SECRET), json.dumps(SECRET)[1:-1], repr(SECRET)[1:-1]]


@pytest.mark.parametrize("form", FORMS)
def test_known_secret_is_found_in_every_written_form(form):
    assert Masker([SECRET]).text(f"of {form} and") == f"of {MASK} and"


def test_secret_name_masks_all_values_below_it():
    settings = {"API_TOKEN": MARK, "A": {"password": MARK}, "KEYS": [{"client": (MARK,)}]}
    assert MARK not in json.dumps({name: Masker().plain(settings[name], name) for name in settings})


SHOWN = [
    (
        "DATABASES",
        {"passenger_census": {"NAME": "census"}},
        {"passenger_census": {"NAME": "census"}},
    ),
    ("AUTH_USER_MODEL", "people.User", "people.User"),
    ("AUTHENTICATION_BACKENDS", ["a.B"], ["a.B"]),
    ("SESSION_COOKIE_SECURE", True, True),
    ("API_ENABLED", False, False),
    ("PASSWORD", "", ""),
    ("API_KEYS", {}, {}),
    ("TITLE", "Transit API: stops", "Transit API: stops"),
    ("PATHS", (Path("/data"), "https://example.org/a"), ["/data", "https://example.org/a"]),
    ("NAMES", {"b", "a"}, ["a", "b"]),
    ("AGE", timedelta(minutes=1), "0:01:00"),
    ("CLASS", Client, f"{__name__}.Client"),
    ("PAGE_SIZE", 10, 10),
    ("OPTIONS", {"options": "-c search_path=passenger_census,public"}, None),
]


@pytest.mark.parametrize(("name", "value", "shown"), SHOWN, ids=[row[0] for row in SHOWN])
def test_values_that_are_not_secret_are_shown(name, value, shown):
    assert Masker(["long-enough"]).plain(value, name) == (value if shown is None else shown)
    json.dumps(Masker().plain(value, name))


MASKED = [
    ("redis://:pw@cache/0", f"redis://:{MASK}@cache/0"),
    ("amqp://user:p@ss/word@queue", f"amqp://user:{MASK}@queue"),
    ("https://key@errors.example.org/7", f"https://{MASK}@errors.example.org/7"),
    ("host=db password=pw user=ada", f"host=db password={MASK} user=ada"),
    ("host=db password='p w' user=ada", f"host=db password={MASK} user=ada"),
    ("https://a.org/?access_token=x&b=1", f"https://a.org/?access_token={MASK}&b=1"),
    ("Authorization: Bearer abc.def", f"Authorization: {MASK}"),
    ('{"secret": "x y"}', f'{{"secret": {MASK}}}'),
    ("AWS_SECRET_ACCESS_KEY=a b", f"AWS_SECRET_ACCESS_KEY={MASK}"),
]


@pytest.mark.parametrize(("text", "shown"), MASKED)
def test_secret_within_a_text_is_masked_by_its_form(text, shown):
    assert Masker().text(text) == shown


def test_password_that_equals_the_username_is_not_revealed():
    variables = {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": "postgres"}
    masker = for_process(Environment(variables), {})
    assert masker.plain("django.db.backends.postgresql") == "django.db.backends.postgresql"
    assert masker.plain("postgres", "PASSWORD") == MASK
