"""What the image contains, and how it describes itself."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest

from backend import __version__
from tests.conftest import PostGIS, crlf_checkout
from tests.support.containers import IMAGE, Containers, docker, until

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent
DEV_IMAGE = "backend-docker-django:dev"
WGS_84 = (
    'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]'
)
CARRIED = (
    "django djangorestframework djangorestframework-gis django-cors-headers django-filter "
    "whitenoise gunicorn psycopg2-binary drf-yasg django-environ django-health-check"
).split()


@pytest.fixture(scope="session")
def geodata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stops as GeoJSON, GeoPackage and shapefile, and a 4 x 3 raster as an ASCII grid."""
    import numpy
    import pyogrio.raw

    folder = tmp_path_factory.mktemp("geodata")
    folder.chmod(0o755)
    stops = [(-122.6784, 45.5152), (-122.6587, 45.5122)]
    # Well-known binary: little-endian, type 1 is a point, two doubles.
    geometry = numpy.array([struct.pack("<BIdd", 1, 1, *stop) for stop in stops], dtype=object)
    names = [numpy.array(["Pioneer Square", "Hawthorne"], dtype=object)]
    for name, driver in (
        ("stops.geojson", "GeoJSON"),
        ("stops.gpkg", "GPKG"),
        ("stops.shp", "ESRI Shapefile"),
    ):
        pyogrio.raw.write(
            folder / name,
            geometry,
            names,
            ["name"],
            driver=driver,
            geometry_type="Point",
            crs="EPSG:4326",
        )
    rows = ["0 1 2 3", "4 5 6 7", "8 9 10 11"]
    header = ["ncols 4", "nrows 3", "xllcorner -123", "yllcorner 45.7", "cellsize 0.1"]
    (folder / "height.asc").write_text("\n".join([*header, *rows]) + "\n")
    (folder / "height.prj").write_text(WGS_84)
    return folder


def test_geodjango_reads_shapefile_geopackage_geojson_and_raster_and_transforms(
    containers: Containers, geodata: Path
) -> None:
    done = containers.run(
        "python", "geodjango.py", "/geodata",
        mounts={geodata: "/geodata:ro", HERE / "geodjango.py": "/code/geodjango.py:ro"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    # The formula of spherical Mercator, with the radius of EPSG:3857.
    radius = 6378137.0
    x = math.radians(-122.6784) * radius
    y = math.log(math.tan(math.pi / 4 + math.radians(45.5152) / 2)) * radius
    assert answer["transform"] == pytest.approx([x, y], abs=0.01)
    assert answer["buffer"] == pytest.approx(math.pi, rel=0.02)
    for kind in ("shapefile", "geopackage", "geojson"):
        assert answer[kind] == {
            "count": 2,
            "names": ["Hawthorne", "Pioneer Square"],
            "type": "Point",
            "first": pytest.approx([-122.6784, 45.5152]),
        }, kind
    assert answer["raster"] == {
        "size": [4, 3],
        "srs": "WGS 84",
        "pixel": 6.0,
        "warped_srid": 3857,
    }


def test_carries_what_it_promises_and_never_psycopg_3(containers: Containers) -> None:
    done = containers.run("pip", "list", "--format", "json")
    installed = {package["name"].lower().replace("_", "-") for package in json.loads(done.stdout)}
    assert set(CARRIED) <= installed
    assert not {"psycopg", "fiona", "gevent"} & installed


def test_lock_files_are_only_for_its_own_django_series(containers: Containers) -> None:
    """Teams that run the same code without a container install from these files."""
    version = "import django; print('%d.%d' % django.VERSION[:2])"
    show = f'ls /opt/backend/requirements; python -c "{version}"'
    *files, series = containers.run("bash", "-c", show).stdout.split()
    assert files == [f"django-{series}.lock", "geo.lock"]


def test_postgresql_tools_work_and_dbshell_reaches_the_database(
    containers: Containers, postgis: PostGIS
) -> None:
    env = postgis.env(postgis.database())
    commands = """
        pg_isready --host $POSTGRES_HOST &&
        export PGPASSWORD=$POSTGRES_PASSWORD &&
        export PGHOST=$POSTGRES_HOST PGUSER=$POSTGRES_USER &&
        pg_dump --no-owner $POSTGRES_NAME &&
        pg_dump --format=custom $POSTGRES_NAME >/tmp/dump &&
        pg_restore --clean --if-exists --exit-on-error --dbname $POSTGRES_NAME /tmp/dump &&
        echo 'SELECT postgis_lib_version();' | python manage.py dbshell &&
        head -c 2 $(command -v psql)
    """
    done = containers.run("bash", "-c", commands, env=env, options=["--network", postgis.network])
    assert done.returncode == 0, done.stderr
    assert "accepting connections" in done.stdout
    assert "CREATE EXTENSION IF NOT EXISTS postgis" in done.stdout
    assert "postgis_lib_version" in done.stdout
    assert not done.stdout.rstrip().endswith("#!"), "psql is a script, not the program"


def test_describes_itself_by_oci_labels_and_keeps_root_for_child_dockerfiles() -> None:
    config = json.loads(docker("image", "inspect", IMAGE).stdout)[0]["Config"]
    given = config["Labels"] or {}
    labels = {name.removeprefix("org.opencontainers.image."): given[name] for name in given}
    assert labels["version"] == __version__
    assert {"title", "description", "source", "licenses", "version", "revision"} <= labels.keys()
    assert config["User"] == ""
    assert config["WorkingDir"] == "/code"
    assert not [each for each in config["Env"] if each.startswith("DEBUG")]
    assert config["ExposedPorts"] == {"8000/tcp": {}}
    # Report the start immediately. Afterwards, check less often: each check costs a process.
    often, seldom = (config["Healthcheck"][name] for name in ("StartInterval", "Interval"))
    assert (often, seldom) == (1_000_000_000, 5_000_000_000)


def test_folders_of_the_team_are_absent_and_the_image_has_no_secret_key(
    containers: Containers,
) -> None:
    done = containers.run("find", "/code/src_files", "/code/local_settings", "/data/secret_key")
    assert done.stderr.count("No such file or directory") == 3, done.stderr + done.stdout


def test_docker_calls_it_healthy_without_curl(containers: Containers) -> None:
    container = containers.start(
        options=["--health-interval=1s", "--health-timeout=1s"]
    ).wait_until_ready()
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "healthy", "healthy")
    assert "NO" in container.exec("bash", "-c", "command -v curl wget || echo NO")
    container.exec("bash", "-c", "kill -STOP $(cat /proc/1/task/1/children)")
    until(lambda: container.inspect()["State"]["Health"]["Status"] == "unhealthy", "unhealthy")


def test_gunicorn_takes_its_workers_from_the_containers_limits(containers: Containers) -> None:
    """One worker for each core of the limit."""
    one = containers.start(options=["--cpus", "1", "--memory", "512m"]).wait_until_ready()
    two = containers.start(env={"WEB_CONCURRENCY": "2"}).wait_until_ready()
    # The first worker answers before the second is forked.
    until(lambda: two.logs().count("Booting worker") == 2, "two workers are booted")
    assert one.logs().count("Booting worker") == 1
    assert "Using worker: backend.server.worker.Worker" in one.logs()


def test_dev_target_stores_geometry_in_sqlite_and_reloads(containers: Containers) -> None:
    done = containers.run(
        "python", "-c",
        "import django; django.setup(); from django.db import connection as c; "
        "print(c.vendor, c.ops.spatial_version)",
        image=DEV_IMAGE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sqlite (5")
    server = containers.start(image=DEV_IMAGE).may_log("This is a development server")
    server.wait_until_ready()
    assert "Watching for file changes" in server.logs()
    assert server.get("/").status_code == 200
    assert "debug mode" in server.get("/").text


def test_static_files_collected_in_a_childs_dockerfile_need_no_work_at_start(
    containers: Containers, tmp_path: Path
) -> None:
    """Root runs Django's command, as in most Dockerfiles, and the user ``app`` owns the files."""
    app = tmp_path / "map" / "static" / "map"
    app.mkdir(parents=True)
    (app.parent.parent / "__init__.py").touch()
    (app / "map.css").write_text("body { color: green }")
    (tmp_path / "local_settings").mkdir()
    (tmp_path / "local_settings" / "settings.py").write_text(
        "from backend.hacko_settings import *\nINSTALLED_APPS += ['map']\n"
    )
    (tmp_path / "Dockerfile").write_text(
        f"FROM {IMAGE}\nCOPY map ./map\nCOPY local_settings ./local_settings\n"
        "RUN python manage.py collectstatic --noinput\n"
    )
    tag = containers.build(tmp_path)
    child = containers.start(image=tag).wait_until_ready()
    assert "static files are unchanged" in child.logs()
    assert child.exec("find", "/data", "!", "-user", "backend") == ""
    # A later change is collected at the start, and unchanged files are not compressed again.
    (app / "map.css").write_text("body { color: red }")
    changed = containers.start(image=tag, mounts={tmp_path / "map": "/code/map:ro"})
    changed.wait_until_ready()
    assert "collecting static files" in changed.logs()
    copies = "find /data/static -name '*.gz' -newer /proc/1 | wc -l"
    assert int(changed.exec("bash", "-c", copies)) == 0
    css = "find /data/static/map -name 'map.*.css' -exec cat {} +"
    assert "red" in changed.exec("bash", "-c", css)


def test_a_checkout_with_crlf_builds_and_runs(
    containers: Containers, clone: Path, tmp_path: Path
) -> None:
    image = containers.build(crlf_checkout(clone, tmp_path / "checkout"))
    containers.start(image=image, env={"WEB_CONCURRENCY": "1"}).wait_until_ready()
