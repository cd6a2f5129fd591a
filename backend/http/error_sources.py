"""Where an error came from: whose code raised it, and whether values of the request reached it.

An error that a client caused and one that the project has in itself are of the same types and
codes: ``invalid input syntax for type inet`` is a wrong address in a query, or a wrong row in the
table. What tells them apart is the call that failed: whether it had something from this request.

The frames of a traceback keep their arguments. Where the call reads the request, they are compared
with it by value, in all the forms that a value takes on its way (``"2021-05-01"`` is a date by
then). In any other call a 0 or a word may be the project's own and equal by chance: there it must
be the very text that was sent. All this is done only once there is an error.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
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

# Values of a request, or of a call, that are looked at.
MOST = 20_000
# Names that an answer has of those that were sent.
NAMED = 3
# Characters below which a text is not looked for inside another, and how far it is read.
SHORT, LONG = 3, 10_000
# Characters that all texts of a request together are looked for in: a fraction of a second.
SEARCHED = 500_000_000
# Characters of a text that nothing else has by chance.
UNMISTAKABLE = 20
# Functions that hand a statement and its ``params`` to a driver.
DRIVERS = ("django.db.backends.utils", "backend.geo.copying")
# Where the types live that drivers wrap values in.
ADAPTERS = ("psycopg", "django.db.backends.postgresql", "django.contrib.gis")
# Functions that read what a client sent; and that write an answer, or make values of what the
# database gave for one.
READERS = {
    *("clean", "full_clean", "is_valid", "run_validation", "to_internal_value"),
    *("filter_queryset", "paginate_queryset", "get_object"),
    *("get_prep_value", "get_prep_lookup", "as_sql"),
}
WRITERS = {"render", "to_representation", "render_to_response", "apply_converters"}
# What separates the parts of a value: of lists, boxes, tiles, WKT, GeoJSON, XML.
PARTS = re.compile(r"[^\s,;:|/()\[\]{}\"'=<>&]+")


def frames(error: BaseException) -> list[FrameType]:
    """The frames that an error came through, the innermost first."""
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]


def failing_call(error: BaseException) -> list[FrameType]:
    """The frames of the call that failed, the innermost first.

    It is the last call that the team's code made into a package; in a view that is none of the
    team's code, the request itself. Empty where the team's own code raised the error.
    """
    call_frames: list[FrameType] = []
    for frame in frames(error):
        if is_of_the_team(frame.f_code.co_filename):
            break
        call_frames.append(frame)
    return call_frames


def reading(call: list[FrameType]) -> list[FrameType]:
    """The part of a call that reads what a client sent; empty where it does something else."""
    for index, frame in enumerate(call):
        name = frame.f_code.co_name
        if name in WRITERS:
            return []
        if name in READERS:
            return call[: index + 1]
    return []


def is_writing(call: list[FrameType]) -> bool:
    """Whether the frames write an answer: what fails there is the server's own data."""
    return any(frame.f_code.co_name in WRITERS for frame in call)


def is_of_a_slice(call: list[FrameType]) -> bool:
    """Whether a method of a sliced queryset failed, which takes no filter or order whatever it is.

    https://docs.djangoproject.com/en/5.2/ref/models/querysets/#when-querysets-are-evaluated
    """
    rows = call[0].f_locals.get("self")
    return isinstance(rows, QuerySet) and rows.query.is_sliced


def callers(error: BaseException, call: list[FrameType]) -> list[FrameType]:
    """The frames around the call: the team's code, and what called it. Empty without such code."""
    return frames(error)[len(call) :]


def without_request(call: list[FrameType]) -> list[FrameType]:
    """The innermost frames: those around them have the whole request, whatever failed."""
    return list(takewhile(lambda frame: "request" not in frame.f_locals, call))


def is_parsing(call: list[FrameType]) -> bool:
    """Whether the call reads the body of the request."""
    from rest_framework.parsers import BaseParser

    return any(isinstance(frame.f_locals.get("self"), BaseParser) for frame in call)


def parameters(error: BaseException) -> Any:
    """The parameters of the statement that failed, None where none did."""
    for frame in frames(error):
        if frame.f_globals.get("__name__") in DRIVERS:
            for name in ("params", "param_list"):
                if name in frame.f_locals:
                    return frame.f_locals[name] or ()
    return None


def statement(error: BaseException) -> str:
    """The statement that failed as the server got it; empty where the driver does not keep it."""
    cursor = getattr(error.__cause__, "cursor", None)
    return (getattr(cursor, "query", None) or b"").decode(errors="replace")


def driver_connection(error: BaseException) -> Any:
    """The driver's connection that the error came from; None where that cannot be known."""
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
    """Django's connection that the error came from; None where that cannot be known."""
    for frame in frames(error):
        owner = frame.f_locals.get("self")
        if isinstance(owner, CursorWrapper):
            wrapper: BaseDatabaseWrapper = owner.db
            return wrapper
        if isinstance(owner, BaseDatabaseWrapper):
            return owner
    return None


def arguments(frame: FrameType) -> list[Any]:
    """What a function was given, but for its object."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    names = code.co_varnames[:count]
    given = [frame.f_locals[name] for name in names if name in frame.f_locals and name != "self"]
    return [value for value in given if value != () and value != {}]  # no *args, no **kwargs


def names_of_sent(request: HttpRequest, error: BaseException, values: Any) -> list[str]:
    """The first names under which the request sent any of ``values``; empty where it sent none."""
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
    """The names of the texts of the request that are among ``values`` as they were sent."""
    given = [leaf for leaf in islice(leaves(values), MOST) if isinstance(leaf, (str, bytes))]
    # Python has each text of one character, such as "0", only once.
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
    """Those of ``values`` that are one of ``texts``, as the server writes them."""
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
    """A header as a whole, and its last word, as of a token: no numbers, which are in many."""
    text = text.strip().casefold()
    return {word for word in (text, *PARTS.findall(text)[-1:]) if _number(word) is None}


def _innermost_request(request: HttpRequest, error: BaseException) -> Any:
    """REST framework's request around Django's, which alone knows a body of JSON."""
    from rest_framework.request import Request

    candidates = (frame.f_locals.get("request") for frame in frames(error))
    return next((each for each in candidates if isinstance(each, Request)), request)


def _sent(request: Any) -> Iterator[tuple[str, Any]]:
    """What a client sent in the address and the body, as a name and a value."""
    plain = getattr(request, "_request", request)
    match = getattr(plain, "resolver_match", None)
    if match is not None:
        yield from _named(dict(enumerate(match.args, 1)))
        yield from _named(match.kwargs)
    yield from _named(plain.GET)
    yield from _named(_body(request, plain))


def _sent_with_every_request(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """What a client sends with every request, as a name and a text."""
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
    """The body as far as it has been read already: reading it now could wait for the client."""
    parsed = request.__dict__.get("_full_data")
    if isinstance(parsed, (Mapping, list, str, int, float)):
        return parsed
    if "_post" in plain.__dict__ and (plain.POST or plain.FILES):
        return plain.POST
    raw = plain.__dict__.get("_body", b"").decode(errors="replace")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw or None  # without a body no empty text was sent


def _credentials(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Name and password of Basic authentication."""
    try:
        decoded = base64.b64decode(text.rpartition(" ")[2])
    except (binascii.Error, ValueError):
        return
    # Both, as REST framework reads them.
    try:
        credentials = decoded.decode()
    except UnicodeDecodeError:
        credentials = decoded.decode("latin-1")
    yield from ((name, part) for part in credentials.split(":"))


def leaves(value: Any) -> Iterator[Any]:
    """The single values in containers and in what drivers wrap values in; no other objects.

    Without recursion: it may be the depth of a value that failed.
    """
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, dict)) and not value:
            yield type(value)  # nothing is in it to compare
        elif isinstance(value, Mapping):
            waiting += [*value.values(), *value.keys()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            waiting += value
        elif isinstance(value, UploadedFile):
            waiting.append(value.name)
        elif isinstance(value, Value):
            waiting.append(value.value)
        elif type(value).__module__.startswith(ADAPTERS):
            waiting += _unwrapped(value)
        elif value is not None:
            yield value


def is_geometry(value: Any) -> bool:
    """Whether a parameter is a geometry, as Django's fields write it."""
    return isinstance(getattr(value, "ewkb", None), bytes)


def _unwrapped(value: Any) -> list[Any]:
    """What is in a geometry, a range, JSON or a network address."""
    from django.contrib.gis.geos import GEOSGeometry

    if isinstance(value, GEOSGeometry):
        shape: Any = value  # of a subclass, and these have coords
        return [shape.coords]
    ewkb = getattr(value, "ewkb", None)
    if isinstance(ewkb, bytes):
        return [_geometry(ewkb)]
    names = ("adapted", "addr", "lower", "upper")
    return [getattr(value, name, None) for name in names]


def _geometry(data: bytes) -> Any:
    from django.contrib.gis.geos import GEOSException, GEOSGeometry

    try:
        geometry: Any = GEOSGeometry(memoryview(data))  # of a subclass, and these have coords
        return geometry.coords
    except (GEOSException, ValueError, KeyError):
        return None


def _forms(leaf: Any) -> set[Hashable]:
    """The forms that a value takes on its way from a text to a parameter."""
    if isinstance(leaf, bool):
        return set()  # every request and every call has one
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
    if isinstance(leaf, uuid.UUID):
        return {leaf.hex}
    return set()


def _forms_of_text(text: str, *, split: bool = True) -> set[Hashable]:
    text = text.strip().casefold()
    if not text:
        return {""}  # parse_duration makes it a 0
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
    return ("number", "nan" if math.isnan(number) else number)  # it is not equal to itself
