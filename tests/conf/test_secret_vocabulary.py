"""One vocabulary: everything that shows values by name agrees on which names are secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from backend.conf.masking import Masker
from backend.conf.secret_vocabulary import mask
from backend.kit.contract.inside import folders
from backend.kit.contract.outside import image
from backend.logs.formatters import JSONFormatter
from backend.logs.masking import mask_query
from backend.pages import tracebacks

# If a reader's output contains this, it has shown the secret.
HUSH = "q7Zx-q7Zx"

SECRET = """
pass pw pwd passwd PASSWORD password1 password_confirm passphrase DB_PASS PGPASSWORD user[password]
token access_token refresh X-CSRFToken csrfmiddlewaretoken TOKEN CLIENT_SECRET client_secret
ticket hmac invite invite_code reset_code otp_code nonce SALT PEPPER PIN otp code state verifier key
api_key apiKey apikey API-KEY API_KEYS MAP_API STRIPE_KEY_LIVE AWS_ACCESS_KEY_ID
SIGNING_KEYS SECRET_KEY SECRET_KEY_FALLBACKS private_key MAP_CREDENTIALS auth MAP_AUTH authorization
HTTP_AUTHORIZATION Cookie sessionid session_key SESSION jwt JWT_PRIVATE X-Amz-Signature
X-Amz-Credential sig SLACK_WEBHOOK_URL SLACK_HOOK
""".split()

PLAIN = """
API_PORT API_URL API_ENABLED AUTH_USER_MODEL AUTH_PASSWORD_VALIDATORS AUTHENTICATION_BACKENDS
DEFAULT_AUTHENTICATION_CLASSES PASSWORD_HASHERS PASSWORD_RESET_TIMEOUT SECRET_KEY_FILE
SESSION_COOKIE_AGE SESSION_ENGINE CSRF_COOKIE_NAME KEY_PREFIX KEY_FUNCTION SSH_AUTH_SOCK PWD OLDPWD
PASSENGER_COUNT passenger_census postal_code class_code status_code keyword author design basalt
announcement compass overpass_url pinned ticket_price token_type limit name
""".split()


def of_a_query(name: str) -> str:
    return mask_query(f"{name}={HUSH}")


def of_a_json_log(name: str) -> str:
    return JSONFormatter().format(logging.makeLogRecord({"a": {"b": [{name: HUSH}]}}))


def of_the_config(name: str) -> str:
    return json.dumps(Masker().plain(HUSH, name))


def within_a_setting(name: str) -> str:
    return json.dumps(Masker().plain([{name: HUSH}, f"https://a.org/?{name}={HUSH}"], "A"))


def of_an_error_page(name: str) -> str:
    of_django = "" if tracebacks.ReporterFilter.hidden_settings.search(name) else HUSH
    variables = {"a": {name: HUSH}, name: HUSH}
    shown = [tracebacks._masked(Masker(), key, value) for key, value in variables.items()]
    return f"{of_django} {shown}"


def of_the_check_of_an_image(name: str) -> str:
    (result,) = folders.variables({name: HUSH})
    return "" if name in result.message else HUSH


def of_the_check_of_its_history(name: str) -> str:
    return "" if image._is_secret(name, HUSH) else HUSH


READERS = (
    *(of_a_query, of_a_json_log, of_the_config, within_a_setting, of_an_error_page),
    *(of_the_check_of_an_image, of_the_check_of_its_history),
)


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_knows_every_name(reader: Callable[[str], str]) -> None:
    assert [name for name in SECRET if HUSH in reader(name)] == []
    assert [name for name in PLAIN if HUSH not in reader(name)] == []


FORMS = [
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEq7Zx\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEq7Zx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJxN1p4In0.q7Zx",
    "https://hooks.slack.com/services/T0000/B0000/q7Zx",
    "https://discord.com/api/webhooks/1234/q7Zx",
    "sk_live_q7Zxq7Zx",
    "xoxb-1234-q7Zx",
    "ghp_q7Zxq7Zxq7Zxq7Zxq7Zx",
    "github_pat_q7Zxq7Zxq7Zxq7Zx",
    "glpat-q7Zxq7Zxq7Zxq7Zx",
    "postgis://ada:q7Zx@db/census",
]


@pytest.mark.parametrize("secret", FORMS)
def test_what_looks_like_a_secret_is_masked_under_any_name(secret: str) -> None:
    shown = json.dumps(Masker().plain({"A": [secret, f"see {secret} there"]}, "NAME"))
    record = logging.makeLogRecord({"a": [secret]})
    shown += JSONFormatter().format(record) + mask_query(f"a={secret}")
    assert "q7Zx" not in shown


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"kty": "oct", "k": "q7Zx", "kid": "stops"}, "SIGNING"),
        ('{"kty": "oct", "k": "q7Zx", "kid": "stops"}', "SIGNING"),
        ({"stops": {"pin": 7297}}, "LOCKS"),
    ],
)
def test_key_and_number_are_masked_and_other_values_beside_them_are_not(
    value: object, name: str
) -> None:
    shown = json.dumps(Masker().plain(value, name))
    assert "q7Zx" not in shown
    assert "7297" not in shown
    assert "stops" in shown


@pytest.mark.parametrize(
    "text",
    [
        "Transit API: stops",
        "The invite: come at seven; a session: an hour",
        "[ErrorDetail(string='Not a number.', code='invalid')]",
        "https://example.org:8000/a/b",
        "eyJ is how a token begins",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert mask(text, "***") == text
