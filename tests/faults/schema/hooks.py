"""What OpenAPI 2.0 has no words for, told to schemathesis: no check is off for any operation.

Valid requests are made so that they keep the rules that the document says in words only. Of
requests that break the schema and are accepted, those are let pass that the API takes by design:
as REST framework does, an API ignores what is no page, and reads a number in quotes.
"""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.jsonschema import make_validator
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import MissingContentType

# A value that is none of theirs is as if it was not given: REST framework's pages do so, and
# django-filter's booleans. docs/spatial.md says it of limit and offset.
IGNORED = {"limit", "offset", "count", "open_now"}
SCALARS = {"string", "number", "integer", "boolean"}

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)
schemathesis.openapi.format(
    "geometry", st.builds("POINT({} {})".format, longitudes, latitudes)
)


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Rules between values, of valid requests."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query, path = case.query or {}, case.path_parameters or {}
    if {"z", "x", "y"} <= set(path):
        across = 2 ** int(path["z"])
        path.update({name: int(path[name]) % across for name in "xy"})
    if len(query.get("in_bbox", ())) == 4:
        west, south, east, north = map(float, query["in_bbox"])
        south, north = sorted((_within(90, south), _within(90, north)))
        query["in_bbox"] = [_within(180, west), south, _within(180, east), north]
    if len(query.get("point", ())) == 2:
        longitude, latitude = map(float, query["point"])
        query["point"] = [_within(180, longitude), _within(90, latitude)]
    if "dist" in query:
        query.setdefault("point", [-122.68, 45.52])
    if "tile" in query:
        zoom = int(str(query["tile"]).partition("/")[0]) % 31
        query["tile"] = f"{zoom}/{2**zoom - 1}/0"
    # A link has one of them, and the order that it was made in.
    if "page_after" in query or "ordering" in query:
        query.pop("page_before", None)
    if "ordering" in query:
        query.pop("page_after", None)


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case, response: Response
) -> bool:
    """False for what is no failure."""
    if isinstance(failure, MissingContentType):
        # https://www.rfc-editor.org/rfc/rfc9110#section-8.3: of content, and here is none.
        return response.status_code not in (204, 304)
    if isinstance(failure, AcceptedNegativeData):
        return not (_is_ignored(case) or _is_read_leniently(case))
    return True


def _within(most: float, value: float) -> float:
    return max(-most, min(most, value))


def _is_ignored(case: Case) -> bool:
    """Whether all that is wrong are query parameters of which a wrong value is as none."""
    if any(
        case.meta.is_negative_at(place)
        for place in (ParameterLocation.PATH, ParameterLocation.BODY, ParameterLocation.HEADER)
    ):
        return False
    known = {parameter.name: parameter for parameter in case.operation.query}
    wrong = {
        name
        for name, value in case.query.items()
        if name in known and not known[name].get_validator().is_valid(value)
    }
    return all(name in IGNORED or _is_empty(case.query[name]) for name in wrong)


def _is_empty(value: Any) -> bool:
    """?fields= and ?in_bbox=,, name nothing."""
    if isinstance(value, list):
        return all(map(_is_empty, value))
    return value is None or not str(value).strip(" ,")


def _is_read_leniently(case: Case) -> bool:
    """Whether a body's text stands for its number, or its number for its text; see DRF's fields."""
    if not case.meta.is_negative_at(ParameterLocation.BODY) or any(
        case.meta.is_negative_at(place)
        for place in (ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.HEADER)
    ):
        return False
    body = case.operation.get_body_for_media_type(case.media_type)
    validator = make_validator(
        body.optimized_schema, case.operation.schema.adapter.jsonschema_validator_cls
    )
    errors = list(validator.iter_errors(case.body))
    return bool(errors) and all(map(_is_lenient, errors))


def _is_lenient(error: Any) -> bool:
    print("ERR", error.instance_path, error.kind, error.schema_path)
    return False
