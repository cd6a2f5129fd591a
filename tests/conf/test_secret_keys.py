"""Which secret keys are publicly known."""

import secrets

import pytest

from backend.conf.secret_keys import is_public
from tests.support.broken import write
from tests.support.projects import assert_two_lines, run

# From compose files, sample .env files, and tutorials.
SAMPLES = """
changeme CHANGEME!!! change-me-in-production your_secret_key your-secret-key-here secret foo
foobar super-secret replace-with-a-secret-key generate-a-secret-key-here your-generated-key
local-dev-secret-key-change-in-production unsafe-development-only-secret placeholder insecure
your-super-secret-key-goes-here-change-me django-insecure-dev-key fake-key dummy test 123456
changeme-run-openssl-rand-hex-32 <50+-random-characters> iLik3L@amp
""".split()


@pytest.mark.parametrize("key", [*SAMPLES, "!!!SET DJANGO_SECRET_KEY!!!", "<not set>", "***"])
def test_key_of_a_sample_is_public(key):
    assert is_public(key)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(secrets.token_urlsafe(50), id="token_urlsafe"),
        pytest.param(secrets.token_hex(16), id="token_hex"),
        "k" * 50,
        "of-the-tests-and-as-long-as-django-wants-it",
        "correct horse battery staple",
        "iLik3L@mp",
    ],
)
def test_invented_or_generated_key_is_not_public(key):
    assert not is_public(key)


REAL = {"DATABASE_URL": "postgis://u@db/n"}


def test_public_key_is_refused_with_a_real_database_and_the_variable_named(project):
    done = run(project, "manage.py", "check", **REAL, DJANGO_SECRET_KEY="change-me-please")
    assert done.returncode == 1
    place = "DJANGO_SECRET_KEY is a key from public samples and guides"
    assert_two_lines(done.stderr, place, "'default' is PostgreSQL", "secrets.token_urlsafe(50)")
    assert "change-me-please" not in done.stderr


def test_public_key_of_a_teams_settings_is_refused_with_its_line(project):
    text = "import os\n\nSECRET_KEY = os.environ.get('DJANGO_SECRET_KEY', 'foo')\n"
    write(project, {"local_settings/settings.py": text})
    done = run(project, "manage.py", "check", **REAL)
    assert done.returncode == 1
    place = f"{project}/local_settings/settings.py, line 3: SECRET_KEY is a key from public samples"
    assert_two_lines(done.stderr, place, "", "Set DJANGO_SECRET_KEY")


@pytest.mark.parametrize("env", [{}, {**REAL, "DEBUG": "true"}, {**REAL, "CI": "true"}], ids=str)
def test_public_key_is_allowed_where_there_are_no_real_users(project, env):
    done = run(project, "manage.py", "check", **env, DJANGO_SECRET_KEY="changeme")
    assert done.returncode == 0, done.stderr


# Processes that act as containers and read their settings at the same time.
TOGETHER = """
import os, stat, sys
from pathlib import Path
from backend.conf import kept_key

file = Path("data/secret_key")
kept_key.keep()
def no_link(*paths, **options):
    raise OSError(95, "Operation not supported")
os.link = no_link  # as on a network share
for _ in range(20):
    results, barrier = os.pipe(), os.pipe()
    for _ in range(4):
        if not os.fork():
            os.read(barrier[0], 1)
            os.write(results[1], kept_key.generated(file).encode() + b"\\n")
            os._exit(0)
    os.write(barrier[1], b"1234")
    for _ in range(4):
        os.wait()
    keys = set(os.read(results[0], 10_000).split())
    assert keys == {file.read_bytes()}, keys
    mode = stat.S_IMODE(file.stat().st_mode)
    assert mode == (0o640 if file.stat().st_gid == 0 else 0o600), oct(mode)
    file.write_text("")  # truncated, as by a full disk or a power failure
file.unlink()
"""


def test_containers_that_start_together_have_one_generated_key(project):
    done = run(project, "-c", TOGETHER)
    assert done.returncode == 0, done.stderr
