"""Finds the source of an error: whose code raised it, and whether it got values of the request.

A client's error and the project's own error can have the same type and code: ``invalid input
syntax for type inet`` is a wrong address in a query, or a wrong row in the table. The difference is
whether the call that failed got a value of this request.

The frames of a traceback keep their arguments. If the call reads the request, this module compares
its arguments with the request by value, in all forms that a value can have by then (the text
``"2021-05-01"`` is a date). In any other call, an equal number or word may come from the project
itself, so the argument must be the same text object that the client sent. All of this happens only
after an error.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import ipaddress
import json
import math
import re
import traceback
import uuid
from collections.abc import Hashable, Iterator, Mapping
from itertools import chain, islice, takewhile
from types import FrameType
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet, Value
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from backend.conf.errors import is_of_the_team
from backend.databases import driver

# The most values of a request, or of a call, to compare.
MOST = 20_000
# The most names of sent values in a response.
NAMED = 3
# Characters. A shorter text is not searched for in others. Of a longer text, the rest is ignored.
SHORT, LONG = 3, 10_000
# Characters to search for all texts of a request together, which takes a fraction of a second.
SEARCHED = 500_000_000
# Characters of a text that is so long that an equal one is not a coincidence.
UNMISTAKABLE = 20
# Modules whose functions pass a statement and its ``params`` to a driver.
DRIVERS = ("django.db.backends.utils", "backend.geo.copying", "backend.databases.driver")
# Modules with the types in which drivers wrap values.
ADAPTERS = ("psycopg", "django.db.backends.postgresql", "django.contrib.gis")
# Functions that read the client's values, and functions that write a response or convert values
# from the database for it.
READERS = {
    *("clean", "full_clean", "is_valid", "run_validation", "to_internal_value"),
    *("filter_queryset", "paginate_queryset", "get_object"),
    *("get_prep_value", "get_prep_lookup", "as_sql"),
}
WRITERS = {"render", "to_representation", "render_to_response", "apply_converters"}
# The parts of a value between separators, as in lists, boxes, tiles, WKT, GeoJSON, and XML.
PARTS = re.compile(r"[^\s,;:|/()\[\]{}\"'=<>&]+")


def frames(error: BaseException) -> list[FrameType]:
    """The frames of an error's traceback, the innermost first."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]


def failing_call(error: BaseException) -> list[FrameType]:
    """The frames of the call that failed, the innermost first.

    It is the last call from the team's code into a package, or the whole request if the view is not
    the team's code. Empty if the team's own code raised the error.
    """
    call_frames: list[FrameType] = []
    for frame in frames(error):
        if is_of_the_team(frame.f_code.co_filename):
            break
        call_frames.append(frame)
    return call_frames


def reading(call: list[FrameType]) -> list[FrameType]:
    """The part of a call that reads the client's values, or empty if it does something else."""
    for index, frame in enumerate(call):
        name = frame.f_code.co_name
        if name in WRITERS:
            return []
        if name in READERS:
            return call[: index + 1]
    return []


def is_writing(call: list[FrameType]) -> bool:
    """Whether the frames write a response, in which case the server's own data is wrong."""
    return any(frame.f_code.co_name in WRITERS for frame in call)


def is_of_a_slice(call: list[FrameType]) -> bool:
    """Whether a method of a sliced queryset failed, which never accepts a filter or an ordering.

    https://docs.djangoproject.com/en/5.2/ref/models/querysets/#when-querysets-are-evaluated
    """
    rows = call[0].f_locals.get("self")
    return isinstance(rows, QuerySet) and rows.query.is_sliced


def callers(error: BaseException, call: list[FrameType]) -> list[FrameType]:
    """The frames around the call: the team's code and its callers. Empty without such code."""
    return frames(error)[len(call) :]


def without_request(call: list[FrameType]) -> list[FrameType]:
    """The innermost frames. The others have the whole request, which proves nothing."""
    return list(takewhile(lambda frame: "request" not in frame.f_locals, call))


def is_parsing(call: list[FrameType]) -> bool:
    """Whether the call reads the body of the request."""
    from rest_framework.parsers import BaseParser

    return any(isinstance(frame.f_locals.get("self"), BaseParser) for frame in call)


def parameters(error: BaseException) -> Any:
    """The parameters of the statement that failed, or None if no statement failed."""
    for frame in frames(error):
        if frame.f_globals.get("__name__") in DRIVERS:
            for name in ("params", "param_list"):
                if name in frame.f_locals:
                    return frame.f_locals[name] or ()
    return None


def statement(error: BaseException) -> str:
    """The failed statement as the server got it, or empty if the driver does not keep it."""
    for frame in frames(error):
        owner = frame.f_locals.get("self")
        if isinstance(owner, CursorWrapper):
            return driver.sent(owner.cursor)
        if frame.f_globals.get("__name__") in DRIVERS and "cursor" in frame.f_locals:
            return driver.sent(frame.f_locals["cursor"])
    return ""


def driver_connection(error: BaseException) -> Any:
    """The driver's connection that the error came from, or None if it is unknown."""
    for frame in frames(error):
        owner = frame.f_locals.get("self")
        if isinstance(owner, CursorWrapper):
            return getattr(owner.cursor, "connection", None)
        if isinstance(owner, BaseDatabaseWrapper):
            return owner.connection
        if frame.f_globals.get("__name__") in DRIVERS and "connection" in frame.f_locals:
            return frame.f_locals["connection"]
    return None


def driver_wrapper(error: BaseException) -> BaseDatabaseWrapper | None:
    """Django's connection that the error came from, or None if it is unknown."""
    for frame in frames(error):
        owner = frame.f_locals.get("self")
        if isinstance(owner, CursorWrapper):
            wrapper: BaseDatabaseWrapper = owner.db
            return wrapper
        if isinstance(owner, BaseDatabaseWrapper):
            return owner
    return None


def arguments(frame: FrameType) -> list[Any]:
    """The arguments of a function, except for self."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    names = code.co_varnames[:count]
    given = [frame.f_locals[name] for name in names if name in frame.f_locals and name != "self"]
    return [value for value in given if value != () and value != {}]  # no empty *args or **kwargs


def names_of_sent(request: HttpRequest, error: BaseException, values: Any) -> list[str]:
    """The first names under which the request sent any of ``values``, or empty if none."""
    used: set[Hashable] = set()
    for leaf in islice(leaves(values), MOST):
        used |= _forms(leaf)
    all_of_it = "\n".join(form for form in used if isinstance(form, str))
    names: dict[str, None] = {}
    searches = SEARCHED // (len(all_of_it) + 1)
    for name, leaf in islice(_sent(_innermost_request(request, error)), MOST):
        if name in names:
            continue
        text = str(leaf).strip().casefold()
        is_used = bool((_forms(leaf) | set(PARTS.findall(text, 0, LONG))) & used)
        if not is_used and searches > 0 and len(text) >= SHORT and _number(text) is None:
            searches -= 1
            is_used = text in all_of_it
        if is_used:
            names[name] = None
            if len(names) == NAMED:
                return list(names)
    names |= {name: None for name, text in _sent_with_every_request(request) if _words(text) & used}
    return list(names)


def names_of_passed(request: HttpRequest, error: BaseException, values: Any) -> list[str]:
    """The names of the request's texts that are among ``values``, unchanged."""
    given = [leaf for leaf in islice(leaves(values), MOST) if isinstance(leaf, (str, bytes))]
    # In Python, all equal texts of one character, such as "0", are the same object.
    same = {id(leaf) for leaf in given if len(leaf) > 1}
    texts = (leaf.decode(errors="replace") if isinstance(leaf, bytes) else leaf for leaf in given)
    long = {text for text in texts if len(text) >= UNMISTAKABLE}
    sent = chain(_sent(_innermost_request(request, error)), _sent_with_every_request(request))
    names = {
        name: None
        for name, leaf in islice(sent, MOST)
        if isinstance(leaf, str) and (id(leaf) in same or leaf in long)
    }
    return list(names)


def named(values: Any, texts: list[str]) -> list[Any]:
    """The ``values`` that equal one of ``texts``, which are in the form that the server writes."""
    meant: set[Hashable] = set()
    for text in texts:
        meant |= _forms_of_text(text, split=text.startswith(("[", "(", "{")))
    meant.discard("")
    return [
        leaf
        for leaf in islice(leaves(values), MOST)
        if (_forms_of_text(leaf, split=False) if isinstance(leaf, str) else _forms(leaf)) & meant
    ]


def _words(text: str) -> set[str]:
    """A header and its last word, such as a token. Not numbers, which many headers contain."""
    text = text.strip().casefold()
    return {word for word in (text, *PARTS.findall(text)[-1:]) if _number(word) is None}


def _innermost_request(request: HttpRequest, error: BaseException) -> Any:
    """REST framework's request, which wraps Django's. Only it has the parsed JSON body."""
    from rest_framework.request import Request

    candidates = (frame.f_locals.get("request") for frame in frames(error))
    return next((each for each in candidates if isinstance(each, Request)), request)


def _sent(request: Any) -> Iterator[tuple[str, Any]]:
    """The names and values that a client sent in the URL and the body."""
    plain = getattr(request, "_request", request)
    match = getattr(plain, "resolver_match", None)
    if match is not None:
        yield from _named(dict(enumerate(match.args, 1)))
        yield from _named(match.kwargs)
    yield from _named(plain.GET)
    yield from _named(_body(request, plain))


def _sent_with_every_request(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """The names and texts that a client sends with every request."""
    yield from request.COOKIES.items()
    for name, text in request.headers.items():
        yield name, text
        if name == "Authorization":
            yield from _credentials(name, text)


def _named(values: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(values, Mapping):
        yield from (("body", leaf) for leaf in leaves(values))
        return
    for name, value in getattr(values, "lists", values.items)():
        yield from ((str(name), leaf) for leaf in leaves(value))


def _body(request: Any, plain: HttpRequest) -> Any:
    """The part of the body that was already read. Reading more could wait for the client."""
    parsed = request.__dict__.get("_full_data")
    if isinstance(parsed, (Mapping, list, str, int, float)):
        return parsed
    if "_post" in plain.__dict__ and (plain.POST or plain.FILES):
        return plain.POST
    raw = plain.__dict__.get("_body", b"").decode(errors="replace")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw or None  # without a body, the client sent no empty text


def _credentials(name: str, text: str) -> Iterator[tuple[str, str]]:
    """The username and password of HTTP Basic."""
    try:
        decoded = base64.b64decode(text.rpartition(" ")[2])
    except (binascii.Error, ValueError):
        return
    # REST framework tries both encodings.
    try:
        credentials = decoded.decode()
    except UnicodeDecodeError:
        credentials = decoded.decode("latin-1")
    yield from ((name, part) for part in credentials.split(":"))


def leaves(value: Any) -> Iterator[Any]:
    """The single values in containers and in the types of drivers, but not in other objects.

    It does not use recursion, because the cause of the error can be the depth of the value.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, dict)) and not value:
            yield type(value)  # it contains nothing to compare
        elif isinstance(value, Mapping):
            waiting += [*value.values(), *value.keys()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += value
        elif isinstance(value, UploadedFile):
            waiting.append(value.name)
        elif isinstance(value, Value):
            waiting.append(value.value)
        elif type(value).__module__.startswith(ADAPTERS) and not isinstance(value, int):
            waiting += _unwrapped(value)
        elif value is not None:
            yield value


def is_geometry(value: Any) -> bool:
    """Whether a parameter is a geometry in the form that Django's fields write."""
    return isinstance(getattr(value, "ewkb", None), bytes)


def _unwrapped(value: Any) -> list[Any]:
    """The contents of a geometry, a range, JSON, or a network address."""
    from django.contrib.gis.geos import GEOSGeometry

    if isinstance(value, GEOSGeometry):
        shape: Any = value  # a subclass, which has coords
        return [shape.coords]
    ewkb = getattr(value, "ewkb", None)
    if isinstance(ewkb, bytes):
        return [_geometry(ewkb)]
    names = ("adapted", "obj", "addr", "lower", "upper")
    return [getattr(value, name, None) for name in names]


def _geometry(data: bytes) -> Any:
    from django.contrib.gis.geos import GEOSException, GEOSGeometry

    try:
        geometry: Any = GEOSGeometry(memoryview(data))  # a subclass, which has coords
        return geometry.coords
    except (GEOSException, ValueError, KeyError):
        return None


def _forms(leaf: Any) -> set[Hashable]:
    """The forms that a value can have between a text and a parameter."""
    if isinstance(leaf, bool):
        return set()  # every request and every call has booleans
    if isinstance(leaf, type):
        return {leaf}
    if isinstance(leaf, (bytes, bytearray, memoryview)):
        leaf = bytes(leaf).decode("latin-1")
    if isinstance(leaf, str):
        return _forms_of_text(leaf)
    if isinstance(leaf, (int, float, decimal.Decimal)):
        return {_number(str(leaf))}
    if isinstance(leaf, datetime.datetime):
        return {leaf, leaf.replace(tzinfo=None), leaf.date(), ("number", float(leaf.year))}
    if isinstance(leaf, datetime.date):
        return {leaf, ("number", float(leaf.year))}
    if isinstance(leaf, (datetime.time, datetime.timedelta)):
        return {leaf}
    if isinstance(leaf, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
        return _forms_of_text(str(leaf))
    if isinstance(leaf, uuid.UUID):
        return {leaf.hex}
    return set()


def _forms_of_text(text: str, *, split: bool = True) -> set[Hashable]:
    text = text.strip().casefold()
    if not text:
        return {""}  # parse_duration would return 0
    parts = PARTS.findall(text, 0, LONG) if split else []
    forms: set[Hashable] = {text, text.strip("%"), text.replace("-", "").strip("{}")}
    forms |= {number for part in parts if (number := _number(part))}
    forms |= {part for part in parts if len(part) >= SHORT}
    if number := _number(text):
        forms.add(number)
    if re.fullmatch(r"(?:[0-9a-f]{2}){9,100000}", text) and (
        coordinates := _geometry(bytes.fromhex(text))
    ):
        forms |= {_number(str(leaf)) for leaf in leaves(coordinates)}
    for parse in (parse_date, parse_datetime, parse_time, parse_duration):
        try:
            parsed = parse(text.upper())
        except (ValueError, OverflowError):
            continue
        if parsed is not None:
            forms |= _forms(parsed)
    return forms - {None, ""} or {""}


def _number(text: str) -> tuple[str, Any] | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return ("number", "nan" if math.isnan(number) else number)  # NaN does not equal itself
