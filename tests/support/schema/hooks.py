"""Hooks for rules that OpenAPI 2.0 cannot express. Every check is on for every operation.

Valid requests must also follow the rules that are only in the document's descriptions. If the API
accepts a request that breaks the schema, this is correct if it is by design: like REST framework,
an API ignores an invalid page, and reads a number in quotes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.jsonschema import make_validator
from schemathesis.core.parameters import ParameterLocation
from schemathesis.openapi.checks import (
    MissingContentType,
    RejectedPositiveData,
    UndefinedContentType,
    UnsupportedMethodResponse,
)

# An invalid value of these is ignored, by REST framework's pages and django-filter's booleans.
# docs/spatial.md documents this for limit and offset.
IGNORED = {"limit", "offset", "per_page", "count", "open_now"}
# A stream of all rows does not have pages, and with offset, these are not used.
OF_PAGES = {"page_after", "page_before"}
STREAMS = {"geojson", "geojsonl", "csv", "fgb"}
PLACES = (
    ParameterLocation.PATH,
    ParameterLocation.QUERY,
    ParameterLocation.HEADER,
    ParameterLocation.BODY,
)

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)
schemathesis.openapi.format("geometry", st.builds("POINT({} {})".format, longitudes, latitudes))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Apply rules between values to valid requests, and keep all places on earth.

    A stored place beyond the poles breaks every view that transforms it (``moved`` of
    /streams/allkinds/), also with stock djangorestframework-gis.
    """
    _keep_on_earth(case.body)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query, path = case.query or {}, case.path_parameters or {}
    _keep_query_on_earth(query)
    for name, value in query.items():
        # django-filter rejects larger numbers, as a safeguard that is not in the document.
        if isinstance(value, (int, float)):
            query[name] = _within(9e49, value)
        elif (numbers := _numbers(value)) and max(map(abs, numbers)) >= 1e50:
            query[name] = ",".join(str(_within(9e49, each)) for each in numbers)
    if {"z", "x", "y"} <= set(path):
        across = 2 ** int(path["z"])
        path.update({name: int(path[name]) % across for name in "xy"})
    if case.path == "/pages/cursor/" and "ordering" in query:
        query["ordering"] = "name"  # other columns can be null, which a cursor cannot follow
    # A list that is not in the order of keys, and keys with several columns.
    if case.path in ("/pages/listed/", "/own/"):
        query.pop("page_after", None)
        query.pop("page_before", None)
    if query.get("format") in STREAMS:
        for name in (*OF_PAGES, "cursor", "page", "per_page", "size"):
            query.pop(name, None)
    if query.get("format") == "fgb":
        query.pop("fields", None)  # they could leave out the geometry
    # A link has only one of these, and keeps the order with which it was created.
    if "page_after" in query or "ordering" in query:
        query.pop("page_before", None)
    if "ordering" in query:
        query.pop("page_after", None)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """False if it is not a failure."""
    if response.status_code == 414:  # the server's own response to an unrealistically long line
        return False
    if isinstance(failure, MissingContentType):
        # https://www.rfc-editor.org/rfc/rfc9110#section-8.3: only responses with content need it.
        return response.status_code not in (204, 304)
    if isinstance(failure, UndefinedContentType):
        # This is not the response of a view, but a team's own page for an unknown URL.
        return not (response.status_code == 404 and "<title>Lost</title>" in response.text)
    if isinstance(failure, UnsupportedMethodResponse):
        # REST framework authenticates a request before it checks the method.
        return response.status_code not in (401, 403)
    if isinstance(failure, RejectedPositiveData):
        # Generated credentials: a user name cannot have a NUL, but a header's schema cannot say so.
        if "NUL character" in response.text:
            return False
        # The model, as inspectdb writes it, has a text field for a column that is not text.
        guessed = case.path.startswith("/values/guessed/") and response.status_code == 400
        refused = "cannot be used" in response.text or "has no order" in response.text
        return not (guessed and refused)
    if isinstance(failure, AcceptedNegativeData):
        return not (_is_ignored(case, response) or _is_read_leniently(case, response))
    return True


def _keep_query_on_earth(query: dict[str, Any]) -> None:
    """If a view has several geometries, each filter has the name of one as its prefix."""
    for name, value in list(query.items()):
        of_geometry, _, filter_ = name.rpartition("__")
        before = f"{of_geometry}__" if of_geometry else ""
        if filter_ == "in_bbox" and len(box := _numbers(value)) == 4:
            west, east = (_within(180, box[0]), _within(180, box[2]))
            south, north = sorted((_within(90, box[1]), _within(90, box[3])))
            query[name] = f"{west},{south},{east},{north}"
        elif filter_ == "point" and len(point := _numbers(value)) == 2:
            query[name] = f"{_within(180, point[0])},{_within(90, point[1])}"
        elif filter_ == "dist":
            query.setdefault(f"{before}point", "-122.68,45.52")
        elif filter_ == "tile":
            zoom = int(str(value).partition("/")[0]) % 31
            query[name] = f"{zoom}/{2**zoom - 1}/0"


def _keep_on_earth(body: Any) -> None:
    names = ("geometry", "geom", "area", "home")
    for geometry in map(body.get, names) if isinstance(body, dict) else ():
        if isinstance(geometry, dict):
            _keep_place_on_earth(geometry.get("coordinates"))


def _keep_place_on_earth(place: Any) -> None:
    if isinstance(place, list) and any(isinstance(each, list) for each in place):
        for each in place:
            _keep_place_on_earth(each)
        if len(place) > 3 and place[0] and _is_place(place[0]):
            place[-1] = place[0]  # a ring must be closed, and a line can be
    elif isinstance(place, list):
        for index, (most, value) in enumerate(zip((180, 85), place, strict=False)):
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                place[index] = _within(most, value)


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(each, list) for each in value)


def _numbers(value: Any) -> list[float]:
    """The numbers of an array, which is already a string in some phases. Empty for other values."""
    parts = value.split(",") if isinstance(value, str) else value or []
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        return []


def _within(most: float, value: float) -> float:
    return max(-most, min(most, value))


def _is_ignored(case: Case, response: Response) -> bool:
    """Whether the only errors are in query parameters whose invalid values are ignored."""
    if _is_wrong_besides(case, response, ParameterLocation.QUERY):
        return False
    data = case.meta.phase.data
    wrong = {data.parameter, *(mutation.parameter for mutation in data.mutations)} - {None}
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    # Django uses the last of several values.
    last = {name: values[-1] for name, values in sent.items()}
    has_other_pages = last.get("format", "json") != "json" or "offset" in last
    ignored = IGNORED | (OF_PAGES if has_other_pages else set())
    if _is_logged_in(response):
        ignored = ignored | {"Authorization"}
    # ?fields= and ?in_bbox=,, are empty. In ?lines=x&lines=1, the last value is valid.
    return bool(wrong) and all(
        name in ignored
        or not last.get(name, "").strip(" ,")
        or (len(sent[name]) > 1 and bool(_numbers(last[name])))
        for name in wrong
    )


def _is_read_leniently(case: Case, response: Response) -> bool:
    """Whether the API accepts all errors in a body by design."""
    if not case.meta.is_negative_at(ParameterLocation.BODY):
        return False
    if _is_wrong_besides(case, response, ParameterLocation.BODY):
        return False
    body = case.operation.get_body_for_media_type(case.media_type)
    if body is None:
        return False
    validator = make_validator(
        body.optimized_schema, case.operation.schema.adapter.jsonschema_validator_cls
    )
    errors = list(validator.iter_errors(case.body))
    return bool(errors) and all(map(_is_lenient, errors))


def _is_lenient(error: Any) -> bool:
    path, instance = error.instance_path, error.instance
    # djangorestframework-gis reads geometry and properties, and ignores the type.
    if path == ["type"] or (not path and "type" in getattr(error.kind, "property", "")):
        return True
    # "Parsers MAY ignore additional elements" https://www.rfc-editor.org/rfc/rfc7946#section-3.1.1
    geometry = instance if path[-1:] in (["geom"], ["geometry"]) else None
    if isinstance(geometry, dict) and geometry.get("type") == "Point":
        place = geometry.get("coordinates")
        return isinstance(place, list) and len(place) > 2
    # Fields of REST framework read "1" as 1, 1 as "1", and false as 0.0.
    is_scalar = isinstance(instance, (str, int, float))
    return is_scalar and type(error.kind).__name__.endswith(("Type", "AnyOf"))


def _is_wrong_besides(case: Case, response: Response, place: ParameterLocation) -> bool:
    others = set(PLACES) - {place}
    if _is_logged_in(response):
        others -= {ParameterLocation.HEADER}
    return any(case.meta.is_negative_at(other) for other in others)


def _is_logged_in(response: Response) -> bool:
    """Whether a broken Authorization was not used, because of a session or schemathesis's --auth.

    --auth replaces generated credentials. The API never accepts wrong Basic credentials.
    """
    sent = response.request.headers
    return "sessionid" in str(sent.get("Cookie", "")) or "Basic " in str(sent.get("Authorization"))
