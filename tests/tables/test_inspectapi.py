"""``manage.py inspectapi`` writes an app into a project, and later merges what changed into it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.kit.startproject.__main__ import main as startproject
from tests.conftest import PostGIS
from tests.support.containers import Container, Containers

pytestmark = pytest.mark.engine

DEVELOPER = 1234  # a UID that neither this machine nor the image has
TABLES = """
CREATE SCHEMA city;
CREATE TABLE city.parks (
    id integer PRIMARY KEY, "Park Name" text NOT NULL, class text, place geometry(Point, 4326)
);
COMMENT ON TABLE city.parks IS 'Parks of the city';
INSERT INTO city.parks VALUES (1, 'First', 'bus', ST_SetSRID(ST_MakePoint(-122.68, 45.52), 4326));
CREATE TABLE city.permits (
    id integer PRIMARY KEY, fee numeric(5,2), park integer REFERENCES city.parks
);
INSERT INTO city.permits VALUES (7, 1.5, 1);
CREATE TYPE city.kind AS ENUM (
    'a question of a neighbor', 'a complaint about somebody', 'praise for "the mayor"', 'other'
);
CREATE TABLE city.notes (
    note text, kind city.kind, kinds city.kind[], "🚲 lanes" integer,
    park integer REFERENCES city.parks
);
"""
CHANGES = """
ALTER TABLE city.parks ADD shelter boolean;
UPDATE city.parks SET shelter = true;
ALTER TABLE city.permits ALTER fee TYPE numeric(7,2);
DROP TABLE city.notes;
CREATE TABLE city.trees (id integer PRIMARY KEY, park_id integer REFERENCES city.parks);
"""


@dataclass
class Project:
    """A mounted project, as on a developer's machine, with a database of others."""

    containers: Containers
    folder: Path
    postgis: PostGIS
    database: str
    workdir: str = "/code/src_files"
    user: str = "0:0"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.containers.run("python", "manage.py", *command, **self._options)

    def serve(self) -> Container:
        return self.containers.start("gunicorn", **self._options).wait_until_ready()

    @property
    def _options(self) -> dict:
        return {
            "env": self.postgis.env(self.database, DEBUG="true", PYTHONPATH="/code"),
            "mounts": {self.folder: "/code/src_files"},
            "options": [
                "--network",
                self.postgis.network,
                "--workdir",
                self.workdir,
                "--user",
                self.user,
            ],
        }

    def sql(self, statements: str) -> None:
        self.postgis.sql(statements, self.database)

    def files(self) -> dict[str, str]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_text()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def edit(self, name: str, *pairs: tuple[str, str]) -> None:
        text = (self.folder / name).read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{old} in:\n{text}"
            text = text.replace(old, new)
        (self.folder / name).write_text(text)

    def install(self, printed: str) -> None:
        """Add the lines that the command prints to the files that it names."""
        file = ""
        for line in printed.splitlines():
            if match := re.search(r"add to (\S+):$|^And to (\S+):$", line):
                file = (match[1] or match[2]).rpartition("/src_files/")[2]
            elif line.startswith("    ") and file.endswith(".py"):
                with (self.folder / file).open("a") as opened:
                    opened.write(f"{line.strip()}\n")


@pytest.fixture
def project(containers: Containers, tmp_path: Path, postgis: PostGIS) -> Project:
    startproject(["base", "--no-proxy", "--into", str(tmp_path)])
    for path in (tmp_path / "base", *(tmp_path / "base").rglob("*")):
        os.chown(path, DEVELOPER, DEVELOPER)
    made = Project(containers, tmp_path / "base", postgis, postgis.database())
    made.sql(TABLES)
    return made


def created(project: Project) -> subprocess.CompletedProcess[str]:
    done = project.run("inspectapi", "city", "--schema", "city")
    assert done.returncode == 0, done.stderr
    project.install(done.stdout)
    return done


def test_first_run_writes_an_app_that_serves(project: Project) -> None:
    done = created(project)
    assert "city.parks: served, /api/parks/\n" in done.stdout
    assert "city.notes: partly served, /api/notes/\n    It has no key" in done.stdout
    assert '        ALTER TABLE "city"."notes" ADD PRIMARY KEY (COLUMN);\n' in done.stdout
    assert "\nTogether: 2 served, 1 partly served.\n" in done.stdout
    assert '    INSTALLED_APPS += ["django.contrib.postgres", "city"]\n' in done.stdout
    owners = {path.stat().st_uid for path in (project.folder / "city").rglob("*")}
    assert owners == {DEVELOPER}
    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", "city"]
        linted = subprocess.run(
            ruff, cwd=project.folder, capture_output=True, text=True, check=False
        )
        assert linted.returncode == 0, linted.stdout
    api = project.serve()
    row = api.get("/api/parks/1/").json()
    assert row["properties"] == {"Park Name": "First", "class": "bus"}
    assert api.get("/api/permits/").json()["results"] == [{"id": 7, "fee": "1.50", "park": 1}]
    again = project.run("inspectapi")
    assert again.stdout.endswith("\nNothing changed.\n")


def test_changes_of_the_database_and_of_people_are_both_in_the_result(project: Project) -> None:
    created(project)
    method = '\n    def __str__(self):\n        return f"Park {self.pk}"\n'
    pair = ('verbose_name_plural = "parks"\n', f'verbose_name_plural = "All parks"\n{method}')
    project.edit("city/models.py", pair)
    project.edit("city/serializers.py", ('"Park Name", "class", ', '"Park Name", '))
    assert project.run("inspectapi", "--check").returncode == 0
    project.sql(CHANGES)

    before = project.files()
    checked = project.run("inspectapi", "--check")
    told = project.run("doctor").stdout
    assert "the database has changed since the code was written: city.parks: column shelter" in told
    assert "FIX: Run manage.py inspectapi city, and commit what it changes." in told
    assert checked.returncode == 1
    assert checked.stderr == (
        "city.notes: it is gone, or the role cannot read it\n"
        "city.parks: column shelter: new, boolean\n"
        "city.permits: column fee: numeric(5,2) became numeric(7,2)\n"
        "city.trees: new, with 2 columns\n"
        "Run manage.py inspectapi city, and commit what it changes.\n"
    )
    tried = project.run("inspectapi", "--dry-run")
    assert "\n+    shelter = models.BooleanField(" in tried.stdout
    assert "\n-class Notes(" in tried.stdout
    assert project.files() == before

    done = project.run("inspectapi")
    assert done.returncode == 0, done.stderr
    assert "Changed in the database: city.parks: column shelter: new, boolean\n" in done.stdout
    models = (project.folder / "city/models.py").read_text()
    assert 'verbose_name_plural = "All parks"' in models
    assert method in models
    assert "class Notes(" not in models
    assert project.run("inspectapi", "--check").returncode == 0
    assert "generated code: city is as the database is" in project.run("doctor").stdout
    api = project.serve()
    assert api.get("/api/parks/1/").json()["properties"] == {"Park Name": "First", "shelter": True}
    titles = [each["title"] for each in api.get("/api/parks/1/").json()["links"]]
    assert titles == ["permits", "trees"]
    (permit,) = api.get("/api/permits/?expand=parks").json()["results"]
    assert permit["parks"]["properties"]["shelter"] is True
    assert api.get("/api/trees/").json()["count"] == 0
    assert api.get("/api/notes/").status_code == 404


def test_system_and_functions_of_the_first_run_are_kept(project: Project) -> None:
    project.sql(
        "CREATE TABLE city.lots (id integer PRIMARY KEY, shape geometry); INSERT INTO city.lots "
        "VALUES (1, ST_SetSRID(ST_Transform(ST_SetSRID(ST_MakePoint(-122.68, 45.52), 4326), 2913),"
        " 0)); CREATE FUNCTION city.fees(fewest numeric DEFAULT 1) RETURNS TABLE (id integer, fee "
        "numeric) LANGUAGE sql STABLE AS 'SELECT id, fee FROM city.permits WHERE fee >= fewest'"
    )
    options = ("--schema", "city", "--srid", "lots.shape=2913", "--function", "fees")
    done = project.run("inspectapi", "city", *options)
    assert done.returncode == 0, done.stderr
    assert "EPSG:2913 is used: --srid says so." in done.stdout
    project.install(done.stdout)
    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", "city"]
        assert subprocess.run(ruff, cwd=project.folder, check=False).returncode == 0
    again = project.run("inspectapi")
    assert again.stdout.endswith("\nNothing changed.\n"), again.stdout
    api = project.serve()
    lot = api.get("/api/lots/1/").json()
    assert lot["geometry"]["coordinates"] == pytest.approx([-122.68, 45.52])
    assert api.get("/api/functions/fees/").json()["results"] == [{"id": 7, "fee": "1.50"}]
    assert api.get("/api/functions/fees/?fewest=2").json()["count"] == 0
    tested = project.run("test", "city")
    assert tested.returncode == 0, tested.stderr
    project.sql(
        "DROP FUNCTION city.fees; CREATE FUNCTION city.fees(fewest numeric) RETURNS TABLE "
        "(id integer, dues numeric) LANGUAGE sql STABLE AS 'SELECT id, fee FROM city.permits'"
    )
    checked = project.run("inspectapi", "--check")
    assert checked.stderr == (
        "city.fees(): arguments: (fewest numeric DEFAULT) became (fewest numeric)\n"
        "city.fees(): column dues: new, numeric\n"
        "city.fees(): column fee is gone, or the role cannot read it\n"
        "Run manage.py inspectapi city, and commit what it changes.\n"
    )


def test_conflict_is_reported_and_leaves_the_table_as_it_is(project: Project) -> None:
    created(project)
    project.edit("city/models.py", ("max_digits=5", "max_digits=6"))
    project.sql(CHANGES)
    done = project.run("inspectapi")
    assert done.returncode == 1
    assert re.search(
        r"\nCONFLICT city/models\.py, line \d+ \(Permits\.fee\.max_digits\): you and the generated "
        r"code both changed it\n"
        r"    yours:\n        max_digits=6\n    new:\n        max_digits=7\n"
        r"    Change yours to the new text, or keep yours with --keep-yours\.\n",
        done.stdout,
    ), done.stdout
    models = (project.folder / "city/models.py").read_text()
    assert "max_digits=6" in models
    assert "shelter = models.BooleanField(" in models, "other tables are merged"
    assert not re.search("^[<>=]{7}", models, re.MULTILINE)
    checked = project.run("inspectapi", "--check")
    assert (checked.returncode, checked.stderr.splitlines()[0]) == (
        1,
        "Not settled: models.py (Permits.fee.max_digits)",
    )
    assert project.run("inspectapi", "--keep-yours").returncode == 0
    assert project.run("inspectapi", "--check").returncode == 0
    assert "max_digits=6" in (project.folder / "city/models.py").read_text()


def test_app_of_other_people_is_refused(project: Project) -> None:
    before = project.files()
    done = project.run("inspectapi", "base", "--schema", "city")
    assert done.returncode == 1
    assert re.fullmatch(
        r"ERROR: /code/src_files/base already has .*models\.py.*, which inspectapi did not write\. "
        r"Nothing was changed\.\n"
        r"FIX:   Give the name of a new app: manage\.py inspectapi APP\n",
        done.stderr,
    )
    assert project.files() == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["city"], "The schemas of the search_path have no tables.|--schema city"),
        (["city", "--schema", "cty"], '--schema: the database has no schema "cty".|"city"'),
        (["city", "--schema", "city", "--table", "x*"], "Nothing to generate|Check --schema"),
        (["city", "--database", "land"], "There is no database 'land'.|LAND_DATABASE_URL"),
        (["json", "--schema", "city"], "'json' is the name of a Python module|another name"),
        (["city", "--check", "--schema", "city"], "has no code from inspectapi|inspectapi city"),
        ([], "No installed app has code from inspectapi.|inspectapi APP"),
    ],
)
def test_mistakes_are_errors_of_two_lines(
    project: Project, arguments: list[str], error: str
) -> None:
    before = project.files()
    done = project.run("inspectapi", *arguments)
    assert done.returncode == 1
    problem, fix = error.split("|")
    assert re.fullmatch(
        rf"ERROR: .*{re.escape(problem)}.*\nFIX:   .*{re.escape(fix)}.*\n", done.stderr
    ), done.stderr
    assert project.files() == before


def test_it_works_in_a_project_that_extends_the_image(
    containers: Containers, tmp_path: Path, postgis: PostGIS
) -> None:
    """There, a new application is below src_files, and a module of it."""
    (tmp_path / "team").mkdir()
    os.chown(tmp_path / "team", DEVELOPER, DEVELOPER)
    project = Project(containers, tmp_path / "team", postgis, postgis.database(), "/code")
    project.sql(TABLES)
    (project.folder / "local_settings").mkdir()
    urls = "from django.urls import include, path\n\nurlpatterns = []\n"
    (project.folder / "local_settings/urls.py").write_text(urls)
    refused = project.run("inspectapi", "city", "--schema", "city")
    assert refused.returncode == 1
    assert re.fullmatch(r"(?s)(.*\n)?ERROR: .+\nFIX:   .*--user 1234:0 .*\n", refused.stderr)
    assert not (project.folder / "city").exists()
    project.user = "1234:0"
    done = created(project)
    assert '    INSTALLED_APPS += ["django.contrib.postgres", "src_files.city"]\n' in done.stdout
    api = project.serve()
    links = [{"rel": "related", "title": "parks", "href": api.url("/api/parks/1/")}]
    row = {"id": 7, "fee": "1.50", "park": 1, "links": links}
    assert api.get("/api/permits/7/").json() == row
