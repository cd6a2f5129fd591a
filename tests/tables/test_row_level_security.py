"""Row-level security of published tables: two roles see their own rows on every page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.support.mvt import layers
from tests.tables.test_publishing import PARKS, reader, serve

pytestmark = pytest.mark.engine

POLICIES = """
CREATE TABLE city.trees (id integer PRIMARY KEY, park integer REFERENCES city.parks);
INSERT INTO city.trees SELECT id, id FROM city.parks;
GRANT SELECT ON city.trees TO {even}, {odd};
ALTER TABLE city.trees ENABLE ROW LEVEL SECURITY;
ALTER TABLE city.parks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON city.trees
USING (CASE id % 2 WHEN 0 THEN '{even}' ELSE '{odd}' END = current_user);
CREATE POLICY own ON city.parks
USING (CASE id % 2 WHEN 0 THEN '{even}' ELSE '{odd}' END = current_user);
"""
EVEN, ODD = set(range(2, 21, 2)), set(range(1, 21, 2))
TILE = "/api/parks/tiles/0/0/0.mvt"
HOST = {"Host": "localhost"}  # the same for both, because an ETag depends on the whole address


@pytest.fixture(scope="module")
def apis(postgis: PostGIS) -> Iterator[tuple[Container, Container]]:
    """Servers of two roles over one database, with the same key, as behind one cache."""
    started, database = Containers(), postgis.database()
    postgis.sql(PARKS, database)
    urls = [reader(postgis, database) for _ in range(2)]
    even, odd = (url.removeprefix("postgis://").partition(":")[0] for url in urls)
    postgis.sql(POLICIES.format(even=even, odd=odd), database)
    key = "of-the-tests-and-as-long-as-django-wants-it-" * 2
    of_even, of_odd = (serve(started, postgis, url, DJANGO_SECRET_KEY=key) for url in urls)
    yield of_even, of_odd
    started.clean()


def test_each_role_has_its_rows_in_every_format(apis: tuple[Container, Container]) -> None:
    for api, own in zip(apis, (EVEN, ODD), strict=True):
        page = api.get("/api/parks/?count=exact&limit=20").json()
        assert page["count"] == len(own)
        assert {each["id"] for each in page["results"]["features"]} == own
        stream = api.get("/api/parks.geojson").json()["features"]
        assert {each["id"] for each in stream} == own
        table = api.get("/api/parks.csv?fields=id").text.split()
        assert table == ["id", *map(str, sorted(own))]
        (tile,) = layers(api.get(TILE).content).values()
        assert {each.id for each in tile} == own
        trees = api.get("/api/trees/?expand=parks&limit=20").json()["results"]
        assert {each["parks"]["id"] for each in trees} == own


def test_links_lead_to_rows_of_the_role(apis: tuple[Container, Container]) -> None:
    for api, own, other in zip(apis, (EVEN, ODD), (ODD, EVEN), strict=True):
        (link,) = api.get(f"/api/parks/{min(own)}/").json()["links"]
        assert api.get(link["href"][link["href"].index("/api/") :]).json()["count"] == 1
        assert api.get(f"/api/parks/{min(other)}/").status_code == 404
        assert api.get(f"/api/trees/?park={min(other)}").json()["count"] == 0


@pytest.mark.parametrize(
    "path", ["/api/parks/", "/api/parks.geojson", "/api/parks/tiles/", TILE, "/api/trees/"]
)
def test_copy_of_one_role_is_not_valid_for_the_other(
    apis: tuple[Container, Container], path: str
) -> None:
    answers = [api.get(path, headers=HOST) for api in apis]
    for api, own, other in zip(apis, answers, answers[::-1], strict=True):
        assert "public" not in own.headers.get("Cache-Control", "")
        for answer, status in ((own, 304), (other, 200)):
            again = api.get(path, headers={**HOST, "If-None-Match": answer.headers["ETag"]})
            assert again.status_code == status
