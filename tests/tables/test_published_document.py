"""The API document of a published database is true, also for people who write."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.support.live import assert_nothing_wrong
from tests.support.published import assert_schema_is_true
from tests.tables.published import READER, SOURCES, Source, start

pytestmark = pytest.mark.engine

LOGIN = {"DJANGO_SUPERUSER_USERNAME": "tester", "DJANGO_SUPERUSER_PASSWORD": "of-the-schema-test"}
# All checks but one. Only PostgreSQL knows which texts are an inet, which keys exist, and which
# dates a timestamp can have, so that it refuses some requests that the document allows.
CHECKS = ("--exclude-checks", "positive_data_acceptance", "--phases", "fuzzing")
# As whom schemathesis asks, with variables of the image and its own arguments. The owner only
# writes, because the reader reads the same rows.
ASKED: dict[str, tuple[dict[str, str], list[str]]] = {
    READER: ({}, []),
    PostGIS.user: (
        {"PUBLISH_WRITE": "true", **LOGIN},
        ["--auth", ":".join(LOGIN.values()), "--exclude-method", "GET"],
    ),
}


@pytest.mark.parametrize("source", [each for each in SOURCES if len(each.schemas) == 1], ids=str)
def test_document_is_true_of_every_operation_and_none_answers_5xx(
    containers: Containers,
    postgis: PostGIS,
    figures: Callable[[str], None],
    source: Source,
) -> None:
    env, arguments = ASKED[source.role]
    containers.may_log("superuser", "owns", "A login is refused")
    api = start(containers, postgis, source, MAX_PAGE_SIZE="100", **env)
    asked = assert_schema_is_true(api.container.url(""), *CHECKS, *arguments)
    assert not re.search('" 5[0-9][0-9] ', api.container.logs())
    figures(f"schemathesis as {source.role}: {asked}")


def test_every_address_keeps_the_contract(containers: Containers, postgis: PostGIS) -> None:
    api = start(containers, postgis, SOURCES[0], PUBLISH_FUNCTIONS="stops_near")
    # Each stream of 200,000 rows would be read to its end, with each of its parameters.
    postgis.sql("DELETE FROM city_open_data.crashes WHERE ogc_fid > 1000", api.database)
    assert_nothing_wrong(api.container)
