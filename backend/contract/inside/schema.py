"""The OpenAPI document: that it can be made, and is one."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from django.apps import apps

from backend.contract.report import FAILED, OK, SKIPPED, WARNING, Result
from backend.errors import explain, one_line

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


class _Warnings(logging.Handler):
    """What drf-yasg only logs: exceptions of a view that it describes without."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        place = f" {explain(error).problem}" if error else ""
        self.messages.add(one_line(record.getMessage()) + place)


def schema() -> Iterator[Result]:
    """Made by the image's own view, and valid by the schema of Swagger 2.0."""
    if not (apps.is_installed("drf_yasg") and apps.is_installed("rest_framework")):
        yield Result("schema", SKIPPED, "drf_yasg is not in INSTALLED_APPS: there is none")
        return
    # Only now: they need the applications.
    from rest_framework.test import APIRequestFactory
    from swagger_spec_validator.common import SwaggerValidationError
    from swagger_spec_validator.validator20 import validate_spec

    from backend.docs import schema as view

    warned = _Warnings()
    logging.getLogger("drf_yasg").addHandler(warned)
    request = APIRequestFactory().get("/swagger.json", SERVER_NAME="localhost")
    try:
        document = json.loads(view(request, format=".json").render().content)
    except Exception as error:  # noqa: BLE001  whatever a view of the team raises
        found = explain(error)
        yield Result("schema", FAILED, f"It cannot be made. {found.problem}", found.fix)
        return
    try:
        validate_spec(document)
    except SwaggerValidationError as error:
        # jsonschema's own error, which knows the place, where the validator passes it on.
        place = " ".join(map(str, getattr(error.args[-1], "absolute_path", ()))) or "its root"
        yield Result(
            "schema",
            FAILED,
            f"It is no valid Swagger 2.0, at {place}: {one_line(error.args[0])[:200]}",
            "Correct what makes that part: swagger_schema_fields of a serializer, "
            "swagger_auto_schema of a view, get_schema_operation_parameters of a filter.",
        )
        return
    for message in sorted(warned.messages):
        yield Result("schema", WARNING, message, "The document leaves out what it would have said.")
    operations = sum(len(METHODS & path.keys()) for path in document["paths"].values())
    yield Result(
        "schema", OK, f"valid Swagger 2.0, {len(document['paths'])} paths, {operations} operations"
    )
