"""PUBLISH_SCHEMAS at the start, while the database changes, and for different roles."""

from __future__ import annotations

import uuid
from pathlib import Path

import pyogrio
import pytest

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers, until
from tests.support.load import Load

pytestmark = pytest.mark.engine

PARKS = """
CREATE SCHEMA city;
COMMENT ON SCHEMA city IS 'Open data of the city';
CREATE TABLE city.parks (
    id integer PRIMARY KEY, name text NOT NULL, visits integer, place geometry(Point, 4326)
);
COMMENT ON TABLE city.parks IS 'Parks, with <b>visits</b>';
INSERT INTO city.parks
SELECT i, 'Park ' || i, i * 10, ST_SetSRID(ST_MakePoint(-122.7 + i * 0.01, 45.5), 4326)
FROM generate_series(1, 20) i;
CREATE TABLE city.notes (note text);
INSERT INTO city.notes VALUES ('first'), ('first'), ('second');
CREATE FUNCTION city.parks_north_of(latitude float8, fewest integer DEFAULT 0)
RETURNS SETOF city.parks LANGUAGE sql STABLE AS $$
    SELECT * FROM city.parks WHERE ST_Y(place) > latitude AND visits >= fewest
$$;
"""


@pytest.fixture
def database(postgis: PostGIS) -> str:
    name = postgis.database()
    postgis.sql(PARKS, name)
    return name


def reader(postgis: PostGIS, database: str) -> str:
    """The URL of the database for a new role that can only read the schema."""
    role = f"reader_{uuid.uuid4().hex[:8]}"
    postgis.sql(
        f"CREATE ROLE {role} LOGIN PASSWORD 'reads'; GRANT USAGE ON SCHEMA city TO {role}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA city TO {role}; "
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA city GRANT SELECT ON TABLES TO {role}",
        database,
    )
    return f"postgis://{role}:reads@{postgis.host}/{database}"


def serve(containers: Containers, postgis: PostGIS, url: str, **env: str) -> Container:
    started = containers.start(
        env={"DATABASE_URL": url, "PUBLISH_SCHEMAS": "city", **env},
        options=["--network", postgis.network],
    )
    return started.wait_until_ready()


def refused(containers: Containers, postgis: PostGIS, url: str, **env: str) -> str:
    """The two lines with which a start ends."""
    done = containers.run(
        env={"DATABASE_URL": url, "PUBLISH_SCHEMAS": "city", **env},
        options=["--network", postgis.network],
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).splitlines()[-2:]
    assert [line.partition(":")[0] for line in lines] == ["ERROR", "FIX"], lines
    return "\n".join(lines)


def test_search_path_without_postgis_stops_the_start_with_the_statement_that_adds_it(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    url = reader(postgis, database)
    role = url.removeprefix("postgis://").partition(":")[0]
    postgis.sql(f"ALTER ROLE {role} SET search_path = city", database)
    lines = refused(containers, postgis, url)
    assert (
        f"PostGIS is in the schema public, which is not in the search_path of the role {role}."
        in lines
    )
    assert f'Add it: ALTER ROLE "{role}" SET search_path = SCHEMA, "public";' in lines


def test_two_variables_serve_a_schema_to_a_role_that_can_only_read(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    api = serve(containers, postgis, reader(postgis, database))
    assert api.get("/api/parks/?visits__gte=190").json()["count"] == 2
    assert api.get("/api/parks/7/").json()["properties"] == {"name": "Park 7", "visits": 70}
    assert [row["note"] for row in api.get("/api/notes/").json()["results"]] == [
        *("first", "first", "second")
    ]
    start = api.get("/").text
    assert "Open data of the city" in start
    assert "Parks, with &lt;b&gt;visits&lt;/b&gt;" in start
    # There are no accounts, and a cookie or a password of elsewhere does not matter.
    assert api.get("/admin/").status_code == 404
    assert api.get("/api/parks/", auth=("a", "b")).status_code == 200
    assert api.get("/api/parks/", cookies={"sessionid": "abc"}).status_code == 200
    assert api.session.post(api.url("/api/parks/"), json={}).status_code in (401, 403, 405)
    assert postgis.sql("SELECT to_regclass('django_migrations')", database) == ""


def test_report_of_the_start_names_what_is_missing_and_the_sql(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    postgis.sql("CREATE TABLE city.secrets (id integer)", database)
    url = reader(postgis, database)
    postgis.sql(f"REVOKE ALL ON city.secrets FROM {url[10:25]}", database)
    api = serve(containers, postgis, url)
    log = api.logs()
    assert "published: 1 served, 1 partly served, 1 skipped" in log
    assert "city.notes: partly served, /api/notes/" in log
    assert 'ALTER TABLE "city"."notes" ADD PRIMARY KEY (COLUMN);' in log
    assert 'GRANT SELECT ON "city"."secrets" TO' in log
    assert api.get("/api/secrets/").status_code == 404


def test_tables_of_django_are_never_published(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    postgis.sql(
        "CREATE TABLE public.members (id integer PRIMARY KEY, password text, last_login date)",
        database,
    )
    url = f"postgis://{postgis.user}:p%40ss%2Fword@{postgis.host}/{database}"
    containers.may_log("is a superuser")
    for _ in range(2):  # the first start creates them
        api = serve(containers, postgis, url, PUBLISH_SCHEMAS="public,city")
        assert set(api.get("/api/?format=json").json()) == {"city/parks", "city/notes"}
        assert api.get("/admin/login/").status_code == 200


def test_changed_table_is_served_without_a_lost_request(
    containers: Containers, postgis: PostGIS, database: str, figures
) -> None:
    """Added and dropped columns and tables, while four clients ask for another table."""
    containers.may_log("are not as they were", "has changed", "Service Unavailable")
    url = reader(postgis, database)
    api = serve(containers, postgis, url, PUBLISH_INTERVAL="1")
    workers = {process["pid"] for process in api.processes()[1:]}
    load = Load(lambda: api.url("/api/notes/"))
    with load.running():
        postgis.sql(
            "ALTER TABLE city.parks ADD shelter boolean DEFAULT true, DROP visits; "
            "CREATE TABLE city.trees (id integer PRIMARY KEY); INSERT INTO city.trees VALUES (1)",
            database,
        )
        seen = set()

        def is_new() -> bool:
            answer = api.get("/api/parks/1/")
            seen.add(answer.status_code)
            return answer.json().get("properties") == {"name": "Park 1", "shelter": True}

        until(is_new, "the new column is served")
        until(lambda: api.get("/api/trees/").status_code == 200, "the new table is served")
        until(
            lambda: not workers & {process["pid"] for process in api.processes()},
            "the old workers have ended",
        )
    assert seen <= {200, 503}
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    assert "Parks: removed visits; added shelter" in api.logs()
    assert "added Trees" in api.logs()
    figures(f"a changed table: {load.sent} requests, the slowest {load.longest():.1f} s")


def test_dropped_column_costs_a_503_for_its_table_alone(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    containers.may_log("has changed", "Service Unavailable", "published.Parks")
    api = serve(containers, postgis, reader(postgis, database), PUBLISH_INTERVAL="0")
    postgis.sql("ALTER TABLE city.parks DROP visits", database)
    for path in ("parks/", "parks/1/", "parks.csv", "parks.geojson", "parks/tiles/0/0/0.mvt"):
        answer = api.get(f"/api/{path}")
        assert answer.status_code == 503, path
        assert answer.json() == {
            "detail": "This table has changed in the database. Try again in a minute."
        }
        assert answer.headers["Retry-After"] == "60"
    assert api.get("/api/notes/").status_code == 200
    doctor = api.exec("python", "manage.py", "doctor", check=False)
    assert "published.Parks: The table '\"city\".\"parks\"' has no column 'visits'." in doctor
    assert "the database has changed since the code was written: Parks: removed visits" in doctor
    assert "FIX: Restart the container." in doctor


def test_function_is_a_list_with_its_arguments_as_parameters(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    url = reader(postgis, database)
    api = serve(containers, postgis, url, PUBLISH_FUNCTIONS="parks_north_of")
    path = "/api/functions/parks_north_of/"
    assert api.get(f"{path}?latitude=45").json()["count"] == 20
    assert api.get(f"{path}?latitude=45&fewest=100&visits__lt=130").json()["count"] == 3
    assert api.get(f"{path}?latitude=46").json()["count"] == 0
    assert api.get("/api/functions/parks_north_of.csv?latitude=45&fewest=200").text.count("\n") == 2
    assert api.get(path).json() == {"latitude": ["This argument is required."]}
    wrong = api.get(f"{path}?latitude=north&fewest=99999999999")
    assert wrong.status_code == 400
    assert set(wrong.json()) == {"latitude", "fewest"}
    document = api.get("/swagger.json").json()["paths"]["/functions/parks_north_of/"]["get"]
    required = {each["name"] for each in document["parameters"] if each.get("required")}
    assert required == {"latitude"}


def test_metadata_adds_titles_hides_columns_and_requires_a_login(
    containers: Containers, postgis: PostGIS, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "metadata.yml"
    file.write_text(
        "title: Our parks\nlicense: ODC-By 1.0\ntables:\n  parks:\n    title: All parks\n"
        "    hidden: [visits]\n  city.notes:\n    login: true\n"
    )
    containers.may_log("is a superuser")
    url = f"postgis://{postgis.user}:p%40ss%2Fword@{postgis.host}/{database}"
    api = containers.start(
        env={
            "DATABASE_URL": url,
            "PUBLISH_SCHEMAS": "city",
            "PUBLISH_METADATA": "/metadata.yml",
            "DJANGO_SUPERUSER_USERNAME": "ada",
            "DJANGO_SUPERUSER_PASSWORD": "of-the-tests",
        },
        options=["--network", postgis.network],
        mounts={file: "/metadata.yml:ro"},
    ).wait_until_ready()
    assert "Our parks" in api.get("/").text
    assert api.get("/api/parks/1/").json()["properties"] == {"name": "Park 1"}
    assert api.get("/api/parks/?visits=10").status_code == 400
    assert "License: ODC-By 1.0" in api.get("/api/parks/tiles/").json()["description"]
    for path in ("notes/", "notes.csv"):
        assert api.get(f"/api/{path}").status_code in (401, 403), path
        assert api.get(f"/api/{path}", auth=("ada", "of-the-tests")).status_code == 200, path


@pytest.mark.parametrize(
    ("metadata", "problem", "fix"),
    [
        ("tables:\n  park: {}\n", "there is no table 'park'", "Did you mean parks"),
        (
            "tables: {parks: {hidden: [visit]}}\n",
            "parks has no column 'visit'",
            "Did you mean visits?",
        ),
        (
            "tables: {parks: {titel: A}}\n",
            "parks has 'titel', which means nothing",
            "Did you mean title?",
        ),
        ("tables: {parks: {hidden: visits}}\n", "hidden of parks is 'visits'", "hidden: [column"),
        ("a: [b\n", "metadata.yml, line 2", "Correct the YAML"),
    ],
)
def test_error_in_metadata_stops_the_start_with_its_place(
    containers: Containers,
    postgis: PostGIS,
    database: str,
    tmp_path: Path,
    metadata: str,
    problem: str,
    fix: str,
) -> None:
    (tmp_path / "metadata.yml").write_text(metadata)
    done = containers.run(
        env={
            "DATABASE_URL": reader(postgis, database),
            "PUBLISH_SCHEMAS": "city",
            "PUBLISH_METADATA": "/metadata.yml",
        },
        options=["--network", postgis.network],
        mounts={tmp_path / "metadata.yml": "/metadata.yml:ro"},
    )
    lines = (done.stdout + done.stderr).splitlines()[-2:]
    assert done.returncode == 1
    assert problem in lines[0]
    assert fix in lines[1]


def test_wrong_schema_database_or_function_stops_the_start(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    url = reader(postgis, database)
    told = refused(containers, postgis, url, PUBLISH_SCHEMAS="citty")
    assert 'the database has no schema "citty"' in told
    assert 'Did you mean "city"?' in told
    told = refused(containers, postgis, url, PUBLISH_SCHEMAS="census:blocks")
    assert "there is no database 'census'" in told
    assert "CENSUS_DATABASE_URL" in told
    told = refused(containers, postgis, url, PUBLISH_FUNCTIONS="parks_south_of")
    assert 'no function "parks_south_of"' in told
    assert "parks_north_of" in told
    told = refused(containers, postgis, url, PUBLISH_FUNCTIONS="census:parks_north_of")
    assert "PUBLISH_FUNCTIONS: no schema of the database 'census' is published." in told
    assert "census:SCHEMA" in told


def test_variables_that_could_not_work_stop_the_start(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    url = reader(postgis, database)
    told = refused(containers, postgis, url, PUBLISH_INTERVAL="often")
    assert "PUBLISH_INTERVAL is 'often'" in told
    without = {"PUBLISH_SCHEMAS": "", "DJANGO_SECRET_KEY": "of-the-tests" * 5}
    told = refused(containers, postgis, url, PUBLISH_FUNCTIONS="parks_north_of", **without)
    assert "PUBLISH_FUNCTIONS is set, but PUBLISH_SCHEMAS is not." in told


def test_tables_that_are_created_after_the_start_are_served(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    postgis.sql("CREATE SCHEMA later", database)
    url = reader(postgis, database)
    role = url[10:25]
    postgis.sql(f"GRANT USAGE ON SCHEMA later TO {role}", database)
    api = serve(containers, postgis, url, PUBLISH_SCHEMAS="later", PUBLISH_INTERVAL="1")
    assert "published: nothing" in api.logs()
    assert "name a schema with tables in <code>PUBLISH_SCHEMAS</code>" in api.get("/").text
    postgis.sql(
        "CREATE TABLE later.trees (id integer PRIMARY KEY); INSERT INTO later.trees VALUES (1); "
        f"GRANT SELECT ON later.trees TO {role}",
        database,
    )
    until(lambda: api.get("/api/trees/").status_code == 200, "the table is served")
    assert api.get("/api/trees/").json()["results"] == [{"id": 1}]


def test_read_only_container_without_a_volume_publishes(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    api = containers.start(
        env={"DATABASE_URL": reader(postgis, database), "PUBLISH_SCHEMAS": "city"},
        options=["--network", postgis.network, "--read-only", "--tmpfs", "/tmp", "--user", "4321"],
    ).wait_until_ready()
    assert api.get("/api/parks/").json()["count"] == 20
    found = api.exec(
        *("python", "manage.py", "shell", "-v", "0", "-c"), "import published.models as m; print(m)"
    )
    assert "/tmp/published-4321/" in found


def test_each_of_two_replicas_with_two_workers_and_one_data_folder_notices_a_change(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    url, volume = reader(postgis, database), containers.volume()
    replicas = [
        containers.start(
            env={
                "DATABASE_URL": url,
                "PUBLISH_SCHEMAS": "city",
                "PUBLISH_INTERVAL": "1",
                "WEB_CONCURRENCY": "2",
            },
            options=["--network", postgis.network],
            mounts={volume: "/data"},
        )
        for _ in range(2)
    ]
    for replica in replicas:
        replica.wait_until_ready()
    postgis.sql("ALTER TABLE city.parks ADD shelter boolean", database)
    expected = {"name": "Park 1", "visits": 10, "shelter": None}
    for replica in replicas:
        until(
            lambda replica=replica: replica.get("/api/parks/1/").json()["properties"] == expected,
            "the new column is served",
        )


def test_gdal_reads_a_published_table(
    containers: Containers, postgis: PostGIS, database: str, tmp_path: Path
) -> None:
    api = serve(containers, postgis, reader(postgis, database))
    for suffix in ("geojson", "geojsonl", "fgb"):
        file = tmp_path / f"parks.{suffix}"
        file.write_bytes(api.get(f"/api/parks.{suffix}").content)
        about = pyogrio.read_info(file, force_feature_count=True)
        assert (about["features"], about["crs"]) == (20, "EPSG:4326"), suffix
        assert set(about["fields"]) >= {"name", "visits"}, suffix


def test_row_level_security_applies_to_every_page_of_a_published_table(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    postgis.sql(
        "ALTER TABLE city.parks ENABLE ROW LEVEL SECURITY; "
        "CREATE POLICY few ON city.parks FOR SELECT USING (visits < 50)",
        database,
    )
    api = serve(containers, postgis, reader(postgis, database), PUBLISH_FUNCTIONS="parks_north_of")
    assert api.get("/api/parks/").json()["count"] == 4
    assert api.get("/api/parks/?visits__gte=50").json()["count"] == 0
    assert api.get("/api/parks/7/").status_code == 404
    assert api.get("/api/parks.csv").text.count("\n") == 1 + 4
    assert len(api.get("/api/parks.geojson").json()["features"]) == 4
    assert api.get("/api/functions/parks_north_of/?latitude=0").json()["count"] == 4
    east = api.get("/api/parks/tiles/").json()["bounds"][2]
    assert east == pytest.approx(-122.66), "the bounds are those of the visible rows"
