"""Checks that contestants do the same work, before their times are measured."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

from bench import cases, contestants, measure
from bench.cases import Case, Runner
from bench.lab import Lab, LabError, docker

MARGIN = 256  # the widest buffer around a tile of any contestant, of 4096
# In our image, the link to the next page contains the key at which that page begins, and a count
# can be an estimate.
OURS = re.compile(rb'"(next|previous)":("[^"]*"|null)|"count_estimated":true,')


class RefusedError(Exception):
    """The contestants of a case do not do the same work. The message says which one, and why."""


def check(lab: Lab, case: Case) -> dict[str, float]:
    """The seconds of each runner's response, infinite above the bound. Raises RefusedError."""
    answers = {
        runner.name: _answer(lab, case, runner)
        for runner in case.runners
        if runner.contestant != "raw"
    }
    bodies = {name: bytes.fromhex(answers[name].get("body", "")) for name in answers}
    if len({OURS.sub(b"", bodies[name]) for name in case.identical}) > 1:
        sizes = ", ".join(f"{name} {len(bodies[name])} bytes" for name in case.identical)
        raise RefusedError(f"the bodies are not the same: {sizes}")
    if case.check in CHECKS:
        CHECKS[case.check](lab, case, bodies)
    elif case.check == "count":
        for name, answer in answers.items():
            _equal(name, answer["features"], cases.FEATURES[case.name], answer["finished"])
    _check_raw(lab, case)
    return {
        name: answer["seconds"] if answer["finished"] else math.inf
        for name, answer in answers.items()
    }


def _answer(lab: Lab, case: Case, runner: Runner) -> dict:
    keep = "get" if case.check == "count" else "save"
    answer = lab.client(keep, measure.url(lab, runner), str(case.bound), runner.accept)
    if answer["status"] not in (0, 200) or "error" in answer:
        text = bytes.fromhex(answer.get("body", ""))[:200].decode(errors="replace")
        error = answer.get("error", "")
        raise RefusedError(
            f"{runner.title}: {runner.path} returned {answer['status']} {error} {text}"
        )
    if not answer["finished"]:
        contestants.restart(lab, runner.contestant)
    if not answer["finished"] and case.check != "count":
        raise RefusedError(f"{runner.title}: no response within {case.bound} s")
    return answer


def _equal(name: str, actual: object, expected: object, finished: bool = True) -> None:
    if finished and actual != expected:
        raise RefusedError(f"{name} returned {actual}, not {expected}")


def _features(lab: Lab, case: Case, bodies: dict[str, bytes]) -> None:
    """The same features with the same number of positions."""
    seen = {}
    for name, body in bodies.items():
        document = json.loads(body)
        features = document.get("results", document)["features"]
        _equal(name, len(features), cases.FEATURES[case.name])
        positions = sum(_positions(feature["geometry"]["coordinates"]) for feature in features)
        seen[name] = (sorted(str(feature["id"]) for feature in features), positions)
    first = next(iter(seen))
    for name, what in seen.items():
        if what != seen[first]:
            raise RefusedError(f"{name} and {first} return different features")


def _positions(coordinates: list) -> int:
    if isinstance(coordinates[0], (int, float)):
        return 1
    return sum(map(_positions, coordinates))


def _rows(lab: Lab, case: Case, bodies: dict[str, bytes]) -> None:
    for name, body in bodies.items():
        _equal(name, len(json.loads(body)["results"]), 10)


def _tile(lab: Lab, case: Case, bodies: dict[str, bytes]) -> None:
    """A tile has at least its own features, and at most those in the widest buffer around it."""
    table, (z, x, y) = cases.TILES[case.name]
    count = (
        "SELECT count(*) FROM {} WHERE "
        "ST_Intersects(geom, ST_Transform(ST_TileEnvelope({}, {}, {}{}), 4326))"
    )
    least = int(lab.psql(count.format(table, z, x, y, "")))
    most = int(lab.psql(count.format(table, z, x, y, f", margin => {MARGIN}.0 / 4096")))
    for name, body in bodies.items():
        drawn = mvt_features(body)
        if not least <= drawn <= most:
            raise RefusedError(f"{name} has {drawn} features in its tile, not {least} to {most}")


CHECKS: dict[str, Callable[[Lab, Case, dict[str, bytes]], None]] = {
    "features": _features,
    "rows": _rows,
    "tile": _tile,
}


def mvt_features(tile: bytes) -> int:
    """The features in all layers: https://github.com/mapbox/vector-tile-spec/tree/master/2.1"""
    layers = [value for key, value in _fields(tile) if key == 3]
    return sum(key == 2 for layer in layers for key, _ in _fields(layer))


def _fields(message: bytes) -> list[tuple[int, bytes]]:
    """The number and content of each protobuf field that has a length. Skips numbers."""
    fields, at = [], 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == 2:
            fields.append((tag >> 3, message[at : at + value]))
            at += value
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def _check_raw(lab: Lab, case: Case) -> None:
    runner = next((runner for runner in case.runners if runner.contestant == "raw"), None)
    if runner is None:
        return
    if case.kind == "download":
        done = json.loads(docker("exec", f"{lab.name}-raw", "copy", f"/sql/{runner.path}"))
        _equal(runner.name, done["features"], cases.FEATURES[case.name])
        return
    answer = docker(
        *("exec", f"{lab.name}-raw", "psql", "--no-psqlrc", "--tuples-only", "--no-align"),
        *("--file", f"/sql/{runner.path}"),
    )
    if case.check == "features":
        features = json.loads(answer)["features"]
        _equal(runner.name, len(features), cases.FEATURES[case.name])
    elif case.check == "tile":
        _tile(lab, case, {runner.name: bytes.fromhex(answer.strip().removeprefix("\\x"))})
    elif not answer.strip():
        raise LabError(f"{runner.path} returns nothing")


def static_path(lab: Lab, name: str, file: str) -> str:
    """The path at which a Django contestant serves a static file."""
    code = (
        "import django; django.setup(); "
        "from django.contrib.staticfiles.storage import staticfiles_storage as s; "
        f"print(s.url('{file}'))"
    )
    return docker("exec", contestants.container(lab, name), "python", "-c", code).split()[-1]
