"""What the published schema allows, and what it forbids, is asked of the API."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG
from tests.geo.conftest import Api, start_api
from tests.support.containers import Containers

# schemathesis.toml and hooks.py: every check, every phase, every operation.
CONFIGURATION = Path(__file__).parent / "schema"
LOGIN = {"DJANGO_SUPERUSER_USERNAME": "tester", "DJANGO_SUPERUSER_PASSWORD": "of-the-schema-test"}


def session_of(api: Api) -> dict[str, str]:
    """The headers of a browser that has logged in at the admin."""
    browser, page = requests.Session(), api.url("/admin/login/")
    browser.get(page, timeout=HUNG)
    form = {
        "username": LOGIN["DJANGO_SUPERUSER_USERNAME"],
        "password": LOGIN["DJANGO_SUPERUSER_PASSWORD"],
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        "next": "/health/live",
    }
    browser.post(page, data=form, headers={"Referer": page}, timeout=HUNG)
    cookies = {name: browser.cookies[name] for name in ("sessionid", "csrftoken")}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
    }


# The values at each bound are sent with a session, which may do most; the others leave them out.
FEWER = ["--phases", "examples,fuzzing"]
# Each kind of user, with the arguments that make schemathesis ask as one.
USERS: dict[str, Callable[[Api], list[str]]] = {
    "basic": lambda api: ["--auth", ":".join(LOGIN.values()), *FEWER],
    "session": lambda api: [
        argument
        for name, value in session_of(api).items()
        for argument in ("--header", f"{name}: {value}")
    ],
    "anonymous": lambda api: FEWER,
}


@pytest.mark.parametrize("user", USERS)
def test_the_published_schema_is_true_of_every_operation_and_none_answers_5xx(
    user: str, containers: Containers, postgis: PostGIS, figures: Callable[[str], None]
) -> None:
    # The largest page is asked for again and again: of 10,000 rows it would take minutes.
    api = start_api(containers, postgis, MAX_PAGE_SIZE="100", **LOGIN)
    published = requests.get(api.url("/swagger.json"), timeout=HUNG).json()
    operations = sum(len(path.keys() - {"parameters"}) for path in published["paths"].values())
    assert operations > 100
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", api.url("/swagger.json")),
            *(*USERS[user](api), "--checks", "all", "--no-color"),
        ],
        cwd=CONFIGURATION,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    said = done.stdout[-20_000:] + done.stderr
    assert done.returncode == 0, said
    assert re.search(rf"Selected: {operations}/{operations}\n\s+Tested: {operations}\n", said)
    assert not re.search('" 5[0-9][0-9] ', api.container.logs())
    sent = re.search(r"(\d+) generated", done.stdout)
    assert sent
    figures(
        f"schemathesis as {user}: {operations} operations, {sent[1]} requests, every check, no 5xx"
    )


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
