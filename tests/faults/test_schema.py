"""What the published schema allows, and what it forbids, is asked of the API."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG, Report
from tests.geo.conftest import start_api
from tests.support.containers import Containers

LOGIN = {"DJANGO_SUPERUSER_USERNAME": "tester", "DJANGO_SUPERUSER_PASSWORD": "of-the-schema-test"}
# One of each kind: a writable list, one of another database, conditional, tiles, a stream.
OPERATIONS = "^/(pages/(stops|features|routes)|http/stops|tiles/stops|streams/stops)/"
# Checks that are off, because drf-yasg's Swagger 2 document cannot say what they ask for.
OFF = (
    # It documents the answer that succeeds, and none that refuses.
    "status_code_conformance",
    # The same: an error is JSON where the answer is GeoJSON, FlatGeobuf or a tile.
    "content_type_conformance",
    # A login is documented as "Basic", and not that anybody may read.
    "ignored_auth",
    # Serializers read "1" as 1 and any text as a filter that matches nothing, as DRF does.
    "negative_data_rejection",
    # A polygon whose ring is not closed is valid by the schema, and refused by the API.
    "positive_data_acceptance",
    # ?fields= leaves out what the document says is always there.
    "response_schema_conformance",
    # A header that a client may leave out cannot be told from one that it must send.
    "missing_required_header",
)


def test_nothing_that_the_published_schema_suggests_is_answered_with_a_500(
    containers: Containers, postgis: PostGIS, report: Report
) -> None:
    api = start_api(containers, postgis, **LOGIN)
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", api.url("/swagger.json")),
            *("--auth", ":".join(LOGIN.values()), "--include-path-regex", OPERATIONS),
            *("--checks", "all", "--exclude-checks", ",".join(OFF)),
            *("--phases", "fuzzing", "--max-examples", "8", "--seed", "1", "--no-shrink"),
            *("--workers", "2", "--suppress-health-check", "all", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "Internal Server Error" not in api.container.logs()
    sent = re.search(r"(\d+) generated", done.stdout)
    assert sent
    report.add("schemathesis over the schema", "no 5xx", sent=int(sent[1]), failed=0, lost=0)


def test_features_that_are_sent_without_properties_are_refused_in_words(
    containers: Containers, postgis: PostGIS
) -> None:
    api = start_api(containers, postgis, **LOGIN)
    url, login = api.url("/pages/features/"), tuple(LOGIN.values())
    for properties, field in ((None, "name"), (7, "properties"), ([], "properties")):
        feature = {"type": "Feature", "geometry": None, "properties": properties}
        answer = requests.post(url, json=feature, auth=login, timeout=HUNG)
        assert answer.status_code == 400, answer.text
        assert field in answer.json()
    assert requests.post(url, json=7, auth=login, timeout=HUNG).status_code == 400
    feature["properties"] = {"name": "Stop"}
    assert requests.post(url, json=feature, auth=login, timeout=HUNG).status_code == 201
