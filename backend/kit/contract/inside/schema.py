"""The OpenAPI document: it can be generated, and it is valid."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from django.apps import apps

from backend.conf.errors import explain, one_line
from backend.conf.findings import OK, PROBLEM, SKIPPED, WARNING, Finding

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


class _Logged(logging.Handler):
    """Collects log records about views whose exceptions the document leaves out.

    An error is an operation without any description.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: set[tuple[int, str]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        place = f" {explain(error).problem}" if error else ""
        message = one_line(record.getMessage()).removesuffix(" Each worker logs this once.")
        self.messages.add((record.levelno, message + place))

    def results(self) -> Iterator[Finding]:
        for level, message in sorted(self.messages):
            if level >= logging.ERROR:
                fix = (
                    "Correct the cause that the message names. Until then, the document leaves the "
                    "operation out."
                )
                yield Finding(PROBLEM, "schema", message, fix)
            else:
                fix = "The document leaves that part out."
                yield Finding(WARNING, "schema", message, fix)


def schema() -> Iterator[Finding]:
    """The image's own view generates it, and it is valid by the schema of Swagger 2.0."""
    if not (apps.is_installed("drf_yasg") and apps.is_installed("rest_framework")):
        yield Finding(SKIPPED, "schema", "drf_yasg is not in INSTALLED_APPS: there is no document")
        return
    # Imported here, because they need the applications.
    from rest_framework.test import APIRequestFactory
    from swagger_spec_validator.common import SwaggerValidationError
    from swagger_spec_validator.validator20 import validate_spec

    from backend.docs import schema as view

    logged = _Logged()
    for name in ("drf_yasg", "backend.openapi"):
        logging.getLogger(name).addHandler(logged)
    request = APIRequestFactory().get("/swagger.json", SERVER_NAME="localhost")
    try:
        document = json.loads(view(request, format=".json").render().content)
    except Exception as error:  # noqa: BLE001  whatever a view of the team raises
        explanation = explain(error)
        problem = f"The document cannot be generated. {explanation.problem}"
        yield Finding(PROBLEM, "schema", problem, explanation.fix)
        return
    try:
        validate_spec(document)
    except SwaggerValidationError as error:
        # If the validator passes on jsonschema's own error, that has the place.
        place = " ".join(map(str, getattr(error.args[-1], "absolute_path", ()))) or "its root"
        yield Finding(
            PROBLEM,
            "schema",
            f"The document is not valid Swagger 2.0, at {place}: {one_line(error.args[0])[:200]}",
            "Correct the code that this part comes from: swagger_schema_fields of a serializer, "
            "swagger_auto_schema of a view, or get_schema_operation_parameters of a filter.",
        )
        return
    yield from logged.results()
    operations = sum(len(METHODS & path.keys()) for path in document["paths"].values())
    yield Finding(
        OK, "schema", f"valid Swagger 2.0, {len(document['paths'])} paths, {operations} operations"
    )
