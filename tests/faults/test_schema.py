"""Requests that the published schema allows, and requests that it forbids."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG
from tests.support.containers import Containers
from tests.support.places import Api, start_api
from tests.support.published import FEWER, assert_schema_is_true, of_session

pytestmark = pytest.mark.engine

LOGIN = {"DJANGO_SUPERUSER_USERNAME": "tester", "DJANGO_SUPERUSER_PASSWORD": "of-the-schema-test"}


def log_in(api: Api) -> requests.Session:
    """A session that is logged in to the admin."""
    browser, page = requests.Session(), api.url("/admin/login/")
    browser.get(page, timeout=HUNG)
    form = {
        "username": LOGIN["DJANGO_SUPERUSER_USERNAME"],
        "password": LOGIN["DJANGO_SUPERUSER_PASSWORD"],
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        "next": "/health/live",
    }
    browser.post(page, data=form, headers={"Referer": page}, timeout=HUNG)
    return browser


# Each kind of user, with the arguments for schemathesis.
USERS: dict[str, Callable[[Api], list[str]]] = {
    "session": lambda api: of_session(log_in(api)),
    "anonymous": lambda api: [*FEWER],
}


@pytest.mark.parametrize("user", USERS)
def test_the_published_schema_is_true_of_every_operation_and_none_answers_5xx(
    user: str, containers: Containers, postgis: PostGIS, figures: Callable[[str], None]
) -> None:
    # schemathesis often requests the largest page. With 10,000 rows, that would take minutes.
    containers.may_log("A login is refused")
    api = start_api(containers, postgis, MAX_PAGE_SIZE="100", **LOGIN)
    asked = assert_schema_is_true(api.url(""), *USERS[user](api))
    assert int(asked.split()[0]) > 100
    assert not re.search('" 5[0-9][0-9] ', api.container.logs())
    figures(f"schemathesis as {user}: {asked}, no 5xx")


def test_features_without_properties_are_refused_with_a_message(
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
