"""The query plans of a request, read inside the API's own container."""

from __future__ import annotations

import json

from tests.support.places import Api

# Runs the view as a request does, then explains each SELECT that it sent.
SCRIPT = """
import json, sys
import django
django.setup()
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

paths = json.loads(sys.argv[1])
using = sys.argv[2]
answers = []
for path in paths:
    with CaptureQueriesContext(connections[using]) as captured:
        response = Client(SERVER_NAME="localhost").get(path)
    assert response.status_code == 200, (path, response.content)
    plans = []
    for query in captured:
        with connections[using].cursor() as cursor:
            # Skip the query for how a column is stored, which runs only once.
            if query["sql"].startswith("SELECT") and "ST_SRID" not in query["sql"]:
                cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query["sql"])
                plans.append(cursor.fetchone()[0][0]["Plan"])
    answers.append({"plans": plans, "statements": [query["sql"] for query in captured]})
print("ANSWERS", json.dumps(answers))
"""


def explain(api: Api, *paths: str, using: str = "default") -> list[dict]:
    """For each path, its ``plans`` from EXPLAIN ANALYZE, and its ``statements``."""
    printed = api.container.exec(
        "env",
        "DJANGO_SETTINGS_MODULE=backend.settings",
        "python",
        "-c",
        SCRIPT,
        json.dumps(paths),
        using,
    )
    line = next(line for line in printed.splitlines() if line.startswith("ANSWERS "))
    return json.loads(line.removeprefix("ANSWERS "))


def nodes(plan: dict) -> list[dict]:
    """The plan, and all plans inside it."""
    return [plan, *(node for part in plan.get("Plans", ()) for node in nodes(part))]
