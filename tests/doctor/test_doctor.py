"""``manage.py doctor`` in the built image: a good setup passes, and each fault is named."""

import json

import pytest

from tests.conftest import PostGIS
from tests.router.test_router import app
from tests.support.broken import SETTINGS, write
from tests.support.containers import Container, docker

pytestmark = pytest.mark.engine

DOCTOR = ("python", "manage.py", "doctor")
Findings = list[dict[str, str]]


def examine(done) -> tuple[int, Findings]:
    """Exit code and findings of a run with ``--json``."""
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def inside(container: Container, *flags: str) -> tuple[int, Findings]:
    """The same in a running container, where ``docker exec`` runs it as root."""
    return examine(docker("exec", container.name, *DOCTOR, "--json", *flags, check=False))


def of(findings: Findings, text: str, level: str = "problem") -> dict[str, str]:
    """The only finding with ``text`` in its message, which must have that level and a fix."""
    matching = [finding for finding in findings if text in finding["message"]]
    assert [finding["level"] for finding in matching] == [level], findings
    assert matching[0]["fix"] or level == "ok"
    return matching[0]


def problems(findings: Findings) -> list[str]:
    return [finding["message"] for finding in findings if finding["level"] == "problem"]


@pytest.fixture
def sound(postgis: PostGIS) -> dict[str, str]:
    """The environment of a production setup, on a new database."""
    return postgis.env(postgis.database(), ALLOWED_HOSTS="localhost,127.0.0.1")


@pytest.fixture
def on_network(postgis: PostGIS) -> list[str]:
    return ["--network", postgis.network]


def test_sound_setup_is_ready_and_a_damaged_one_is_not(containers, postgis, sound, on_network):
    container = containers.start(env=sound, options=on_network).wait_until_ready()
    code, findings = inside(container)
    assert (code, problems(findings)) == (0, [])
    of(findings, "answers: PostgreSQL 17", "ok")
    of(findings, ", PostGIS 3.", "ok")
    of(findings, "is up to date with the migrations", "ok")
    of(findings, "are all collected in /data/static", "ok")
    of(findings, "DATA_DIR (/data) can be written by UID 1001", "ok")
    of(findings, "UID 1001 cannot write to the code", "ok")
    of(findings, "1 databases (default) =", "ok")
    assert container.exec("find", "/data", "-user", "root") == ""

    container.exec("bash", "-c", "rm $(find /data/static -name 'base.*.css' | head -1)")
    postgis.sql("DELETE FROM django_migrations WHERE app = 'sessions'", sound["POSTGRES_NAME"])
    code, findings = inside(container)
    assert code == 1
    of(findings, "1 of them are missing in /data/static: admin/css/base.")
    of(findings, "Migrations are pending: sessions.0001_initial.")


def test_dead_database_weak_key_and_misspelled_variable_are_each_reported(containers):
    env = {
        "DATABASE_URL": "postgis://ada:of-no-server@127.0.0.1/census",
        "DJANGO_SECRET_KEY": "0123456789-abcdefg",
        "WEB_CONCURENCY": "2",
    }
    code, findings = examine(containers.run(*DOCTOR, "--json", env=env))
    assert code == 1
    assert "DJANGO_SECRET_KEY" in of(findings, "security.W009")["fix"]
    of(findings, "It cannot be used: connection to server at")
    assert "WEB_CONCURRENCY" in of(findings, "WEB_CONCURENCY is set", "warning")["fix"]
    # The other checks still run.
    of(findings, "DATA_DIR (/data) can be written", "ok")


def test_paused_database_does_not_hang_it(containers, tmp_path, postgis, sound, on_network):
    # Not even with a connect_timeout that is far too long.
    team = 'from backend.hacko_settings import *\nDATABASES["default"]["OPTIONS"] = '
    write(tmp_path, {SETTINGS: team + '{"connect_timeout": 3600}\nMEDIA_ROOT = "/code/media"\n'})
    # A user without write permission, which is fine if nothing has to be written.
    on_network = [*on_network, "--user", "4711:4711"]
    mounts = {tmp_path / "local_settings": "/code/local_settings"}
    docker("pause", postgis.host)
    try:
        done = containers.run(*DOCTOR, "--json", env=sound, options=on_network, mounts=mounts)
    finally:
        docker("unpause", postgis.host)
    code, findings = examine(done)
    assert code == 1
    of(findings, "It did not answer within 10 s.")
    # The checks after it still run.
    for folder in ("DATA_DIR (/data)", "MEDIA_ROOT (/code/media)"):
        of(findings, f"{folder} cannot be written by UID 4711, and nothing here needs that", "ok")


def test_sqlite_debug_and_a_read_only_data_folder_are_problems(containers, tmp_path):
    tmp_path.chmod(0o755)
    options = ["--volume", f"{tmp_path}:/data:ro"]
    code, findings = examine(containers.run(*DOCTOR, "--json", options=options))
    assert code == 1
    of(findings, "The database 'default' is SQLite")
    of(findings, "DATA_DIR (/data) cannot be written by UID 1001; /data/db.sqlite3 is kept there.")
    of(findings, "/data/db.sqlite3 does not exist.")
    of(findings, "No files are collected in /data/static.")
    done = containers.run(*DOCTOR, "--json", env={"DEBUG": "true"})
    of(examine(done)[1], "security.W018")
    of(examine(done)[1], "come from the applications' own folders", "ok")


def test_schemas_shared_migrations_and_writable_code_are_found(
    containers, tmp_path, postgis, sound, on_network
):
    team = (
        "from backend.hacko_settings import *\n"
        "from copy import deepcopy\n\n"
        'INSTALLED_APPS += ["stops", "census"]\n'
        'DATABASES["tracts"] = deepcopy(DATABASES["default"])\n'
        'DATABASES["default"]["OPTIONS"] = {"options": "-c search_path=api,public"}\n'
        'DATABASES["tracts"]["OPTIONS"] = {"options": "-c search_path=typo,api,public"}\n'
    )
    files = {**app("stops", "Stop", "pass"), **app("census", "Tract", 'in_db = "tracts"')}
    write(tmp_path, {SETTINGS: team, **files})
    postgis.sql("CREATE SCHEMA api", sound["POSTGRES_NAME"])
    (tmp_path / "local_settings").chmod(0o777)
    mounts = {tmp_path / name: f"/code/{name}" for name in ("local_settings", "stops", "census")}
    command = "python manage.py migrate -v0 && python manage.py doctor --json"
    done = containers.run("bash", "-c", command, env=sound, mounts=mounts, options=on_network)
    code, findings = examine(done)
    assert code == 1
    of(findings, "The schema 'typo' of the search_path (typo,api,public) does not exist.")
    of(findings, "finds the django_migrations table of 'default'")
    of(findings, "can write to its own code: /code/local_settings.", "warning")


def test_fail_level_makes_warnings_count(containers, sound, on_network):
    command = "python manage.py migrate -v0; for level in problem warning; do "
    command += "python manage.py doctor --fail-level $level >/dev/null; echo $?; done"
    env = {**sound, "WEB_THREADS": "200", "WEB_CONCURRENCY": "1"}
    done = containers.run("bash", "-c", command, env=env, options=on_network)
    assert done.stdout.split() == ["0", "1"]


def test_check_deploy_has_the_images_own_checks(containers):
    done = containers.run("python", "manage.py", "check", "--deploy")
    assert "(backend.W003) The database 'default' is SQLite" in done.stderr
