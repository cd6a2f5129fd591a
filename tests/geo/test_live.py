"""``check --live`` sends all its requests to the tests' project, and finds nothing wrong."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.support.places import Api

pytestmark = pytest.mark.engine


def test_live_check_finds_nothing_wrong_in_a_project_that_uses_every_mixin(
    api: Api, figures: Callable[[str], None]
) -> None:
    output = api.container.exec("/code/bin/docker-entrypoint.sh", "check", "--live", check=False)
    assert "keeps the contract; failed: 0" in output, output
    asked = [
        int(count) for count in re.findall(r"(\d+) requests: .* 0 failed$", output, re.MULTILINE)
    ]
    assert len(asked) == 4
    figures(f"check --live: {sum(asked)} requests, 0 failed")


def test_browsable_api_leads_to_the_map_without_its_own_format(api: Api) -> None:
    page = api.get("/tiles/stops/", params={"format": "api"}).text
    assert '/tiles/stops/map/"' in page
    assert "map/?format=api" not in page


def test_document_offers_only_formats_that_are_answered(api: Api) -> None:
    document = api.get("/swagger.json").json()
    for path in ("/streams/withmethod/", "/streams/stops/", "/streams/surveys/"):
        operation = document["paths"][path]["get"]
        for kind in operation.get("produces", document["produces"]):
            answer = api.get(path, headers={"Accept": kind}, params={"limit": 1})
            assert answer.status_code == 200, (path, kind)
