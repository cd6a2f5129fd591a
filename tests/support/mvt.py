"""Reads vector tiles: https://github.com/mapbox/vector-tile-spec/tree/master/2.1."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TYPES = {1: "Point", 2: "LineString", 3: "Polygon"}


@dataclass
class Feature:
    id: int | None
    type: str
    properties: dict[str, Any]
    points: list[tuple[float, float]]  # in units of the tile, with all parts in one list


def layers(tile: bytes) -> dict[str, list[Feature]]:
    """The features of each layer."""
    return dict(_layer(value) for field, value in _fields(tile) if field == 3)


def lonlat(point: tuple[float, float], z: int, x: int, y: int) -> tuple[float, float]:
    """The degrees of a point in units of a tile with 4096 units."""
    across, down = (x + point[0] / 4096) / 2**z, (y + point[1] / 4096) / 2**z
    return across * 360 - 180, math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * down))))


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    """z, x, and y of the tile that contains this point."""
    down = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * 2**z), int(down * 2**z)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        size = {1: 8, 5: 4}.get(tag & 7)
        if tag & 7 == 0:
            value, at = _varint(data, at)
        else:
            if size is None:
                size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def _layer(data: bytes) -> tuple[str, list[Feature]]:
    fields = list(_fields(data))
    name = next(value for field, value in fields if field == 1).decode()
    keys = [value.decode() for field, value in fields if field == 3]
    values = [_value(*next(_fields(value))) for field, value in fields if field == 4]
    return name, [_feature(value, keys, values) for field, value in fields if field == 2]


def _value(field: int, value: Any) -> Any:
    if field == 1:
        return value.decode()
    if field in (2, 3):
        return struct.unpack("<f" if field == 2 else "<d", value)[0]
    if field == 6:
        return _signed(value)
    return bool(value) if field == 7 else value


def _signed(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _integers(data: bytes) -> list[int]:
    integers, at = [], 0
    while at < len(data):
        number, at = _varint(data, at)
        integers.append(number)
    return integers


def _feature(data: bytes, keys: list[str], values: list[Any]) -> Feature:
    fields = dict(_fields(data))
    tags = _integers(fields.get(2, b""))
    properties = {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
    commands, points, place, at = _integers(fields[4]), [], (0, 0), 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        for _ in range(0 if command == 7 else count):
            place = (place[0] + _signed(commands[at]), place[1] + _signed(commands[at + 1]))
            points.append(place)
            at += 2
    return Feature(fields.get(1), TYPES[fields[3]], properties, points)
