"""No page shows a user more than plain REST framework's view of the same rows."""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.support.live import assert_nothing_wrong
from tests.support.places import Api
from tests.support.published import FEWER, assert_schema_is_true, of_session

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parent / "access_project"
USERS = ("anonymous", "session", "basic", "token")
PASSWORD = "of-the-tests"
MAKE_USERS = """
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
for name in ("session", "basic", "token"):
    user = get_user_model().objects.create_superuser(name, password="of-the-tests")
    Token.objects.create(user=user, key=f"token-of-{name}")
"""
# A team's migration could do this. Django does not manage the tenants' tables and the views.
BEFORE = """
CREATE TABLE public.site (id int, name text, geom geometry(Point, 4326));
CREATE SCHEMA a; CREATE SCHEMA b;
CREATE TABLE a.site (LIKE public.site); CREATE TABLE b.site (LIKE public.site);
INSERT INTO a.site SELECT n, 'site a ' || n, ST_Point(-122.65 + n / 1e4, 45.5, 4326)
FROM generate_series(1, 60) n;
INSERT INTO b.site SELECT n, 'site b ' || n, ST_Point(-122.65 + n / 1e4, 45.6, 4326)
FROM generate_series(1, 20) n;
"""
ROWS = """
INSERT INTO access_place (name, owner, secret, area, home)
SELECT format('place %s %s', coalesce(owner, 'all'), n), owner,
       format('secret %s %s', coalesce(owner, 'all'), n),
       ST_MakeEnvelope(-122.7 + n / 1000.0, 45.5, -122.6995 + n / 1000.0, 45.501, 4326),
       ST_Point(-122.61 - n / 1e4, 45.6 + n / 1000.0, 4326)
FROM (
    SELECT n, (ARRAY[NULL, 'basic', 'token', 'session', 'a', 'b'])[n % 6 + 1] AS owner
    FROM generate_series(1, 60) n
) owned;
INSERT INTO access_note (tenant, name, geom)
SELECT tenant, format('note %s %s', tenant, n),
       ST_Point(-122.69 + n / 1e5, CASE tenant WHEN 'a' THEN 45.5 ELSE 45.6 END, 4326)
FROM generate_series(1, 1100) n, unnest(ARRAY['a', 'b']) tenant
WHERE tenant = 'a' OR n <= 30;
ALTER TABLE access_note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON access_note USING (tenant = current_setting('app.tenant', true));
CREATE VIEW mine AS SELECT id, name, geom FROM access_note
WHERE tenant = current_setting('app.tenant');
DO $$ BEGIN CREATE ROLE access_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA a, b TO access_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, a, b TO access_reader;
ANALYZE;
"""
# Every page of a viewset that shows its rows, and every way to select them.
PAGES = {
    "list": "?format=json",
    "browsable": "?format=api",
    "detail": "{id}/",
    "filter": "?{geometry}in_bbox=-122.7,45.4,-122.6,45.7&limit=10000",
    "ordering": "?ordering=-name",
    "fields": "?fields=name",
    "count": "?count=exact",
    "estimate": "?limit=1",
    "deep page": "?limit=5&offset=5200",
    "geojson": "?format=geojson",
    "geojsonl": "?format=geojsonl",
    "csv": "?format=csv",
    "fgb": "?format=fgb",
    "tile": "tiles/10/163/366.mvt",
    "tilejson": "tiles/",
    "map": "map/",
}
TENANTS = {"anonymous": "a", "session": "b", "basic": "b", "token": "a"}
# The ID of an existing row of each viewset, and whether its rows depend on a tenant.
VIEWS = {
    "places": (6, False),
    "by-action": (6, False),
    "members": (6, False),
    "blurred": (6, False),
    "homes": (6, False),
    "notes": (7, True),
    "late-notes": (7, True),
    "mine": (7, True),
    "sites": (7, True),
}
# Views of a table with two geometries. Filters must name the one that is shown unchanged.
TWO = {"places", "by-action", "members", "blurred", "homes"}
# Views of rounded geometries, without tiles and filters, which would reveal the exact ones.
ROUNDED = {"homes"}
MARKS = re.compile(rb"(?:place|secret|note|site) [a-z]+ \d+")


@dataclass
class Client:
    """A client that authenticates as one of USERS, and names a tenant."""

    user: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str, *, tenant: bool = False, **headers: str) -> requests.Response:
        if tenant:
            headers["X-Tenant"] = TENANTS[self.user]
        return self.session.get(url, headers=headers)


LOGGED = (
    # Views without streams or tiles, or with rows that depend on the request.
    *("(backend.W00", "drf_yasg.inspectors", "has model changes without a migration"),
    # Errors that the clients of these tests cause.
    *("A login is refused", "Internal Server Error: /"),
)


def start_access_api(started: Containers, postgis: PostGIS, database: str, **env: str) -> Api:
    """The project in ``access_project/`` on ``database``."""
    container = started.start(
        env=postgis.env(database, **{"WEB_CONCURRENCY": "1", **env}),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "access": "/code/access:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    return Api(container, postgis, database, database)


@pytest.fixture(scope="module")
def access(postgis: PostGIS) -> Iterator[Api]:
    """The project with two workers, which have to agree."""
    started = Containers()
    started.may_log(*LOGGED)
    database = postgis.database()
    postgis.sql(BEFORE, database)
    api = start_access_api(started, postgis, database, WEB_CONCURRENCY="2")
    api.container.exec("python", "manage.py", "shell", "--command", MAKE_USERS)
    postgis.sql(ROWS, database)
    yield api
    started.clean()


@pytest.fixture(scope="module")
def development(postgis: PostGIS, access: Api) -> Iterator[Api]:
    """The same with DEBUG=true, as another replica."""
    started = Containers()
    started.may_log(*LOGGED)
    yield start_access_api(started, postgis, access.database, DEBUG="true")
    started.clean()


NGINX = """\
FROM debian:trixie-slim

# hadolint ignore=DL3008
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends nginx gettext-base \\
    && rm -rf /var/lib/apt/lists/*

COPY nginx.conf /etc/nginx/nginx.conf
CMD ["nginx", "-g", "daemon off;"]
"""
SHARED_CACHE = """\
events {}
http {
  access_log off;
  proxy_cache_path /tmp/cache keys_zone=shared:1m;
  server {
    listen 8000;
    location / {
      proxy_pass http://NAME:8000;
      proxy_set_header Host $http_host;
      proxy_cache shared;
      proxy_cache_valid any 1m;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
"""


@pytest.fixture(scope="module")
def nginx(access: Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A shared cache in front of the API. It keeps responses for a minute unless they forbid it."""
    folder = tmp_path_factory.mktemp("nginx")
    # The same as startproject's proxy up to the first COPY, so that Docker builds it only once.
    (folder / "Dockerfile").write_text(NGINX)
    (folder / "nginx.conf").write_text(SHARED_CACHE.replace("NAME", access.container.name))
    started = Containers()
    image = started.build(folder)
    network = ["--network", access.postgis.network]
    yield started.start(image=image, options=network).wait_until_ready()
    started.clean()


@pytest.fixture(scope="module")
def clients(access: Api) -> dict[str, Client]:
    return {user: client(access, user) for user in USERS}


def client(api: Api, user: str) -> Client:
    """A client for one of USERS, authenticated to ``api`` in that user's way."""
    made = Client(user)
    if user == "basic":
        made.session.auth = (user, PASSWORD)
    elif user == "token":
        made.session.headers["Authorization"] = "Token token-of-token"
    elif user != "anonymous":
        log_in(made.session, api.url("/admin/login/"), user)
    return made


def log_in(session: requests.Session, url: str, user: str) -> None:
    """Log in with the admin's form, as a person does."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(url).text).group(1)
    form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = session.post(url, form, headers={"Referer": url}, allow_redirects=False)
    assert answer.status_code == 302, answer.text


def address(view: str, page: str) -> str:
    prefix = "area__" if view in TWO else ""
    return f"/{view}/" + PAGES[page].format(id=VIEWS[view][0], geometry=prefix)


# --- Every kind of user ---------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mode", ["access", "development"])
def test_every_page_answers_every_kind_of_user(mode: str, user: str, request):
    api = request.getfixturevalue(mode)
    asking = client(api, user)
    answers = {page: asking.get(api.url(address("places", page))).status_code for page in PAGES}
    assert answers == dict.fromkeys(PAGES, 200)


def test_user_that_is_not_a_model_gets_a_response(access: Api):
    for page in ("list", "detail", "geojson", "tilejson"):
        answer = access.get(address("blurred", page).replace("/blurred/", "/nowhere/"))
        assert (page, answer.status_code) == (page, 200)
        assert answer.headers["Cache-Control"].startswith("private")


# --- The matrix: no page shows more than the plain view ---------------------------------


@dataclass
class Allowed:
    """What the plain view shows to a user: in lists, in a detail, and how many rows."""

    rows: set[bytes]
    detail: set[bytes]
    count: int
    points: list[tuple[float, float]]


@pytest.fixture(scope="module")
def plain(access: Api, clients: dict[str, Client]) -> dict[tuple[str, str], Allowed]:
    """By view and user."""
    return {
        (view, user): allowed(access, clients[user], view)
        for view, user in itertools.product(VIEWS, USERS)
    }


def allowed(api: Api, asking: Client, view: str) -> Allowed:
    key, tenant = VIEWS[view]
    whole = asking.get(api.url(f"/plain/{view}/?limit=10000"), tenant=tenant)
    single = asking.get(api.url(f"/plain/{view}/{key}/"), tenant=tenant)
    shown = whole.json() if whole.ok else {"count": 0, "results": {"features": []}}
    return Allowed(
        rows=marks(whole),
        detail=marks(single),
        count=shown["count"],
        points=list(itertools.chain(*map(corners, shown["results"]["features"]))),
    )


def marks(answer: requests.Response) -> set[bytes]:
    return set(MARKS.findall(answer.content)) if answer.ok else set()


def corners(feature: dict) -> list[tuple[float, float]]:
    numbers = re.findall(r"-?\d+\.?\d*", str(feature["geometry"]["coordinates"]))
    values = [float(number) for number in numbers]
    return list(zip(values[::2], values[1::2], strict=True))


def problem(page: str, answer: requests.Response, allowed: Allowed, view: str) -> str | None:
    """What a response reveals and the plain view does not."""
    exact, rounded = VIEWS[view][1], view in ROUNDED
    known = allowed.detail if page == "detail" else allowed.rows
    if answer.status_code >= 500:
        return f"answered with {answer.status_code}"
    if not answer.ok:
        may_be_refused = ("tile", "tilejson", "map", "filter") if rounded else ()
        return "is refused" if known and page not in may_be_refused else None
    if more := marks(answer) - known:
        return f"shows {sorted(more)[:3]}"
    kind = answer.headers.get("Content-Type", "")  # an empty tile has none
    if "json" not in kind or "seq" in kind or page == "detail":
        return None
    content = answer.json()
    # The count of a table that everyone sees can be PostgreSQL's estimate.
    if (
        (exact or answer.headers.get("X-Count") == "exact")
        and page != "filter"
        and content.get("count", allowed.count) != allowed.count
    ):
        return f"counts {content['count']} instead of {allowed.count}"
    if bounds := content.get("bounds"):
        if not allowed.points:
            return f"has the bounds {bounds} of rows that are not shown"
        for side, (index, pick) in enumerate([(0, min), (1, min), (0, max), (1, max)]):
            if (
                abs(bounds[side] - pick(point[index] for point in allowed.points)) > 1e-4
            ):  # an index keeps them as float4
                return f"has the bounds {bounds}"
    return None


def differing(url: str, asking: Client, view: str, seen: Allowed) -> Iterator[str]:
    """The cells of a view and a user that differ."""
    for page in PAGES:
        path = address(view, page)
        answer = asking.get(url + path, tenant=VIEWS[view][1])
        if difference := problem(page, answer, seen, view):
            yield f"{asking.user} {path} {difference}"


def test_no_page_shows_more_than_the_plain_view(
    access: Api, clients: dict[str, Client], plain, figures: Callable[[str], None]
):
    cells, differences, url = 0, [], access.url("")
    for view, user in itertools.product(VIEWS, USERS):
        differences += differing(url, clients[user], view, plain[view, user])
        cells += len(PAGES)
    figures(f"access: {cells} cells, {len(differences)} differ")
    assert not differences
    assert cells == len(VIEWS) * len(USERS) * len(PAGES) == 576


def test_shared_cache_gives_no_user_the_response_of_another(
    nginx: Container, clients: dict[str, Client], plain, figures: Callable[[str], None]
):
    """The users that see the most come first, and then all of them again in reverse order."""
    cells, differences, hits = 0, [], 0
    base = nginx.url("")
    for view in VIEWS:
        for user in [*reversed(USERS), *USERS]:
            asking = Client(user, clients[user].session)
            for page in ("list", "detail", "csv", "tile", "tilejson"):
                path = address(view, page)
                answer = asking.get(base + path, tenant=VIEWS[view][1])
                hits += answer.headers.get("X-Cache") == "HIT"
                cells += 1
                if reason := problem(page, answer, plain[view, user], view):
                    differences.append(f"{user} {path} {reason}")
    figures(f"shared cache: {cells} cells, {len(differences)} differ; {hits} from the cache")
    assert not differences
    assert hits, "the cache kept nothing, so the test proves nothing"


def test_etag_of_one_user_is_not_valid_for_another(
    access: Api, clients: dict[str, Client], figures: Callable[[str], None]
):
    cells, differences, base = 0, [], access.url("")
    pages = ("list", "detail", "csv", "tile", "tilejson")
    for view, page in itertools.product(VIEWS, pages):
        url, tenant = base + address(view, page), VIEWS[view][1]
        etags = {}
        for user in USERS:
            answer = clients[user].get(url, tenant=tenant)
            # A page with an estimate can lack an ETag, for example after a vacuum.
            if answer.ok and ("ETag" in answer.headers or answer.headers["X-Count"] != "estimated"):
                etags[user] = answer.headers["ETag"]
        for one, other in itertools.pairwise([*etags, *etags]):
            cells += 1
            again = clients[other].get(url, tenant=tenant, **{"If-None-Match": etags[one]})
            if one != other and again.status_code == 304:
                differences.append(f"{other} {url} with the ETag of {one}")
    figures(f"ETags: {cells} cells, {len(differences)} differ")
    assert not differences


# --- Rows that depend on something else -----------------------------------------------------


@pytest.mark.parametrize(
    ("by", "header", "value"),
    [
        ("key", "X-Api-Key", "{}"),
        ("cookie", "Cookie", "tenant={}"),
        ("agent", "User-Agent", "{}"),
        ("address", "X-Forwarded-For", "{}"),
    ],
)
def test_rows_that_depend_on_a_header_have_a_different_etag_for_each_value(
    access: Api, by: str, header: str, value: str
):
    mine, others = ({header: value.format(tenant)} for tenant in ("a", "b"))
    path = f"/by-request/{by}/"
    first = access.get(path, headers=mine)
    assert b"place a" in first.content
    etag = {"If-None-Match": first.headers["ETag"]}
    assert access.get(path, headers={**mine, **etag}).status_code == 304
    again = access.get(path, headers={**others, **etag})
    assert (again.status_code, b"place b" in again.content) == (200, True)


def test_rows_that_depend_on_the_session_have_a_different_etag_for_each_value(access: Api):
    asking = requests.Session()
    asking.get(access.url("/remember/a/"))
    first = asking.get(access.url("/by-request/session/"))
    etag = {"If-None-Match": first.headers["ETag"]}
    assert asking.get(access.url("/by-request/session/"), headers=etag).status_code == 304
    asking.get(access.url("/remember/b/"))  # the cookie stays the same
    again = asking.get(access.url("/by-request/session/"), headers=etag)
    assert (again.status_code, b"place b" in again.content) == (200, True)
    assert again.headers["Cache-Control"].startswith("private")


def test_tile_is_public_where_the_view_says_so(access: Api):
    """Its Vary names the headers that choose its rows."""
    tile = access.get(address("notes", "tile"), headers={"X-Tenant": "a"})
    assert set(tile.headers["Cache-Control"].split(", ")) == {"public", "max-age=60", "s-maxage=60"}
    assert "X-Tenant" in tile.headers["Vary"]


def test_named_headers_are_in_vary_and_others_leave_the_etag_alone(access: Api):
    first = access.get("/notes/", headers={"X-Tenant": "a", "X-Other": "1"})
    vary = {name.strip() for name in first.headers["Vary"].split(",")}
    assert {"Accept", "Authorization", "Cookie", "X-Tenant"} <= vary
    headers = {"X-Tenant": "a", "X-Other": "2", "If-None-Match": first.headers["ETag"]}
    assert access.get("/notes/", headers=headers).status_code == 304
    assert access.get("/any-header/", headers=headers).status_code == 200


# --- Geometries that are hidden or rounded ---------------------------------------------------


@pytest.mark.parametrize("view", ["places", "blurred", "homes"])
@pytest.mark.parametrize(
    "query",
    [
        "home__in_bbox=-122.62,45.6,-122.61,45.61",
        "home__tile=10/163/365",
        "home__point=-122.61,45.6&home__dist=100",
        "home__within=POLYGON((-123 45,-122 45,-122 46,-123 46,-123 45))",
        "home__intersects=POINT(-122.61 45.6)",
    ],
)
@pytest.mark.parametrize("page", ["", "1/", "tiles/", "tiles/10/163/366.mvt", "map/"])
def test_what_is_hidden_or_rounded_cannot_be_filtered_by(access: Api, view, query, page):
    answer = access.get(f"/{view}/{page}?{query}")
    if view in ROUNDED and page.endswith(".mvt"):
        assert answer.status_code == 404  # it has no tiles
        return
    assert answer.status_code == 400
    assert page == "map/" or "no such filter" in answer.text


def test_no_message_names_a_filter_by_what_is_hidden(access: Api):
    message = access.get("/blurred/?in_bbox=-123,45,-122,46").text
    assert "area__in_bbox" in message
    assert "home" not in message


def test_what_is_hidden_or_rounded_cannot_be_ordered_by(access: Api):
    assert access.get("/blurred/?ordering=home").status_code == 400
    assert access.get("/blurred/?ordering=area").status_code == 200
    assert access.get("/named-filters/?ordering=home").status_code == 200


def test_named_geometry_can_be_filtered_by(access: Api):
    box = "-122.6115,45.6,-122.61,45.6155"
    rows = access.get(f"/named-filters/?in_bbox={box}&limit=100").json()
    assert rows["count"] == int(
        access.sql(f"SELECT count(*) FROM access_place WHERE home && ST_MakeEnvelope({box}, 4326)")
    )


def test_filter_by_what_is_shown_works_where_it_is_left_out_of_the_answer(access: Api):
    assert access.get("/blurred/?area__in_bbox=-123,45,-122,46&fields=name").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "boxed/?area__intersects",  # shown as its box
        "rounded-lists/?area__intersects",
        "counted/?home__intersects",
        "counted/summary/?home__intersects",  # shows no rows
        "counted/6/?home__intersects",
        "own-serializer/summary/?home__intersects",
        "members-list/summary/?home__intersects",  # its list is not public
        "members-list/summary/?area__intersects",
    ],
)
def test_what_no_list_shows_cannot_be_filtered_by(access: Api, path: str):
    answer = access.get(f"/{path}=POINT(-122.61 45.6)")
    assert answer.status_code == 400
    assert "no such filter" in answer.text


def test_what_the_list_shows_can_be_filtered_by_where_rows_are_counted(
    access: Api, clients: dict[str, Client]
):
    query = "area__in_bbox=-122.7,45.4,-122.67,45.7"
    count = access.get(f"/counted/?{query}&count=exact").json()["count"]
    assert 0 < count < 60
    for view in ("counted", "own-serializer"):
        assert access.get(f"/{view}/summary/?{query}").json() == {"count": count}
    url = access.url(f"/members-list/summary/?{query}")
    assert clients["token"].get(url).json() == {"count": count}


# --- Keys and columns that are hidden or masked ------------------------------------------------


def walk(access: Api, path: str, link: str) -> Iterator[dict]:
    """A page, and the pages to which its links lead."""
    while path:
        body = access.get(path).json()
        yield body
        path = body[link] and address_of(body[link])


def address_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def names(bodies: list[dict]) -> list[str]:
    return [row["name"] for body in bodies for row in body["results"]]


@pytest.mark.parametrize("view", ["plain/nicks", "nicks"])
def test_links_carry_no_key_that_is_not_shown(access: Api, view: str):
    every = access.sql("SELECT name FROM access_place ORDER BY id").splitlines()
    pages = list(walk(access, f"/{view}/?limit=7", "next"))
    assert names(pages) == every
    links = [page[link] for page in pages for link in ("next", "previous") if page[link]]
    assert len(links) == 16
    assert not any("page_" in link for link in links)


def test_position_by_a_hidden_key_is_an_unknown_parameter(access: Api):
    first = access.get("/plain/nicks/?limit=2").json()["results"]
    assert access.get("/plain/nicks/?limit=2&page_after=30").json()["results"] == first
    answer = access.get("/nicks/?limit=2&page_after=30")
    assert answer.status_code == 400
    assert "is unknown" in answer.json()["page_after"]
    assert "page_before" not in answer.text
    document = access.get("/swagger.json").json()["paths"]
    for path, is_shown in (("/nicks/", False), ("/plain/nicks/", False), ("/blurred/", True)):
        names = {each["name"] for each in document[path]["get"]["parameters"]}
        assert ("page_after" in names) is is_shown, path


@pytest.mark.parametrize("query", ["", "&fields=name", "&fields=id"])
def test_links_carry_a_key_that_is_shown(access: Api, query: str):
    link = access.get(f"/masked/?limit=2{query}").json()["next"]
    assert "page_after=2" in link
    assert access.get("/masked/?limit=2&page_after=2").json()["results"][0]["id"] == 3


@pytest.mark.parametrize(
    ("view", "order", "count"), [("by-owner", "owner, id", 1), ("by-secret", "secret, id", 0)]
)
def test_cursor_contains_only_values_that_the_view_shows(
    access: Api, view: str, order: str, count: int
):
    every = access.sql(f"SELECT name FROM access_place ORDER BY {order}").splitlines()
    pages = list(walk(access, f"/{view}/?limit=7", "next"))
    assert names(pages) == every
    *_, end = (page["previous"] for page in pages)
    back = list(walk(access, address_of(end), "previous"))
    assert names(back[::-1]) == names(pages[:-1])
    assert len(back) == 8
    forth = list(walk(access, address_of(back[-1]["next"]), "next"))
    assert names(forth) == names(pages[1:])
    for page in (*pages, *back, *forth):
        for link in filter(None, (page["next"], page["previous"])):
            (cursor,) = parse_qs(urlsplit(link).query)["cursor"]
            values = json.loads(parse_qs(b64decode(cursor).decode())["p"][0])
            assert len(values) == count
            assert set(values) <= {None, "basic", "token", "session", "a", "b"}


@pytest.mark.parametrize("name", ["secret", "-secret", "owner", "home"])
def test_ordering_by_a_masked_or_hidden_column_needs_its_name_in_ordering_fields(
    access: Api, name: str
):
    answer = access.get(f"/masked/?ordering={name}")
    assert answer.status_code == 400
    assert "is not one of id, name" in answer.text
    assert access.get("/masked/?ordering=-name,id").status_code == 200
    named = access.get(f"/named-orders/?ordering={name}").status_code
    assert named == (200 if "secret" in name else 400)


@pytest.mark.parametrize("stream", ["geojson", "geojsonl", "csv", "fgb"])
def test_rounded_geometry_is_rounded_in_every_stream(access: Api, stream: str):
    exact = bytes.fromhex(
        access.sql("SELECT encode(ST_AsBinary(home), 'hex') FROM access_place WHERE id = 6")
    )[5:]
    body = access.get(f"/homes/?format={stream}").content
    assert b"-122.61" not in body
    assert exact[:8] not in body
    assert exact[8:] not in body


def test_rounded_geometry_has_no_tiles(access: Api):
    assert access.get("/homes/?format=api").status_code == 200
    assert access.get("/homes/tiles/10/163/366.mvt").status_code in (404, 406)


def test_document_names_only_filters_that_work(access: Api):
    document = access.get("/swagger.json").json()
    for path in ("/blurred/", "/blurred/tiles/", "/blurred/tiles/{z}/{x}/{y}/"):
        names = {each["name"] for each in document["paths"][path]["get"]["parameters"]}
        assert {name for name in names if name.endswith("in_bbox")} == {"area__in_bbox"}, path
    by_action = document["paths"]["/by-action/tiles/"]["get"]["parameters"]
    assert "area__in_bbox" in {each["name"] for each in by_action}


# --- If-Match ----------------------------------------------------------------------------------


def patch(access: Api, name: str, **headers: str) -> requests.Response:
    return requests.patch(
        access.url("/places/12/"),
        json={"name": name},
        headers={"Authorization": "Token token-of-token", **headers},
        timeout=30,
    )


def etag_of_place(access: Api) -> str:
    headers = {"Authorization": "Token token-of-token"}
    return access.get("/places/12/", headers=headers).headers["ETag"]


def test_row_is_written_only_if_it_has_not_changed_since_it_was_read(access: Api):
    name = access.sql("SELECT name FROM access_place WHERE id = 12")
    etag = etag_of_place(access)
    access.sql("UPDATE access_place SET secret = 'other' WHERE id = 7")  # another row
    assert patch(access, name, **{"If-Match": '"x"'}).status_code == 412
    assert patch(access, f"{name}1", **{"If-Match": f'"x", {etag}'}).status_code == 200
    refused = patch(access, f"{name}2", **{"If-Match": etag})
    assert refused.status_code == 412
    assert "changed" in refused.json()["detail"]
    assert access.sql("SELECT name FROM access_place WHERE id = 12") == f"{name}1"
    assert patch(access, name, **{"If-Match": "*"}).status_code == 200


def test_partially_read_row_is_written_only_if_that_part_has_not_changed(access: Api):
    path, login = "/places/12/?fields=name", {"Authorization": "Token token-of-token"}
    etag = access.get(path, headers=login).headers["ETag"]

    def rename(name: str) -> int:
        headers = {**login, "If-Match": etag}
        answer = requests.patch(access.url(path), json={"name": name}, headers=headers, timeout=30)
        return answer.status_code

    name = access.sql("SELECT name FROM access_place WHERE id = 12")
    access.sql("UPDATE access_place SET secret = 'other' WHERE id = 7")
    assert rename(f"{name}1") == 200
    assert rename(f"{name}2") == 412
    assert access.sql("SELECT name FROM access_place WHERE id = 12") == f"{name}1"
    access.sql(f"UPDATE access_place SET name = '{name}' WHERE id = 12")


@pytest.mark.parametrize("method", ["put", "delete"])
def test_every_way_to_write_respects_if_match(access: Api, method: str):
    headers = {"Authorization": "Token token-of-token", "If-Match": '"x"'}
    answer = requests.request(method, access.url("/places/12/"), headers=headers, timeout=30)
    assert answer.status_code == 412
    assert access.sql("SELECT count(*) FROM access_place WHERE id = 12") == "1"


def test_existing_row_is_not_created_again(access: Api):
    assert patch(access, "x", **{"If-None-Match": "*"}).status_code == 412


@pytest.mark.parametrize("path", ["/places/999999/", "/places/999999/?format=api"])
def test_missing_row_is_a_404_whatever_the_condition(access: Api, path: str):
    assert access.get(path, headers={"If-None-Match": "*"}).status_code == 404
    missing = requests.patch(
        access.url(path),
        json={},
        headers={"Authorization": "Token token-of-token", "If-Match": '"x"'},
        timeout=30,
    )
    assert missing.status_code == 404


@pytest.mark.parametrize("page", ["list", "detail", "tile"])
def test_if_none_match_with_an_asterisk_is_a_304(access: Api, page: str):
    answer = access.get(address("places", page), headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.content) == (304, b"")


def test_strong_etag_that_compression_made_weak_is_valid_for_if_match(access: Api):
    answer = access.get("/conditioned/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["ETag"] == 'W/"of-the-team"'
    for given, status in ((answer.headers["ETag"], 200), ('W/"other"', 412)):
        again = requests.put(access.url("/conditioned/"), headers={"If-Match": given}, timeout=30)
        assert again.status_code == status


# --- What an ETag depends on --------------------------------------------------------------------

CODE = """
import sys, django
django.setup()
for name in sys.argv[1:]:
    __import__(name)
from backend.lists import conditional
print("CODE", conditional._code())
"""
IMPORTED = """
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE imported (id int, name text) SERVER files
OPTIONS (program 'echo 1,one', format 'csv');
CREATE VIEW over_imported AS SELECT * FROM imported;
CREATE VIEW over_that AS SELECT count(*) FROM over_imported;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM imported;
CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (9) SERVER files
OPTIONS (program 'echo 1,one', format 'csv');
CREATE TABLE own (id int, tenant text);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON own USING (tenant = current_setting('app.tenant', true));
CREATE VIEW over_own AS SELECT * FROM own;
CREATE FUNCTION who() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('app.who') $$;
CREATE VIEW by_function AS SELECT who();
CREATE VIEW by_user AS SELECT current_user;
CREATE VIEW plain AS SELECT 1;
"""
FACTS = """
import json, django
django.setup()
from backend.databases import sessions
from backend.lists import conditional
facts = sessions.facts("default")
conditional._tables = lambda: frozenset({"over_that"})
none = conditional._version("default")
conditional._tables = lambda: frozenset({"own", "kept"})
some = conditional._version("default")
print("FACTS", json.dumps([sorted(facts.restricted), sorted(facts.elsewhere), facts.settings,
    facts.has_computed_names, none is None, some is None]))
"""


def run(api: Api, code: str, *arguments: str, env: tuple[str, ...] = ()) -> str:
    """Run code in the container, and return the line that it prints after a word in capitals."""
    settings = "DJANGO_SETTINGS_MODULE=backend.settings"
    output = api.container.exec("env", settings, *env, "python", "-c", code, *arguments)
    (line,) = re.findall(r"^[A-Z]+ (.*)$", output, re.MULTILINE)
    return line


def test_etag_is_the_same_whatever_a_worker_has_imported_and_wherever_it_runs(access: Api):
    first = run(access, CODE)
    assert run(access, CODE, "backend.doctor.run", env=("HOSTNAME=b", "POD_NAME=b")) == first
    assert run(access, CODE, env=("FEATURE=on",)) != first


def test_database_reports_which_tables_are_foreign_and_which_are_restricted(access: Api):
    database = access.postgis.database()
    access.postgis.sql(IMPORTED, database)
    facts = json.loads(run(access, FACTS, env=(f"POSTGRES_NAME={database}",)))
    restricted, elsewhere, settings, computed, none, some = facts
    assert restricted == [
        *("by_function", "by_user"),
        *("geography_columns", "geometry_columns"),  # PostGIS's views of readable tables
        *("over_own", "own"),
    ]
    assert elsewhere == ["imported", "over_imported", "over_that", "part", "parts"]
    assert settings == ["app.tenant", "app.who"]
    assert (computed, none, some) == (False, True, False)


# pg_settings does not show the setting until the first use of an operator loads the library.
REPLAYED = """
import json, django
django.setup()
from django.db import connections
from backend.databases import sessions
connection = connections["default"]
def ask(cursor, sql, *params):
    cursor.execute(sql, params or None)
    return cursor.fetchone()[0]
with connection.cursor() as cursor:
    cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
connection.close()
sessions.facts("default")
with connection.cursor() as cursor:
    cursor.execute("SET pg_trgm.similarity_threshold = 0.9")
    session = sessions.current("default")
    here = ask(cursor, "SELECT 'tree' % 'trees'")
connection.close()
with connection.cursor() as cursor:
    cursor.execute("SET pg_trgm.similarity_threshold = 0.5")
    cursor.execute("RESET pg_trgm.similarity_threshold")
    back = json.loads(sessions.current("default").settings)["pg_trgm.similarity_threshold"]
stream = connection.copy("stream")
sql, params = session.statement()
with stream.cursor() as cursor:
    default = ask(cursor, "SELECT 'tree' % 'trees'")
stream.close()
with stream.cursor() as cursor:
    cursor.execute("BEGIN")
    cursor.execute(sql, params)
    there = ask(cursor, "SELECT 'tree' % 'trees'")
stream.close()
print("FACTS", json.dumps([here, back, default, there]))
"""


def test_setting_of_an_extension_is_replayed_before_its_library_is_loaded(access: Api):
    assert json.loads(run(access, REPLAYED)) == [False, None, True, False]


def test_conditions_may_be_sent_from_another_origin(access: Api):
    headers = {
        "Origin": "https://map.example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match, if-match",
    }
    answer = requests.options(access.url("/places/"), headers=headers, timeout=30)
    allowed_headers = answer.headers["Access-Control-Allow-Headers"]
    assert {"if-none-match", "if-match"} <= set(allowed_headers.split(", "))


# --- Every address -----------------------------------------------------------------------------


def test_live_check_finds_nothing_wrong_for_any_user(access: Api):
    # REST framework fails here: it builds the form of an action that the view does not have.
    own = ["OPTIONS /by-action/", "OPTIONS /plain/by-action/"]
    assert_nothing_wrong(access.container, "session", PASSWORD, but=own)


# The last test, because it writes.
@pytest.mark.parametrize("user", ["anonymous", "session"])
def test_published_schema_is_true(access: Api, clients: dict[str, Client], user: str, figures):
    session = of_session(clients[user].session) if user == "session" else []
    asked = assert_schema_is_true(access.url("").rstrip("/"), *FEWER, *session)
    figures(f"schemathesis as {user}: {asked}")
    assert not re.search('" 5[0-9][0-9] ', access.container.logs().rpartition("OPTIONS")[2])
