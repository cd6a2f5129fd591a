"""A project from the same database answers byte for byte what PUBLISH_SCHEMAS answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PostGIS
from tests.support import mvt
from tests.support.containers import IMAGE, Container, Containers
from tests.tables import published
from tests.tables.published import READER, Published, Source, base, detail
from tests.tables.relations import Relation

pytestmark = pytest.mark.engine

SCHEMA = "city_open_data"
SOURCE = Source(published.HERE / "handover.sql", (SCHEMA,))
NEAR = "/api/functions/stops_near"
HERE = "lon=-122.65&lat=45.5&meters=2000"
HEADERS = ("Content-Type", "Content-Disposition", "X-Count", "Cache-Control", "Allow")
# What differs between two servers: their address, the link to log in, the token of a form, and the
# digest of an ETag, which depends on the secret key.
OWN = re.compile(
    rb"127\.0\.0\.1:\d+|<a href=\"/admin/login/[^>]*>Log in</a>|"
    rb"\"csrfToken\": \"\w+\"|W/&quot;\w+&quot;"
)


@dataclass
class Pair:
    published: Published
    project: Container

    def answers(self, path: str, **options: Any) -> tuple[requests.Response, requests.Response]:
        return self.published.get(path, **options), self.project.get(path, **options)


@pytest.fixture(scope="module")
def pair(postgis: PostGIS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    started = Containers()
    api = published.start(started, postgis, SOURCE, PUBLISH_FUNCTIONS="stops_near")
    yield Pair(api, taken_over(started, api, tmp_path_factory.mktemp("projects")))
    started.clean()


def taken_over(started: Containers, api: Published, folder: Path) -> Container:
    """The project of the same database, built and started. Its own database is another one."""
    folder.chmod(0o777)
    server = api.server
    url = f"postgis://{READER}:{READER}@{server.host}:5432/{api.database}"
    made = started.run(
        *("startproject", "city", "--image", IMAGE, "--from-database"),
        *("--schema", SCHEMA, "--function", "stops_near"),
        env={"DATABASE_URL": url},
        mounts={folder: "/project"},
        options=["--network", server.network],
    )
    assert made.returncode == 0, made.stderr
    return started.start(
        image=started.build(folder / "city"),
        env=server.env(server.database(), CITY_DATABASE_URL=url, PROJECT_NAME=""),
        options=["--network", server.network],
    ).wait_until_ready()


def pages(api: Published, relation: Relation) -> Iterator[str]:
    """Addresses of a relation: every format and parameter, and mistakes."""
    root, first = base(relation), api.rows(relation, "LIMIT 3")[-1]
    yield from (f"{root}{tail}" for tail in ("/", ".json", "/?limit=3&offset=5", "/?count=exact"))
    yield from (
        f"{root}.{suffix}?limit=40" for suffix in ("csv", "jsonl", "geojson", "geojsonl", "fgb")
    )
    yield from (f"{root}/{mistake}" for mistake in ("?nope=1", "?limit=x&ordering=nope", "nope/"))
    yield f"{root}.nope"
    if relation.key:
        yield detail(relation, first)
        yield f"{root}/999999/"
    for column in relation.shown:
        name = quote(column.name)
        yield f"{root}/?fields={name}&limit=2"
        yield f"{root}/?ordering=-{name}&limit=2"
        yield f"{root}/?{name}__isnull=true&limit=2"
        if first[column.name] is not None and column.type[0] != "_":
            yield f"{root}/?{name}={quote(str(first[column.name]))}&limit=2"
    if relation.geometry:
        place = "/".join(map(str, mvt.tile_at(-122.7, 45.5, 10)))
        yield from (
            f"{root}/{tail}" for tail in ("tiles/", f"tiles/{place}.mvt", "tiles/99/0/0.mvt")
        )
        yield f"{root}/?in_bbox=-122.7,45.45,-122.6,45.5&limit=5"
        yield f"{root}/?in_bbox=nope"


def functions() -> Iterator[str]:
    yield from (f"{NEAR}{tail}?{HERE}" for tail in ("/", ".csv", ".geojson", ".fgb", "/tiles/"))
    yield from (f"{NEAR}/{tail}" for tail in ("", "?lon=x&lat=1&meters=1", f"?{HERE}&nope=1"))
    yield f"{NEAR}/tiles/10/163/366.mvt?{HERE}"


def content(answer: requests.Response) -> tuple[Any, ...]:
    """Everything of an answer that must be the same."""
    etag = re.sub(r"[0-9a-f]+", "digest", answer.headers.get("ETag", ""))
    headers = {name: answer.headers.get(name) for name in HEADERS}
    return answer.status_code, OWN.sub(b"", answer.content), etag, headers


def test_every_response_is_the_same_byte_for_byte(pair: Pair) -> None:
    api, different, statuses = pair.published, [], set()
    paths = [path for each in api.relations for path in pages(api, each)]
    for path in ("/api/?format=json", *paths, *functions()):
        before, after = pair.answers(path)
        statuses.add(before.status_code)
        if content(before) != content(after):
            different.append(f"{path}: {content(before)!s:.200} became {content(after)!s:.200}")
    assert not different, "\n".join(different)
    # FlatGeobuf needs one type of geometry, or else the status is 406.
    assert statuses == {200, 400, 404, 406}


@pytest.mark.parametrize(
    "path", ["/api/taxlots/?limit=2", "/api/taxlots/1/", f"{NEAR}/map/?{HERE}"]
)
def test_pages_in_a_browser_are_the_same(pair: Pair, path: str) -> None:
    before, after = pair.answers(path, headers={"Accept": "text/html"})
    assert (before.status_code, content(before)) == (200, content(after))


def test_responses_are_validated_in_the_same_way(pair: Pair) -> None:
    for path in ("/api/taxlots/?limit=2", "/api/taxlots/1/", "/api/taxlots/tiles/"):
        for etag, again in zip(
            (each.headers["ETag"] for each in pair.answers(path)),
            (pair.published.get, pair.project.get),
            strict=True,
        ):
            assert again(path, headers={"If-None-Match": etag}).status_code == 304


def test_api_document_is_the_same_but_for_the_accounts_of_the_project(pair: Pair) -> None:
    before, after = (each.json() for each in pair.answers("/swagger.json"))
    for name in ("security", "securityDefinitions"):
        assert name not in before
        assert after.pop(name)
    # They name the address of the server.
    assert {**before, "host": ""} == {**after, "host": ""}
