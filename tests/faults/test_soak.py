"""A long mixed load, while clients leave and servers restart: nothing is lost, nothing grows.

SOAK_SECONDS sets the duration, which is short by default.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.conftest import PostGIS, start_postgis, wait_for
from tests.faults.conftest import HUNG
from tests.support import logs
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, free_port, until

pytestmark = [pytest.mark.engine, pytest.mark.alone]

SECONDS = float(os.environ.get("SOAK_SECONDS", "15"))
BETWEEN = min(60, SECONDS / 4)  # seconds from one restart to the next
CLIENTS, LEAVERS = 6, 2
# The growth that is allowed between the first third of the samples and the last, in addition to
# 10%: bytes, files of some connections, and connections of some threads to the database.
SLACK = {"memory": 8_000_000, "files": 16, "connections": 8}

PROJECT = {
    "local_settings/settings.py": "from backend.hacko_settings import *\n\n"
    'INSTALLED_APPS += ["soaked"]\n'
    'REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = []\n',
    "local_settings/urls.py": """
from django.urls import include, path
from rest_framework.routers import DefaultRouter
from soaked.views import Points

router = DefaultRouter()
router.register("points", Points)
urlpatterns = [path("api/", include(router.urls))]
""",
    "soaked/__init__.py": "",
    "soaked/models.py": """
from django.contrib.gis.db import models

class Point(models.Model):
    name = models.TextField()
    geom = models.PointField()

    class Meta:
        ordering = ["id"]
""",
    "soaked/migrations/__init__.py": "",
    "soaked/migrations/0001_initial.py": """
from django.contrib.gis.db import models
from django.db import migrations

FILL = '''
INSERT INTO soaked_point (name, geom)
SELECT 'Point ' || n, ST_SetSRID(ST_MakePoint(-122.8 + n / 50000.0, 45.4 + n / 60000.0), 4326)
FROM generate_series(1, 10000) n
'''

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Point", [
            ("id", models.BigAutoField(primary_key=True)), ("name", models.TextField()),
            ("geom", models.PointField()),
        ], options={"ordering": ["id"]}),
        migrations.RunSQL(FILL),
    ]
""",
    "soaked/views.py": """
from rest_framework.viewsets import ModelViewSet
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from soaked.models import Point

class PointSerializer(GeoFeatureModelSerializer):
    class Meta:
        model = Point
        geo_field = "geom"
        fields = "__all__"

class Points(SpatialMixin, ModelViewSet):
    queryset = Point.objects.all()
    serializer_class = PointSerializer
""",
}
POINT = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-122.67, 45.52]},
    "properties": {"name": "new"},
}
# Requests of clients that read the whole response.
ASKED = (
    ("GET", "/?limit=100"),
    ("GET", "/77/"),
    ("GET", "/?in_bbox=-122.7,45.4,-122.6,45.6"),
    ("POST", "/"),
    ("GET", "/tiles/12/652/1465.mvt"),
    ("GET", ".csv?limit=2000"),
    ("GET", ".geojson"),
)
# What the other clients send before they disconnect, during the response or their own request.
LEFT = (
    b"GET /api/points.geojson HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/points/?limit=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /api/points/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"type":',
    b"GET /api/poi",
)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


@dataclass
class Replica:
    container: Container
    address: str
    ready: bool = False


@dataclass
class Traffic:
    """Clients that use only ready replicas, as through a proxy, and their results."""

    replicas: list[Replica]
    # Requests, 5xx, and resets. While the database is down, they count as "later" and "cut".
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._outages = 0  # begun or ended: odd while the database is down

    @contextmanager
    def running(self) -> Iterator[None]:
        work = [(self._look, replica) for replica in self.replicas]
        work += [(self._ask, number) for number in range(CLIENTS)]
        work += [(self._leave, number) for number in range(LEAVERS)]
        threads = [threading.Thread(target=function, args=(one,)) for function, one in work]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            with self._changed:
                self._changed.notify_all()
            for thread in threads:
                thread.join()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The database can be down from here until all replicas are ready."""
        self._outages += 1
        yield
        self.wait_until_all_are_ready()
        self._outages += 1

    def wait_until_all_are_ready(self) -> None:
        """Wait for checks that begin after this call."""
        for replica in self.replicas:
            replica.ready = False
        until(lambda: all(each.ready for each in self.replicas), "every replica is ready", HUNG)

    def _look(self, replica: Replica) -> None:
        """Check readiness, as a proxy does."""
        while not self._stop.is_set():
            ready = False
            with suppress(requests.RequestException):
                ready = requests.get(f"{replica.address}/health/ready", timeout=5).ok
            with self._changed:
                replica.ready = ready
                self._changed.notify_all()
            self._stop.wait(0.1)

    def _chosen(self, number: int) -> str | None:
        """The address of a ready replica, or None at the end of the test."""
        with self._changed:
            while not self._stop.is_set():
                if some := [each.address for each in self.replicas if each.ready]:
                    return some[number % len(some)]
                self._changed.wait()
        return None

    def _ask(self, number: int) -> None:
        session = requests.Session()
        while address := self._chosen(number):
            number += 1
            method, path = ASKED[number % len(ASKED)]
            body = POINT if method == "POST" else None
            outages, status, text = self._outages, None, ""
            try:
                url = f"{address}/api/points{path}"
                answer = session.request(method, url, json=body, timeout=HUNG)
                status, text = answer.status_code, answer.text[:200]
            except requests.RequestException as error:
                text = f"{type(error).__name__}: {error}"[:300]
            away = outages % 2 == 1 or outages != self._outages
            with self._changed:
                self.counts["requests"] += 1
                if status is None:
                    self.counts["cut" if away else "resets"] += 1
                elif status == 503 and away:
                    self.counts["later"] += 1
                elif status >= 400:
                    self.counts["5xx" if status >= 500 else "4xx"] += 1
                if (status is None or status >= 400) and not away:
                    self.bad.append(f"{status} {text}")

    def _leave(self, number: int) -> None:
        while address := self._chosen(number):
            number += 1
            with suppress(OSError):
                self._left(address, LEFT[number % len(LEFT)])
            self._stop.wait(0.02)

    def _left(self, address: str, words: bytes) -> None:
        place = urlsplit(address)
        with socket.create_connection((place.hostname, place.port), timeout=HUNG) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(words)
            if words.endswith(b"\r\n\r\n"):
                connection.recv(1000)
        with self._changed:
            self.counts["left"] += 1


# The private memory (kB) and the open files of all processes of the server.
MEASURE = """
cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss_Anon/ {kb += $2} END {print kb}'
ls -d /proc/[0-9]*/fd/* 2>/dev/null | wc -l
"""


def measure(replica: Replica, postgis: PostGIS, database: str) -> dict[str, int]:
    shown = replica.container.exec("sh", "-c", MEASURE, user="1001")
    kilobytes, files = map(int, shown.split())
    connections = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
    return {
        "memory": kilobytes * 1000,
        "files": files,
        "connections": int(postgis.sql(connections)),
    }


def start(containers: Containers, postgis: PostGIS, database: str, folder: Path) -> Replica:
    port = free_port()  # the same after a restart
    container = containers.start(
        env=postgis.env(database, WEB_CONCURRENCY="2", DRAIN_SECONDS="2"),
        mounts={folder / name: f"/code/{name}:ro" for name in ("soaked", "local_settings")},
        options=["--network", postgis.network, "--publish", f"127.0.0.1:{port}:8000"],
    )
    return Replica(container.wait_until_ready(), f"http://127.0.0.1:{port}")


def restart(name: str) -> None:
    docker("restart", "--time", "30", name)


def test_a_long_mixed_load_loses_nothing_and_nothing_grows(
    containers: Containers, network: str, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    containers.may_log(*logs.OUTAGE, "broke off after", "server closed the connection")
    containers.may_log("gunicorn.error [")  # a stream that broke off
    write(tmp_path, PROJECT)
    postgis = start_postgis(containers, network)
    database = postgis.database()
    first = start(containers, postgis, database, tmp_path)
    second = start(containers, postgis, database, tmp_path)
    traffic = Traffic([first, second])
    samples: list[dict[str, int]] = []
    restarts = 0
    with traffic.running():
        # Every thread of every worker has its connection by then.
        until(lambda: traffic.counts["requests"] >= 500, "the load is served", HUNG)
        began = restarted = time.monotonic()
        while (now := time.monotonic()) < began + SECONDS or restarts < 2:
            samples.append(measure(first, postgis, database))
            if now > restarted + BETWEEN:
                restarts += 1
                if restarts % 2:
                    restart(second.container.name)
                    traffic.wait_until_all_are_ready()
                else:
                    with traffic.outage():
                        restart(postgis.host)
                        wait_for(postgis)
                restarted = time.monotonic()
    third = max(len(samples) // 3, 1)
    growth = {}
    for name in SLACK:
        before = max(sample[name] for sample in samples[:third])
        after = max(sample[name] for sample in samples[-third:])
        growth[name] = after - before
        assert after <= before * 1.1 + SLACK[name], (name, [each[name] for each in samples])
    counts = traffic.counts
    figures(
        f"{SECONDS:g} s, {restarts} restarts: {counts['requests']} requests, {counts['5xx']} 5xx, "
        f"{counts['4xx']} 4xx, {counts['resets']} resets; {counts['left']} clients left; while the "
        f"database was down {counts['later']} got a 503 and {counts['cut']} were cut; growth of "
        f"memory {growth['memory'] / 1e6:+.1f} MB, files {growth['files']:+d}, "
        f"connections {growth['connections']:+d}"
    )
    assert (counts["5xx"], counts["4xx"], counts["resets"]) == (0, 0, 0), traffic.bad[:20]
