"""The OpenAPI document: that it can be made, and is one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.apps import apps

from backend.contract.report import FAILED, OK, SKIPPED, Result
from backend.errors import explain, one_line


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
        yield Result(
            "schema",
            FAILED,
            f"It is no valid Swagger 2.0: {one_line(error)[:300]}",
            "Correct what it names: swagger_schema_fields, or the arguments of "
            "swagger_auto_schema.",
        )
        return
    operations = sum(
        method in operation
        for path in document["paths"].values()
        for method, operation in (
            (name, path) for name in ("get", "post", "put", "patch", "delete")
        )
    )
    yield Result(
        "schema", OK, f"valid Swagger 2.0, {len(document['paths'])} paths, {operations} operations"
    )
