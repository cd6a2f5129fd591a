"""What a team says about its tables in ``metadata.yml``: titles, licenses, and what to hide.

::

    title: Open data of the city
    license: ODC-By 1.0
    source: https://example.org/data
    timezone: America/Los_Angeles   # of timestamps without time zone
    tables:
      crashes:                      # or schema.table, or a function
        title: Reported crashes
        description: Since 2015, without names.
        hidden: [severity]          # columns
        login: true                 # only for logged-in users
        serve: true                 # false leaves the table out
        srid: {Shape: 2913}         # of columns that declare none
"""

from __future__ import annotations

import difflib
import reprlib
import zoneinfo
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from backend.conf.errors import StartupError
from backend.tables.catalog import Catalog, Relation

KINDS: dict[str, type] = {
    **dict.fromkeys(("title", "description", "license", "source", "timezone"), str),
    "hidden": list,
    **dict.fromkeys(("serve", "login"), bool),
    "srid": dict,
}
OF_ALL = ("title", "license", "source", "timezone", "tables")


@dataclass(frozen=True)
class TableMetadata:
    """What it says about one table.

    ``license``, ``source``, and ``timezone`` are those of all tables, if it has none of its own.
    """

    title: str = ""
    description: str = ""
    license: str = ""
    source: str = ""
    timezone: str = ""
    hidden: frozenset[str] = frozenset()
    serve: bool = True
    login: bool = False
    srid: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    """The content of the file. Empty if there is none."""

    file: Path | None = None
    title: str = ""
    tables: Mapping[str, TableMetadata] = field(default_factory=dict)
    others: TableMetadata = field(default_factory=TableMetadata)

    def of(self, relation: Relation) -> TableMetadata:
        """What it says about a relation, which it can name with its schema."""
        qualified = f"{relation.schema}.{relation.name}"
        return self.tables.get(qualified) or self.tables.get(relation.name) or self.others

    def check(self, catalogs: Collection[Catalog]) -> None:
        """Raises StartupError for a table, a function, or a column that does not exist."""
        relations = [function.rows for catalog in catalogs for function in catalog.functions]
        relations += [relation for catalog in catalogs for relation in catalog.relations]
        known = {name: r for r in relations for name in (r.name, f"{r.schema}.{r.name}")}
        for name, table in self.tables.items():
            if name not in known:
                raise self._error(f"there is no table {name!r}", name, known)
            columns = {*(each.name for each in known[name].columns), *known[name].unreadable}
            for column in (*table.hidden, *table.srid):
                if column not in columns:
                    raise self._error(f"{name} has no column {column!r}", column, columns)

    def _error(self, problem: str, name: str, known: Collection[str]) -> StartupError:
        close = difflib.get_close_matches(name, known)
        names = close or sorted(known)
        return StartupError(
            f"{self.file}: {problem}.",
            f"Did you mean {' or '.join(names)}?" if close else f"Choose from: {', '.join(names)}.",
        )


def read(file: Path | None) -> Metadata:
    """Read the file. Raises StartupError with the file, the line or the key, and the fix."""
    if file is None:
        return Metadata()
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartupError(
            f"{file} cannot be read: {error.strerror}.",
            "Correct PUBLISH_METADATA, or mount the file there.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}, line {mark.line + 1}" if mark else str(file)
        reason = getattr(error, "problem", None) or "it is not text in UTF-8"
        raise StartupError(f"{place}: {reason}.", "Correct the YAML of the file.") from error
    content = _mapping(file, "the file", {} if content is None else content)
    _check_names(file, "the file", content, OF_ALL)
    common: dict[str, Any] = {
        name: _text(file, name, content[name]) for name in OF_ALL[:-1] if name in content
    }
    _check_timezone(file, "the file", common)
    title = common.pop("title", "")
    tables = _mapping(file, "tables", content.get("tables") or {})
    return Metadata(
        file,
        title,
        {str(name): _table(file, str(name), table, common) for name, table in tables.items()},
        TableMetadata(**common),
    )


def _table(file: Path, name: str, given: Any, common: Mapping[str, str]) -> TableMetadata:
    content = _mapping(file, name, given or {})
    _check_names(file, name, content, KINDS)
    for key, value in content.items():
        if not isinstance(value, KINDS[key]):
            raise StartupError(
                f"{file}: {key} of {name} is {_short(value)}.",
                f"Write {_example(key)}",
            )
    _check_timezone(file, name, content)
    values: dict[str, Any] = {**common, **content}
    values["hidden"] = frozenset(map(str, content.get("hidden", ())))
    for column, srid in content.get("srid", {}).items():
        if not isinstance(srid, int) or srid <= 0:
            raise StartupError(
                f"{file}: srid of {name} has {_short(srid)} for {column}.",
                "Write the number of a spatial reference system: srid: {Shape: 2913}",
            )
    return TableMetadata(**values)


def _check_timezone(file: Path, what: str, content: Mapping[str, Any]) -> None:
    name = content.get("timezone", "UTC")
    if name not in zoneinfo.available_timezones():
        close = difflib.get_close_matches(name, zoneinfo.available_timezones())
        raise StartupError(
            f"{file}: timezone of {what} is {name!r}, which is no time zone.",
            f"Did you mean {close[0]}?" if close else "Write a name: America/Los_Angeles",
        )


def _example(key: str) -> str:
    examples = {list: "[column, column]", bool: "true or false", dict: "{Shape: 2913}", str: "text"}
    return f"{key}: {examples[KINDS[key]]}"


def _short(value: Any) -> str:
    """Its beginning: a few lines of YAML can name a billion values."""
    return reprlib.repr(value)[:100]


def _mapping(file: Path, what: str, value: Any) -> dict[Any, Any]:
    if isinstance(value, dict):
        return value
    raise StartupError(
        f"{file}: {what} is {_short(value)}, not a mapping.",
        "Write names and values: title: Crashes",
    )


def _check_names(file: Path, what: str, content: Mapping[Any, Any], known: Collection[str]) -> None:
    for name in content:
        if name not in known:
            close = difflib.get_close_matches(str(name), known)
            raise StartupError(
                f"{file}: {what} has {name!r}, which means nothing.",
                f"Did you mean {close[0]}?" if close else f"Choose from: {', '.join(known)}.",
            )


def _text(file: Path, name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    raise StartupError(f"{file}: {name} is {_short(value)}, not text.", f"Write {name}: text")
