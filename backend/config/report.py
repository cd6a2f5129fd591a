"""The report of ``manage.py config``: every setting, variable and server setting in force."""

from __future__ import annotations

import json
import os
import pprint
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections

from backend import __version__
from backend.conf import places
from backend.conf.environment import Environment
from backend.conf.masking import MASK, Masker, for_process
from backend.conf.variables import TABLE, database_url, is_of_the_table
from backend.config import server
from backend.config.origins import DjangoTracer, Origin, of_variable

# The Dockerfile itself sets these, so they are not the choice of whoever runs the image.
OF_THE_IMAGE = {"DATA_DIR": "/data"}
SECTIONS = {
    "settings": "Django's settings",
    "environment": "Environment variables",
    "gunicorn": "gunicorn's settings",
}


@dataclass(frozen=True)
class Entry:
    """The masked value of a name, its origins, and whether it differs from a plain image's."""

    value: Any
    origins: tuple[Origin, ...]
    changed: bool = False


Report = dict[str, dict[str, Entry]]


def collect(env: Environment) -> Report:
    """Every entry by section and name, compared with an image without any configuration."""
    masker = for_process(env, _django_settings())
    report = entries(env, masker)
    plain = _of_a_plain_image()
    return {
        section: {
            name: Entry(
                entry.value, entry.origins, _differs(entry, plain[section].get(name, "absent"))
            )
            for name, entry in section_entries.items()
        }
        for section, section_entries in report.items()
    }


def entries(env: Environment, masker: Masker, command: list[str] | None = None) -> Report:
    """The same without the comparison. ``command`` is the server's flags; None reads them."""
    tracer = DjangoTracer(env)
    return {
        "settings": {
            name: Entry(masker.plain(value, name), tracer.origins(name, value))
            for name, value in _django_settings().items()
        },
        "environment": _variables(env, masker),
        "gunicorn": {
            name: Entry(masker.plain(value, name), origins)
            for name, (value, origins) in server.settings(env, command).items()
        },
    }


def _django_settings() -> dict[str, Any]:
    """The names in the settings module, not every setting that Django has."""
    connections.settings  # noqa: B018  puts Django's own defaults into DATABASES
    module = sys.modules[settings.SETTINGS_MODULE]
    return {name: getattr(settings, name) for name in sorted(vars(module)) if name.isupper()}


def _variables(env: Environment, masker: Masker) -> dict[str, Entry]:
    urls = {name: database_url(name) for name in env.database_urls().values()}
    section_entries = {}
    for name, variable in {**TABLE, **urls}.items():
        origin = of_variable(env, name)
        if variable.kind == "database URL":
            value = _address(env.database(name)) if origin else None
        elif variable.secret:
            value = MASK if origin else None
        else:
            value = masker.plain(env[name], name)
        section_entries[name] = Entry(masker.plain(value), (origin or Origin("unset"),))
    return section_entries


def _address(database: dict[str, Any]) -> str:
    """A database URL with a masked password, and without options, which DATABASES shows."""
    user = f"{database.get('USER')}:{MASK}@" if database.get("USER") else ""
    port = f":{database['PORT']}" if database.get("PORT") else ""
    return f"postgis://{user}{database.get('HOST') or ''}{port}/{database['NAME']}"


def _differs(entry: Entry, plain: Any) -> bool:
    if all(origin.default for origin in entry.origins):
        return False
    return entry.value != plain or MASK in json.dumps(entry.value)


def _of_a_plain_image() -> dict[str, dict[str, Any]]:
    """Masked values by section and name, from a process without variables and overrides."""
    env = {
        name: value
        for name, value in os.environ.items()
        if name != "GUNICORN_CMD_ARGS" and not is_of_the_table(name.removesuffix("_FILE"))
    }
    kept = {name: value for name, value in OF_THE_IMAGE.items() if os.environ.get(name) == value}
    done = subprocess.run(
        [sys.executable, "-m", "backend.config.plain"],
        cwd=places.CODE,
        env={**env, **kept},
        capture_output=True,
        text=True,
        check=True,
    )
    plain: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return plain


def as_text(report: Report, changed: bool) -> str:
    """For people. ``changed`` shows only entries that differ from those of a plain image."""
    lines = [f"# image {__version__}"]
    for section, section_entries in report.items():
        shown = {
            name: entry for name, entry in section_entries.items() if entry.changed or not changed
        }
        lines += ["", f"# --- {SECTIONS[section]}"]
        for name, entry in shown.items():
            value = pprint.pformat(entry.value, width=96, sort_dicts=False)
            lines += [f"{name} = {value}", *(f"    # {origin}" for origin in entry.origins)]
        if not shown:
            lines.append("# nothing differs from the image's defaults")
    return "\n".join(lines)


def as_json(report: Report, changed: bool) -> str:
    """For programs: section, name, and then ``value``, ``origins``, and ``changed``."""
    document = {
        section: {
            name: {
                "value": entry.value,
                "origins": [origin.document() for origin in entry.origins],
                "changed": entry.changed,
            }
            for name, entry in section_entries.items()
            if entry.changed or not changed
        }
        for section, section_entries in report.items()
    }
    return json.dumps({"image": __version__, **document}, indent=2)
