"""From WKB to GeoJSON, with the numbers that GDAL and Python's ``json`` would write.

djangorestframework-gis lets GDAL write a geometry, and Python read and write it again. GDAL writes
fifteen decimals and trims what looks like noise (``OGR_json_double_with_precision_to_string`` and
``intelliround`` in GDAL 3.12). What Python reads from that is mostly the coordinate itself. Then,
its shortest form can be written directly. GDAL is asked only for the few other numbers of a
document, and only once.
"""

from __future__ import annotations

import contextlib
import json
import re
import struct
import threading
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson
from django.contrib.gis.gdal import OGRGeometry
from django.contrib.gis.geos import GEOSGeometry, Point, WKBWriter

from backend.geo.lazy_geos import unread
from backend.geo.srid import Degrees

_thread = threading.local()
_Z = 0x80000000
_SRID = 0x20000000
_HEADER = struct.Struct("<BI")
_COUNT = struct.Struct("<I")
_NAMES = {
    1: b'{"type":"Point","coordinates":',
    2: b'{"type":"LineString","coordinates":',
    3: b'{"type":"Polygon","coordinates":',
    4: b'{"type":"MultiPoint","coordinates":',
    5: b'{"type":"MultiLineString","coordinates":',
    6: b'{"type":"MultiPolygon","coordinates":',
}
_NUMBER = re.compile(rb"-?\d[\d.e+-]*")
_SEVEN_DECIMALS = re.compile(rb"-?\d+\.\d{7}[\de+-]*")
_SIXTEEN_DECIMALS = re.compile(rb"-?\d+\.\d{16}[\de+-]*")


# WKB, decimals to round to or None, whether with a bbox, and the conversion to WGS 84 or None.
Source = tuple[bytes, int | None, bool, Degrees | None]


class NotWritableError(Exception):
    """Only GDAL and Python can write this geometry."""


def of(geometry: GEOSGeometry) -> bytes | None:
    """The WKB or EWKB of a geometry that ``texts`` can write. None for all others:

    empty points, collections, curves, and geometries with a measure.
    """
    if (data := unread(geometry)) is not None:
        _, kind = _HEADER.unpack_from(data)
        return data if kind & ~_Z & ~_SRID in _NAMES else None
    if isinstance(geometry, Point) and geometry.empty:
        # WKB has no empty point, only one with two NaN values.
        return None
    writer = getattr(_thread, "writer", None)
    if writer is None:
        # It writes the third dimension if there is one. geometry.wkb would check first.
        writer = _thread.writer = WKBWriter(dim=3)
        writer.byteorder = 1
    data = bytes(writer.write(geometry))
    _, kind = _HEADER.unpack_from(data)
    return data if kind & ~_Z in _NAMES else None


def stock(
    data: bytes, precision: int | None, bbox: bool, degrees: Degrees | None
) -> dict[str, Any]:
    """What djangorestframework-gis makes of a geometry in WKB."""
    geometry = GEOSGeometry(memoryview(data))
    if degrees is not None:
        geometry = degrees.geometry(geometry)
    text = geometry.geojson
    # GDAL writes nothing for a MultiPoint with an empty point.
    result: dict[str, Any]
    result = json.loads(text) if text else {"type": geometry.geom_type, "coordinates": []}
    if precision is not None:
        result["coordinates"] = _rounded(result["coordinates"], precision)
    if bbox:
        result["bbox"] = geometry.extent
    return result


def texts(sources: Iterable[Source]) -> list[bytes]:
    """The GeoJSON of each geometry."""
    sources = list(sources)
    written: list[bytes | None] = [None] * len(sources)
    alike = defaultdict(list)
    for index, (data, precision, _, degrees) in enumerate(sources):
        with contextlib.suppress(NotWritableError):
            shape = _Shape(index, data)
            alike[shape.dimension, precision, degrees].append(shape)
    for (dimension, precision, degrees), shapes in alike.items():
        _write(written, sources, shapes, dimension, precision, degrees)
    return [text or _stock_text(source) for text, source in zip(written, sources, strict=True)]


def _stock_text(source: Source) -> bytes:
    return json.dumps(stock(*source), separators=(",", ":")).encode()


class _Shape:
    """How the points of a geometry belong together: their counts, nested like its rings."""

    def __init__(self, index: int, data: bytes) -> None:
        self.index = index
        self.data = data
        self.position = 0
        self.numbers: list[bytes] = []
        self.total = 0
        self.kind, self.counts = self._geometry()

    def _geometry(self) -> tuple[int, Any]:
        _, kind = _HEADER.unpack_from(self.data, self.position)
        self.position += 9 if kind & _SRID else 5
        self.dimension = 3 if kind & _Z else 2
        kind &= 0xFF
        if kind == 1:
            return kind, self._points(1)
        count = self._count()
        if kind == 2:
            return kind, self._line(count)
        if kind == 4:
            return kind, sum(self._geometry()[1] for _ in range(count))
        if kind == 3:
            return kind, [self._ring(self._count()) for _ in range(count)]
        return kind, [self._geometry()[1] for _ in range(count)]

    def _count(self) -> int:
        count: int
        (count,) = _COUNT.unpack_from(self.data, self.position)
        self.position += 4
        if not count:
            raise NotWritableError
        return count

    def _line(self, count: int) -> int:
        if count < 2:
            raise NotWritableError  # GEOS reports what is wrong with it
        return self._points(count)

    def _ring(self, count: int) -> int:
        size = self.dimension * 8
        self._points(count)
        ring = self.numbers[-1]
        # In two dimensions, as GEOS compares them.
        if count < 4 or ring[:16] != ring[-size:][:16]:
            raise NotWritableError
        return count

    def _points(self, count: int) -> int:
        end = self.position + count * self.dimension * 8
        self.numbers.append(self.data[self.position : end])
        self.position = end
        self.total += count
        return count


def _write(
    written: list[bytes | None],
    sources: list[Source],
    shapes: list[_Shape],
    dimension: int,
    precision: int | None,
    degrees: Degrees | None,
) -> None:
    """Put the text of each shape in its place. Leave out those that Python must write."""
    numbers = array("d")
    numbers.frombytes(b"".join(part for shape in shapes for part in shape.numbers))
    values = numbers.tolist()
    axes = [values[axis::dimension] for axis in range(dimension)]
    if degrees is not None:
        degrees.points(*axes)
        values = [value for point in zip(*axes, strict=True) for value in point]
    doubtful = _doubtful(axes)
    if precision is None:
        points = list(zip(*axes, strict=True))
    else:
        (text,) = _read_back([orjson.dumps(values)], doubtful)
        exact = orjson.loads(text)
        if None in exact:
            return
        rounded = [round(value, precision) for value in exact]
        points = list(zip(*[iter(rounded)] * dimension, strict=True))
    texts = []
    start = 0
    for shape in shapes:
        end = start + shape.total
        own = iter(points[start:end])
        start = end
        texts.append(orjson.dumps(next(own) if shape.kind == 1 else _dealt(shape.counts, own)))
    if precision is None:
        texts = _read_back(texts, doubtful)
    start = 0
    for shape, text in zip(shapes, texts, strict=True):
        end = start + shape.total
        bbox = b""
        if sources[shape.index][2]:
            extent = orjson.dumps(_extent(*(_outer(shape, axis[start:end]) for axis in axes[:2])))
            bbox = b',"bbox":%b' % extent
        start = end
        if not (_is_foreign(text) or (bbox and _is_foreign(extent))):
            written[shape.index] = b"%b%b%b}" % (_NAMES[shape.kind], text, bbox)


def _dealt(counts: int | list[Any], points: Iterator[tuple[Any, ...]]) -> list[Any]:
    if isinstance(counts, int):
        return list(islice(points, counts))
    return [_dealt(count, points) for count in counts]


# The positions of numbers in a text.
Spans = list[tuple[int, int]]


def _doubtful(axes: list[list[float]]) -> Callable[[bytes], Spans]:
    """A function that finds the numbers that GDAL may not write in their shortest form.

    GDAL writes ``%.15f``. It drops the last digit after five 0s. It drops the last eight digits if
    the 7th and 8th decimals and those up to the 13th are 0 (up to the 10th for large numbers). It
    does the same with 9s, rounding up. Below 1000, a number with at most nine decimals loses only
    noise. Any other that loses digits has four 0s or 9s in a row in its shortest form. Below 10^8,
    a number with at most six decimals loses only noise. From 8 on, two doubles are further apart
    than the 15th decimal. Below 8, a shortest form of up to 15 decimals is written in full.
    """
    limits = [(min(axis), max(axis)) for axis in axes]
    if all(low > -1000 and high < 1000 for low, high in limits):
        if any(low < 8 and high > -8 for low, high in limits):
            return _long_or_runs
        return _runs
    if all(low > -1e8 and high < 1e8 for low, high in limits):
        return _matches(_SEVEN_DECIMALS)
    return _matches(_NUMBER)


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], Spans]:
    return lambda text: [match.span() for match in pattern.finditer(text)]


def _runs(text: bytes) -> Spans:
    """Numbers with four 0s or four 9s in a row. Few have them, and only these are examined."""
    spans = set()
    for run in (b"0000", b"9999"):
        position = text.find(run)
        while position >= 0:
            start = max(text.rfind(b",", 0, position), text.rfind(b"[", 0, position)) + 1
            ends = (text.find(b",", position), text.find(b"]", position))
            end = min(end for end in ends if end >= 0)
            spans.add((start, end))
            position = text.find(run, end)
    return sorted(spans)


def _long_or_runs(text: bytes) -> Spans:
    return sorted({*_runs(text), *_matches(_SIXTEEN_DECIMALS)(text)})


def _read_back(texts: list[bytes], doubtful: Callable[[bytes], Spans]) -> list[bytes]:
    """The texts with each doubtful number as Python reads it from GDAL's output."""
    places = [doubtful(text) for text in texts]
    numbers = {
        text[start:end]: None
        for text, spans in zip(texts, places, strict=True)
        for start, end in spans
    }
    if not numbers:
        return texts
    values = [float(number) for number in numbers]
    if len(values) % 2:
        values.append(0.0)
    line = struct.pack(f"<BII{len(values)}d", 1, 2, len(values) // 2, *values)
    pairs = orjson.loads(OGRGeometry(memoryview(line)).json)["coordinates"]
    read = (orjson.dumps(value) for pair in pairs for value in pair)
    instead = dict(zip(numbers, read, strict=False))
    return [
        _replaced(text, spans, instead) if spans else text
        for text, spans in zip(texts, places, strict=True)
    ]


def _replaced(text: bytes, spans: Spans, instead: dict[bytes, bytes]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for start, end in spans:
        pieces += (text[position:start], instead[text[start:end]])
        position = end
    pieces.append(text[position:])
    return b"".join(pieces)


def _is_foreign(text: bytes) -> bool:
    """Whether Python writes a number in it differently: very small or large ones, and NaN."""
    # Searching for one letter is many times faster than searching for a word.
    if b"e" in text or b"n" in text:
        return True
    return b"0.0000" in text and any(sign + b"0.0000" in text for sign in (b"[", b",", b"-"))


def _rounded(value: tuple[Any, ...] | list[Any] | float, precision: int) -> list[Any] | float:
    if isinstance(value, (tuple, list)):
        return [_rounded(item, precision) for item in value]
    return round(value, precision)


def _outer(shape: _Shape, axis: list[float]) -> list[float]:
    """The values of an axis without those of holes, which GEOS leaves out of an extent."""
    if shape.kind not in (3, 6):
        return axis
    outer: list[float] = []
    start = 0
    for shell, *holes in [shape.counts] if shape.kind == 3 else shape.counts:
        outer += axis[start : start + shell]
        start += shell + sum(holes)
    return outer


def _extent(xs: list[float], ys: list[float]) -> tuple[float, ...]:
    """xmin, ymin, xmax, ymax"""
    return (min(xs), min(ys), max(xs), max(ys))
