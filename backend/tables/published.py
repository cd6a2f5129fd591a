"""The app of PUBLISH_SCHEMAS: written before Django loads its applications, then imported.

It is the same code that ``manage.py inspectapi`` writes into a project. Each start writes it into a
folder that is named for its content, so that containers can share the data folder, and a running
server keeps the code that it began with.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from backend.conf.errors import StartupError
from backend.conf.places import PUBLISHED
from backend.conf.variables import TABLE

APP = "published"
FACTS, MODELS = "facts.json", "models.py"
WITHOUT_ACCOUNTS = "backend.tables.published.WithoutAccounts"  # a router, below
KEPT = 5  # folders of earlier starts, which other containers can still be using
# A schema, and the alias of its database. Quotes allow commas and colons in a name.
ONE = re.compile(
    r'\s*(?:(?P<alias>\w+)\s*:)?\s*(?:"(?P<quoted>(?:[^"]|"")+)"\s*|(?P<plain>[^",:]+))'
)


@dataclass(frozen=True)
class Published:
    """The folder of an app that is written, and what the start found out."""

    folder: Path
    has_accounts: bool  # whether the role can create Django's own tables
    title: str  # of the API, if PROJECT_NAME does not give one

    def models(self) -> str:
        """The code of its models."""
        return (self.folder / APP / MODELS).read_text(encoding="utf-8")


def requested(text: str, variable: str = "PUBLISH_SCHEMAS") -> dict[str, list[str]]:
    """The names for each database in a variable: ``public,census:"Blocks, 2020"``.

    Raises StartupError.
    """
    schemas: dict[str, list[str]] = {}
    position = 0
    while position < len(text):
        match = ONE.match(text, position)
        if match is None or text[match.end() : match.end() + 1] not in ("", ","):
            raise StartupError(
                f"{variable}: cannot read {text[position:]!r}.",
                "Separate names by commas, and write ALIAS:NAME for another database. Put "
                'names with commas, colons, or quotes in quotes: "Blocks, 2020".',
            )
        name = (match["plain"] or "").strip() or match["quoted"].replace('""', '"')
        of_alias = schemas.setdefault(match["alias"] or DEFAULT_DB_ALIAS, [])
        if name not in of_alias:
            of_alias.append(name)
        position = match.end() + 1
    return schemas


def write(files: Mapping[str, str], given: Mapping[str, Any], data: Path) -> Published:
    """Write the app, in one step. Raises StartupError if no folder can be written."""
    facts = json.dumps(given)
    digest = hashlib.sha256(json.dumps([files, facts], sort_keys=True).encode()).hexdigest()[:16]
    for parent in _parents(data):
        folder = parent / digest
        try:
            parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            if parent.parent != data and not _is_own(parent):
                raise PermissionError(errno.EPERM, "it belongs to someone else")
            if not folder.exists():
                _fill(folder, files, facts)
            folder.touch()
            _remove_old(parent)
        except OSError as error:
            problem = error
            continue
        return Published(folder, **given)
    raise StartupError(
        f"PUBLISH_SCHEMAS: the code of the API cannot be written to {folder}: {problem.strerror}.",
        f"Mount a volume at {data}, or a tmpfs at /tmp.",
    )


def find(data: Path) -> Published | None:
    """The app of this start, or of the newest one. None before the first."""
    # A command of `docker exec` does not have the variable.
    named = os.environ.get(PUBLISHED)
    folders = [Path(named)] if named else []
    if not named:
        for parent in (data / APP, *_temporary()):
            if parent.is_dir() and os.access(parent, os.R_OK | os.X_OK):
                folders += [each for each in parent.iterdir() if (each / FACTS).is_file()]
    if not folders:
        return None
    folder = max(folders, key=lambda each: each.stat().st_mtime)
    return Published(folder, **json.loads((folder / FACTS).read_text(encoding="utf-8")))


def changes(published: Published, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the app needs, on top of those in force."""
    if (path := str(published.folder)) not in sys.path:
        sys.path.insert(0, path)
    apps = [
        app for app in ("django.contrib.postgres", APP) if app not in settings["INSTALLED_APPS"]
    ]
    made: dict[str, Any] = {"INSTALLED_APPS": [*settings["INSTALLED_APPS"], *apps]}
    if published.title and settings["PROJECT_NAME"] == TABLE["PROJECT_NAME"].default:
        made["PROJECT_NAME"] = published.title
    if not published.has_accounts:
        made |= {
            "DATABASE_ROUTERS": [WITHOUT_ACCOUNTS, *settings["DATABASE_ROUTERS"]],
            "SERVE_ADMIN": False,
            "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
            "REST_FRAMEWORK": {
                **settings["REST_FRAMEWORK"],
                "DEFAULT_AUTHENTICATION_CLASSES": [],
            },
            "SWAGGER_SETTINGS": {
                **settings["SWAGGER_SETTINGS"],
                "SECURITY_DEFINITIONS": None,
                "LOGIN_URL": None,
                "LOGOUT_URL": None,
            },
        }
    return made


class WithoutAccounts:
    """A router for a role that cannot create Django's own tables, such as those of users."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == DEFAULT_DB_ALIAS else None


def _parents(data: Path) -> list[Path]:
    # Read-only containers can have only a temporary folder.
    return [data / APP, Path(tempfile.gettempdir()) / f"{APP}-{os.geteuid()}"]


def _temporary() -> list[Path]:
    """The temporary folders of this user, or of any user if this is root, as in `docker exec`."""
    user = os.geteuid()
    found = Path(tempfile.gettempdir()).glob(f"{APP}-{user or '*'}")
    return [each for each in found if _is_own(each)]


def _is_own(folder: Path) -> bool:
    """Whether the user in the name of a temporary folder made it. Anyone can write beside it."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and folder.name == f"{APP}-{status.st_uid}"


def _fill(folder: Path, files: Mapping[str, str], facts: str) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as new:
        app = Path(new) / APP
        app.mkdir(mode=0o755)
        for name, text in files.items():
            (app / name).write_text(text, encoding="utf-8")
        (Path(new) / FACTS).write_text(facts, encoding="utf-8")
        Path(new).chmod(0o755)
        try:
            Path(new).rename(folder)
        except OSError:
            if not folder.exists():  # another container has written the same
                raise


def _remove_old(parent: Path) -> None:
    folders = sorted(parent.iterdir(), key=lambda each: each.stat().st_mtime)
    for old in folders[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def difference(old: str, new: str) -> list[str]:
    """What was added to and removed from the code of models: ``Crashes: removed severity``."""
    before, after = _fields(old), _fields(new)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after or name not in before:
            lines.append(f"{'added' if name in after else 'removed'} {name}")
            continue
        gone = [field for field in before[name] if before[name][field] != after[name].get(field)]
        came = [field for field in after[name] if after[name][field] != before[name].get(field)]
        both = [field for field in gone if field in came]
        words = (
            ("removed", [field for field in gone if field not in both]),
            ("added", [field for field in came if field not in both]),
            ("changed", both),
        )
        changes = [f"{word} {', '.join(fields)}" for word, fields in words if fields]
        if changes:
            lines.append(f"{name}: {'; '.join(changes)}")
    return lines


def _fields(models: str) -> dict[str, dict[str, str]]:
    """The fields of each model with their code."""
    return {
        model.name: {
            ast.unparse(each.targets[0]): ast.unparse(each.value)
            for each in model.body
            if isinstance(each, ast.Assign)
        }
        for model in ast.parse(models).body
        if isinstance(model, ast.ClassDef)
    }
