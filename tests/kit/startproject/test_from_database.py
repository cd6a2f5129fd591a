"""``startproject --from-database`` writes a project that serves the tables of a database."""

from __future__ import annotations

import io
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.kit.startproject import from_database, names
from backend.kit.startproject.__main__ import main
from backend.tables.catalog.relations import Relation
from backend.tables.generator import plan
from backend.tables.project import inspect
from tests.conftest import ROOT, PostGIS, start_postgis
from tests.kit.startproject.test_files import files as read_files
from tests.kit.startproject.test_files import run
from tests.kit.startproject.test_projects import (
    DEVELOPER,
    GITHUB,
    TRAVIS,
    Team,
    assert_own_tests_pass,
    run_as_ci,
)
from tests.support.containers import IMAGE, Containers, docker, free_port, remove_project

HOST = "host.docker.internal"
PASSWORD = "pa$s 'w@rd#1"
ENCODED = "pa$s%20'w%40rd%231"
TABLES = f"""
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA "City Data";
CREATE TABLE "City Data".stops (
    id integer PRIMARY KEY, "Stop Name" text NOT NULL, class text, place geometry(Point, 2913)
);
INSERT INTO "City Data".stops VALUES
    (1, 'First', 'bus', ST_Transform(ST_SetSRID(ST_MakePoint(-122.68, 45.52), 4326), 2913));
CREATE TABLE "City Data".old_stops (id integer PRIMARY KEY);
CREATE FUNCTION "City Data".stops_of(kind text) RETURNS SETOF "City Data".stops LANGUAGE sql STABLE
    AS $$ SELECT * FROM "City Data".stops WHERE class = kind $$;
CREATE ROLE "reader" LOGIN PASSWORD '{PASSWORD.replace("'", "''")}';
GRANT USAGE ON SCHEMA "City Data" TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "City Data" TO reader;
"""


@dataclass
class Server:
    """A database server of others, which the containers of a machine reach by its port."""

    postgis: PostGIS
    port: int

    def url(self, *, user: str = "reader", password: str = ENCODED, host: str = HOST) -> str:
        return f"postgres://{user}:{password}@{host}:{self.port}/postgres"


@pytest.fixture(scope="module")
def server(network: str) -> Iterator[Server]:
    started = Containers()
    postgis = start_postgis(started, network, options=["--publish", "5432"])
    postgis.sql(TABLES)
    (port,) = {line.rpartition(":")[2] for line in _ports(postgis)}
    yield Server(postgis, int(port))
    started.clean()


def _ports(postgis: PostGIS) -> list[str]:
    return docker("port", postgis.host, "5432/tcp").stdout.splitlines()[:1]


OPTIONS = ["--add-host", f"{HOST}:host-gateway"]
CHOICE = ("--schema", "City Data", "--exclude", "old_*", "--function", "stops_of")


@pytest.fixture
def team(containers: Containers, server: Server, tmp_path: Path) -> Iterator[Team]:
    """A project from the database, whose URL is in a variable."""
    (tmp_path / "work").mkdir()
    os.chown(tmp_path / "work", DEVELOPER, DEVELOPER)
    done = containers.run(
        *("startproject", "city", "--image", IMAGE, "--from-database", *CHOICE),
        env={"DATABASE_URL": server.url()},
        mounts={tmp_path / "work": "/project"},
        options=OPTIONS,
    )
    assert done.returncode == 0, done.stderr
    assert "City Data.stops: served, /api/stops/\n" in done.stdout
    assert "\nTogether: 2 served.\n" in done.stdout
    assert "loaddata" not in done.stdout
    made = Team(tmp_path / "work/city", f"start-{uuid.uuid4().hex[:12]}", free_port())
    yield made
    remove_project(made.name)
    docker("image", "rm", "--force", f"{made.name}-api:development", check=False)


@pytest.mark.engine
@pytest.mark.usefixtures("published_postgis")
def test_it_serves_the_tables_and_reads_them_only(team: Team, server: Server) -> None:
    files = [path for path in team.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_uid for path in files} == {DEVELOPER}
    secret = [path.name for path in files if "w%40rd" in path.read_text()]
    assert secret == [".env"]
    assert (team.folder / ".env").stat().st_mode & 0o777 == 0o600
    team.compose("up", "--build", "--detach", "--wait")
    row = team.get("/api/stops/1/").json()
    assert row["properties"] == {"Stop Name": "First", "class": "bus"}
    assert row["geometry"]["coordinates"] == pytest.approx([-122.68, 45.52])
    assert team.get("/api/functions/stops_of/?kind=bus").json()["count"] == 1
    assert team.get("/api/old_stops/").status_code == 404
    assert team.get("/admin/login/").status_code == 200
    of_django = "SELECT count(*) FROM pg_class WHERE relname ~ '^(auth|django)_'"
    assert server.postgis.sql(of_django) == "0", "they are in the project's own database"
    server.postgis.sql('ALTER TABLE "City Data".stops ADD shelter boolean')
    inspectapi = ("run", "--rm", "api", "python", "manage.py", "inspectapi")
    assert "column shelter: new, boolean" in team.compose(*inspectapi)
    models = team.folder / "city/models.py"
    assert "shelter = models.BooleanField(" in models.read_text()
    assert models.stat().st_uid == DEVELOPER
    server.postgis.sql('ALTER TABLE "City Data".stops DROP shelter')


@pytest.mark.engine
@pytest.mark.usefixtures("published_postgis")
def test_its_ci_needs_no_database_of_others(team: Team) -> None:
    (team.folder / ".env").unlink()
    commands, same = (read((team.folder / name).read_text()) for name, read in (TRAVIS, GITHUB))
    assert commands == same
    printed = run_as_ci(team, commands)
    assert_own_tests_pass(printed, 3)
    assert "keeps the contract; failed: 0, warning: 0, " in printed


@pytest.mark.engine
@pytest.mark.parametrize(
    ("change", "problem", "fix"),
    [
        ({"password": "wrong"}, "password authentication failed", "Correct the user and the"),
        ({"host": "localhost"}, "localhost", "use host.docker.internal instead"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid", "Check the host and the port"),
    ],
)
def test_database_that_cannot_be_read_is_an_error_of_two_lines_without_the_password(
    containers: Containers,
    server: Server,
    tmp_path: Path,
    change: dict[str, str],
    problem: str,
    fix: str,
) -> None:
    url = server.url(**{"password": "only-for-this", **change})
    done = containers.run(
        *("startproject", "city", "--from-database", url, *CHOICE),
        mounts={tmp_path: "/project"},
        options=OPTIONS,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"ERROR: The database postgis://.+\nFIX:   .+\n", done.stderr), done.stderr
    assert problem in done.stderr
    assert fix in done.stderr
    assert "only-for-this" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_url_comes_from_the_option_a_variable_or_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY", "postgis://u@h/city")
    monkeypatch.setattr("sys.stdin", io.StringIO("postgis://u@h/input\n"))
    assert from_database.url("postgis://u@h/option") == "postgis://u@h/option"
    assert from_database.url("env:CITY") == "postgis://u@h/city"
    assert from_database.url("-") == "postgis://u@h/input"
    for empty in ("env:NONE", "-"):
        with pytest.raises(StartupError, match=r"--from-database: .* is empty"):
            from_database.url(empty)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("postgres://u:p@h/n", "postgis://u:p@h/n"),
        ("postgresql://u:a$b'c@h:5/n", "postgis://u:a%24b%27c@h:5/n"),
        ("postgis://u:p%40@[::1]/n?sslmode=require", "postgis://u:p%40@[::1]/n?sslmode=require"),
        ('postgis://u:"p`@h/n', "postgis://u:%22p%60@h/n"),
    ],
)
def test_url_in_dotenv_means_the_same_without_quotes(url: str, line: str) -> None:
    assert from_database.in_dotenv(url) == line


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from-database", "mysql://u:secret@h/n"], "not the URL of a PostgreSQL database"),
        (["--from-database", "postgis://u@h/n", "--database", "land"], "goes neither with"),
        (["--from-database", "postgis://u@h/n", "--no-geometry"], "goes neither with"),
        (["--table", "x"], "--table needs --from-database"),
    ],
)
def test_other_mistakes_are_errors_of_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    with pytest.raises(SystemExit):
        main(["city", *arguments, "--into", str(tmp_path)])
    error = capsys.readouterr().err
    assert re.fullmatch(r"ERROR: .+\nFIX:   .+\n", error)
    assert problem in error
    assert "secret" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files of a project with a long name, without a database."""
    table = plan.Table(Relation("public", "stops", "table", ()), "default", "Stops", "stops", ())
    inspected = inspect.Inspected(inspect.Options(), plan.Plan((table,)), {"models.py": "A = 1\n"})
    monkeypatch.setattr(from_database, "inspected", lambda *arguments: inspected)
    name = "a" * names.LONGEST
    main([name, "--from-database", "postgis://u@h/n", "--into", str(tmp_path)])
    run("yamllint", "--strict", "--config-file", ROOT / ".yamllint", tmp_path / name, folder=ROOT)
    run("ruff", "check", "--no-cache", folder=tmp_path / name)
    run("ruff", "format", "--check", "--no-cache", folder=tmp_path / name)
    return read_files(tmp_path / name)


def test_options_of_the_tables_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[inspect.Options] = []

    def inspected(url: str, options: inspect.Options, app: str) -> inspect.Inspected:
        given.append(options)
        return inspect.Inspected(options, plan.Plan(()), {"models.py": "A = 1\n"})

    monkeypatch.setattr(from_database, "inspected", inspected)
    chosen = ("--srid", "parks.shape=2913", "--srid", "lots.shape=2913", "--function", "near")
    main(["city", "--from-database", "postgis://u@h/n", *chosen, "--into", str(tmp_path)])
    assert given[0].srid == ["parks.shape=2913", "lots.shape=2913"]
    assert given[0].functions == ["near"]


def test_no_file_has_traces_of_the_sample_or_of_templates(files: dict[str, str]) -> None:
    for name, text in files.items():
        assert not re.search(r"\{%|%\}|\{#|\{\{ |[ \t]$|loaddata|district", text, re.MULTILINE), (
            name
        )
        assert name.endswith(".py") or "\n\n\n" not in text, name
        assert name.endswith(".json") or not re.match(r"\n", text), name
    assert "inspectapi" in files["README.md"]
