"""Where a setting comes from: the image, a variable, a file, the secret store, the team's code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings

from backend.conf import overrides, places, source
from backend.conf.environment import Environment

OURS = "backend.hacko_settings"
# Settings from functions that get the whole environment, and the variables that they read.
# A test compares this with the statements in hacko_settings.py.
FROM_WHOLE_ENVIRONMENT = {
    "DATABASES": (
        *("DATABASE_URL", "POSTGRES_NAME", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"),
        *("POSTGRES_HOST", "POSTGRES_PORT"),
    ),
}
# The settings that backend/conf/required.py completes after the team's, and their variables.
COMPLETED_FROM = {
    "DATABASES": ("CONN_MAX_AGE",),
    "REST_FRAMEWORK": ("BEHIND_PROXY", "BASIC_AUTH"),
    "STATIC_URL": ("PATH_PREFIX",),
}

# Expressions with which a team's settings read the environment.
READERS = ("os.environ", "environ", "os.getenv", "getenv")


@dataclass(frozen=True)
class Origin:
    """One source of a value.

    ``kind`` is ``default`` (the image's own file and line), ``environment``, ``.env``, ``file``
    (of NAME_FILE), ``secret store``, ``override`` (the team's file and line), ``completed`` (by
    the image, after the team), ``derived`` (from another setting, whose origins follow),
    ``generated``, ``flag`` (of gunicorn), ``gunicorn`` (its default), or ``unset`` (a variable).
    """

    kind: str
    variable: str | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else str(self.file)
        match self.kind:
            case "environment":
                return f"environment variable {self.variable}"
            case ".env":
                return f"{self.variable} in .env"
            case "file":
                return f"file {self.file}, which {self.variable}_FILE names"
            case "secret store":
                return f"{self.variable} in the secret store {self.file}"
            case "override":
                return f"override: {place}"
            case "completed":
                return f"completed by the image: {place}"
            case "derived":
                return f"derived from the setting {self.variable}"
            case "generated":
                return f"generated, kept in {self.file} by a server"
            case "flag":
                return f"flag {self.variable} of the server's command"
            case "gunicorn":
                return "gunicorn's default"
            case "unset":
                return "not set"
        unset = f" ({self.variable} is not set)" if self.variable else ""
        return f"default: {place}{unset}"

    @property
    def default(self) -> bool:
        kinds = ("default", "completed", "derived", "generated", "gunicorn", "unset")
        return self.kind in kinds

    def document(self) -> dict[str, Any]:
        """For JSON, without the members that do not apply."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def of_variable(env: Environment, name: str) -> Origin | None:
    """Where a variable's value was read, or None if it is not set."""
    match env.source(name):
        case None:
            return None
        case (("environment" | ".env") as kind, _):
            return Origin(kind, name)
        case (kind, place):
            return Origin(kind, name, place)


class Tracer:
    """Finds the origins of the names of one configuration: Django's settings, or gunicorn's."""

    def __init__(self, env: Environment, ours: Sequence[Path], team: ModuleType | None) -> None:
        self.env = env
        self.ours = ours  # the file that wins is first
        self.team = team

    def origins(self, name: str, value: Any) -> tuple[Origin, ...]:
        """The origins of ``name``, whose final value is ``value``. The one that wins is first."""
        if self.team is None or not hasattr(self.team, name):
            return _unique(self._ours(name))
        given = getattr(self.team, name)
        origins = list(self._in_module(self.team, name, given, set()))
        if not origins:
            # Set by globals() or exec, so there is no statement to name.
            origins = [Origin("override", file=self.team.__file__)]
        if given is not value and given != value:
            origins = [*self._completed(name), *origins]
        return _unique(origins)

    def _in_module(
        self, module: ModuleType, name: str, value: Any, seen: set[str]
    ) -> Iterator[Origin]:
        file = Path(module.__file__ or "")
        if module.__name__ in seen or file.suffix != ".py":
            return
        seen = {*seen, module.__name__}
        origins: list[Origin] = []
        extended = False
        for binding in reversed(source.of(file, name)):
            if binding.module:
                imported = self._imported(module, binding, name, seen)
                if imported is None:
                    continue
                origins += imported or [Origin("override", file=str(file), line=binding.line)]
            elif not extended and binding.contradicts(value):
                continue
            else:
                extended = extended or binding.extends
                origins.append(Origin("override", file=str(file), line=binding.line))
                origins += self._read_by_the_team(binding)
            if binding.certain and not binding.extends:
                break
        yield from origins

    def _imported(
        self, module: ModuleType, binding: source.Binding, name: str, seen: set[str]
    ) -> list[Origin] | None:
        """The origins in the imported module, or None if it does not have the name."""
        package = module.__name__.rpartition(".")[0]
        dotted = importlib.util.resolve_name(binding.module, package)
        other = sys.modules.get(dotted)
        there = name if binding.imported == "*" else binding.imported
        if other is None or not hasattr(other, there):
            return None
        if binding.imported == "*" and there not in getattr(other, "__all__", dir(other)):
            return None
        if dotted in (OURS, settings.SETTINGS_MODULE):
            # By now, these modules also contain the team's own names.
            return list(self._ours(there)) if self._given(there)[1] else None
        return list(self._in_module(other, there, getattr(other, there), seen))

    def _read_by_the_team(self, binding: source.Binding) -> Iterator[Origin]:
        """The variables that a statement of the team reads directly."""
        for expression in binding.expressions:
            for name in sorted(source.read_by_key(expression, *READERS)):
                if origin := of_variable(self.env, name):
                    yield origin

    def _ours(self, name: str) -> Iterator[Origin]:
        file, bindings = self._given(name)
        if name == "SECRET_KEY" and self.env.source("DJANGO_SECRET_KEY") is None:
            yield Origin("generated", file=str(getattr(settings, "SECRET_KEY_FILE", "")))
            return
        if not bindings:
            yield from self._completed(name)
            return
        variables = self._variables(name, set())
        read = [of_variable(self.env, variable) for variable in variables]
        yield from filter(None, read)
        unset = variables[0] if len(variables) == 1 and not any(read) else None
        if not any(read):
            yield Origin("default", unset, str(file), bindings[-1].line)

    def _given(self, name: str) -> tuple[Path | None, list[source.Binding]]:
        """Our file that sets ``name``, and the statements that set it."""
        for file in self.ours:
            if bindings := [each for each in source.of(file, name) if not each.module]:
                return file, bindings
        return None, []

    def _variables(self, name: str, seen: set[str]) -> list[str]:
        """The variables of the table from which our statements compute ``name``."""
        if name in seen:
            return []
        seen.add(name)
        variables = list(COMPLETED_FROM.get(name, ()))
        if name in FROM_WHOLE_ENVIRONMENT:
            urls = self.env.database_urls().values() if name == "DATABASES" else ()
            whole = [*FROM_WHOLE_ENVIRONMENT[name], *urls]
            if any(map(self.env.source, whole)):
                return [*whole, *variables]
        for binding in self._given(name)[1]:
            for expression in binding.expressions:
                variables += sorted(source.read_by_key(expression, "_env"))
                for other in sorted(source.names_in(expression)):
                    variables += self._variables(other, seen)
        return list(dict.fromkeys(variables))

    def _completed(self, name: str) -> Iterator[Origin]:
        for variable in COMPLETED_FROM.get(name, ()):
            if origin := of_variable(self.env, variable):
                yield origin
        yield Origin("completed", file=str(places.CODE / "backend/conf/required.py"))


class DjangoTracer(Tracer):
    """For Django's settings, including those that are derived from others."""

    def __init__(self, env: Environment) -> None:
        if OURS not in sys.modules:  # a project with its own settings
            super().__init__(env, [], sys.modules[settings.SETTINGS_MODULE])
            self.sources = {}
            return
        location = overrides.find("settings")
        ours = [places.CODE / "backend" / name for name in ("hacko_settings.py", "settings.py")]
        super().__init__(env, ours, sys.modules.get(location[0]) if location else None)
        self.sources = sys.modules[OURS]._derived.sources

    def origins(self, name: str, value: Any) -> tuple[Origin, ...]:
        if name not in self.sources:
            return super().origins(name, value)
        # A team's file has the value from before the image computed it again.
        origins = list(super().origins(name, getattr(self.team, name, value)))
        for other in self.sources[name]:
            if hasattr(settings, other):
                origins.append(Origin("derived", other))
                origins += self.origins(other, getattr(settings, other))
        return _unique(origins)


def _unique(origins: Iterator[Origin] | list[Origin]) -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(origins))
