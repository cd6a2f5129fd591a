"""Rewrites and findings that need more than one file: packages, keys, migrations, routers."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TypeGuard

from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.upgrade.source import (
    Edit,
    Source,
    assignments,
    constant,
    keyword,
    meta,
    of_module,
)

Field = tuple[str, str, str]  # folder of the migrations, model, and field in lowercase
Place = tuple[str, int, str]  # path, line, full name of the field's class
SETTINGS = "local_settings/settings.py"
AUTO_FIELD = """
# The type of the primary keys in the migrations. The image's own default is BigAutoField.
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""


def keep_primary_keys(sources: Mapping[str, Source]) -> dict[str, list[Edit]]:
    """DEFAULT_AUTO_FIELD keeps the primary keys of the migrations"""
    settings = next((s for path, s in sources.items() if f"/{path}".endswith(f"/{SETTINGS}")), None)
    if settings is None or any(_sets_auto_field(source) for source in sources.values()):
        return {}
    keys = {
        source.dotted(node.func).rpartition(".")[2]
        for source in sources.values()
        if source.is_migration
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and constant(keyword(node, "auto_created")) is True
    }
    if keys != {"AutoField"}:
        return {}
    end = len(settings.text)
    gap = "" if settings.text.endswith("\n") else settings.newline
    return {settings.path: [Edit(end, end, gap + AUTO_FIELD.replace("\n", settings.newline))]}


def _sets_auto_field(source: Source) -> bool:
    names = {"DEFAULT_AUTO_FIELD", "default_auto_field"}
    return any(
        isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Store)
        for node in ast.walk(source.tree)
    )


def setup_packages(sources: Mapping[str, Source]) -> dict[str, list[Edit]]:
    """setup.py names the packages beside it, because its pattern matches none"""
    edits = {}
    for path, source in sources.items():
        for call, packages in _package_searches(source, sources):
            include = keyword(call, "include")
            if isinstance(include, (ast.List, ast.Tuple)) and not _matches_any(
                source, include, packages
            ):
                names = ", ".join(f'"{name}", "{name}.*"' for name in packages)
                edits[path] = [source.replace(include, f"[{names}]")]
    return edits


def _package_searches(
    source: Source, sources: Mapping[str, Source]
) -> Iterator[tuple[ast.Call, list[str]]]:
    """The calls of find_namespace_packages() in a setup.py, with the packages beside it."""
    if PurePosixPath(source.path).name != "setup.py":
        return
    here = PurePosixPath(source.path).parent
    packages = sorted(
        {
            PurePosixPath(path).relative_to(here).parts[0]
            for path in sources
            if PurePosixPath(path).is_relative_to(here)
            and len(PurePosixPath(path).relative_to(here).parts) > 1
        }
        - {"tests", "test", "docs", "scripts", "bin", "local_settings"}
    )
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and source.dotted(node.func).rpartition(".")[2] == "find_namespace_packages"
            and packages
        ):
            yield node, packages


def _matches_any(source: Source, include: ast.List | ast.Tuple, packages: list[str]) -> bool:
    patterns = [str(constant(item)) for item in include.elts]
    return any(fnmatch.fnmatchcase(name, each) for name in packages for each in patterns)


INCLUDES = {"django.urls.include", "django.conf.urls.include"}


def app_names(sources: Mapping[str, Source]) -> dict[str, list[Edit]]:
    """include() with a namespace has an app_name too, without which Django refuses it"""
    edits: dict[str, list[Edit]] = {}
    for path, source in sources.items():
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or source.dotted(node.func) not in INCLUDES:
                continue
            namespace, old = keyword(node, "namespace"), keyword(node, "app_name")
            name = constant(old) or constant(namespace)
            if len(node.args) != 1 or not isinstance(name, str):
                continue
            if _lacks_app_name(sources, source, node.args[0]):
                text = f"({source.segment(node.args[0])}, {json.dumps(name)})"
                edits.setdefault(path, []).append(source.replace(node.args[0], text))
                if old:
                    number = [each.arg for each in node.keywords].index("app_name")
                    listed: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
                    edits[path].append(source.without(listed, len(node.args) + number))
    return edits


def _lacks_app_name(sources: Mapping[str, Source], source: Source, urls: ast.expr) -> bool:
    """Whether it is certain that what include() gets has no name of an app."""
    module = constant(urls)
    if isinstance(module, str):
        file = f"/{module.replace('.', '/')}.py"
        found = [each for path, each in sources.items() if f"/{path}".endswith(file)]
        names = {name for each in found for name, _ in assignments(of_module(each.tree.body))}
        return bool(found) and "app_name" not in names
    if isinstance(urls, ast.Attribute):
        return urls.attr == "urls" and "router" in source.segment(urls.value).lower()
    if isinstance(urls, ast.Name):
        values = [each.value for name, each in assignments(source.tree.body) if name == urls.id]
        return bool(values) and isinstance(values[-1], ast.List)
    return isinstance(urls, ast.List)


# --- Findings ---------------------------------------------------------------------------


def missing_migrations(sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Apps with tables but without migrations, which the old entry point made at each start."""
    seen = set()
    files = [PurePosixPath(path) for path in sources]
    with_migrations = {file.parent for file in files if file.name != "__init__.py"}
    for path, source in sorted(sources.items()):
        folder = PurePosixPath(path).parent
        if source.is_migration or folder in seen:
            continue
        model = next((node for node in source.tree.body if _is_managed(node, source)), None)
        if model is None:
            continue
        seen.add(folder)
        app = folder.parent if folder.name == "models" else folder
        # A package inside an app belongs to that app, if it has no configuration of its own.
        apps = [app] if f"{app}/apps.py" in sources else [app, *app.parents]
        if not any(each / "migrations" in with_migrations for each in apps):
            yield Finding(
                PROBLEM,
                path,
                f"The model {model.name} needs a table, but the app '{app.name}' has no "
                "migrations. The image does not create migrations when it starts.",
                f"Run `python manage.py makemigrations {app.name}` once, and commit the new files. "
                "If the tables already exist, also run `python manage.py migrate "
                f"{app.name} --fake-initial` once.",
                model.lineno,
            )


def _is_managed(node: ast.stmt, source: Source) -> TypeGuard[ast.ClassDef]:
    if not isinstance(node, ast.ClassDef):
        return False
    options = meta(node)
    bases = {source.dotted(base) for base in node.bases}
    models = {"django.db.models.Model", "django.contrib.gis.db.models.Model"}
    return (
        bool(bases & models)
        and constant(options.get("managed")) is not False
        and constant(options.get("abstract")) is not True
    )


def retired_fields(sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Fields whose last class in the migrations is one that Django keeps only for history."""
    fields: dict[Field, Place] = {}
    for _, source in sorted(sources.items()):
        if source.is_migration:
            for operation in ast.walk(source.tree):
                if isinstance(operation, ast.Call) and isinstance(operation.func, ast.Attribute):
                    _follow(fields, source, operation, operation.func.attr)
    retired: dict[str, list[tuple[str, int, str]]] = {}
    for (folder, model, field), (path, line, name) in fields.items():
        kind = name.rpartition(".")[2]
        if kind == "NullBooleanField" or (kind == "JSONField" and "postgres" in name):
            retired.setdefault(folder, []).append((path, line, f"{model}.{field} ({kind})"))
    for folder, places in retired.items():
        app = PurePosixPath(folder).parent.name
        path, line, _ = min(places)
        yield Finding(
            PROBLEM,
            path,
            f"The migrations of {app} give fields a class that Django keeps only for old "
            f"migrations, and the models have a different one: {_some(places)}.",
            f"Run `python manage.py makemigrations {app}`, and commit the new file. It does not "
            "change the columns.",
            line,
        )


def _some(places: list[tuple[str, int, str]]) -> str:
    names = [name for *_, name in places]
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"


def _follow(fields: dict[Field, Place], source: Source, operation: ast.Call, kind: str) -> None:
    """Apply one operation of a migration to ``fields``."""
    folder = str(PurePosixPath(source.path).parent)

    def argument(name: str) -> str:
        return str(constant(keyword(operation, name))).lower()

    def put(model: str, field: str, node: ast.expr) -> None:
        name = source.dotted(node.func) if isinstance(node, ast.Call) else ""
        fields[folder, model, field] = (source.path, node.lineno, name)

    def move(old: tuple[str, str], new: tuple[str, str]) -> None:
        if place := fields.pop((folder, *old), None):
            fields[folder, *new] = place

    match kind:
        case "CreateModel":
            listed = keyword(operation, "fields")
            for pair in listed.elts if isinstance(listed, ast.List) else []:
                if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
                    put(argument("name"), str(constant(pair.elts[0])).lower(), pair.elts[1])
        case "AddField" | "AlterField":
            if node := keyword(operation, "field"):
                put(argument("model_name"), argument("name"), node)
        case "RemoveField":
            fields.pop((folder, argument("model_name"), argument("name")), None)
        case "RenameField":
            move(
                (argument("model_name"), argument("old_name")),
                (argument("model_name"), argument("new_name")),
            )
        case "DeleteModel" | "RenameModel":
            gone = argument("name") if kind == "DeleteModel" else argument("old_name")
            for _, model, field in [key for key in fields if key[:2] == (folder, gone)]:
                if kind == "RenameModel":
                    move((model, field), (argument("new_name"), field))
                else:
                    del fields[folder, model, field]


def same_basenames(sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Registrations with the same basename: an error in one router, perhaps hidden URLs in two."""
    models = _models_of_viewsets(sources)
    first: dict[str, dict[str, str]] = {}  # by basename and router
    taken = set(_basenames(sources, models))
    for path, source in sorted(sources.items()):
        calls = [n for n in ast.walk(source.tree) if isinstance(n, ast.Call)]
        for call in sorted(calls, key=lambda node: node.lineno):
            name = _basename(source, call, models)
            if name is None:
                continue
            places, router = first.setdefault(name, {}), _router(source, call)
            other = places.get(router) or next(iter(places.values()), "")
            if other:
                is_near = router in places or other.startswith(f"{path}, ")
                free = _free_basename(source, call, taken)
                taken.add(free)
                yield Finding(
                    PROBLEM if is_near else WARNING,
                    path,
                    f"{other} already uses the basename '{name}'. {ONE if is_near else TWO}",
                    f'Give one of them a different name: register(..., basename="{free}"). Use '
                    f"the new name in reverse() and in {{% url %}}: {free}-list, {free}-detail.",
                    call.lineno,
                )
            places.setdefault(router, f"{path}, line {call.lineno}")


ONE = "Within one router, this is an error. With two routers, one hides the URL names of the other."
TWO = "One router hides the URL names of the other, unless they have namespaces."


def _router(source: Source, call: ast.Call) -> str:
    """The router of a register(), with the file that creates it, if it is this one."""
    assert isinstance(call.func, ast.Attribute)
    name = source.segment(call.func.value)
    return f"{source.path}:{name}" if name in source.bound_otherwise else name


def _basenames(sources: Mapping[str, Source], models: Mapping[str, str]) -> Iterator[str]:
    for source in sources.values():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and (name := _basename(source, node, models)):
                yield name


def _free_basename(source: Source, call: ast.Call, taken: set[str]) -> str:
    """A basename after the route, or after the app and the route, that no router uses yet."""
    route = re.sub(r"\W+", "-", str(constant(call.args[0]))).strip("-_").lower() or "root"
    app = PurePosixPath(source.path).parent.name or "api"
    names = [route, f"{app}-{route}", *(f"{app}-{route}-{number}" for number in range(2, 1000))]
    return next(name for name in names if name not in taken)


def _models_of_viewsets(sources: Mapping[str, Source]) -> dict[str, str]:
    models = {}
    for source in sources.values():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                queryset = dict(assignments(node.body)).get("queryset")
                value: ast.AST | None = queryset.value if queryset else None
                while isinstance(value, (ast.Call, ast.Attribute)):
                    inner = value.func if isinstance(value, ast.Call) else value.value
                    if isinstance(value, ast.Attribute) and value.attr == "objects":
                        name = source.segment(inner).rpartition(".")[2]
                        models[node.name] = name.lower()
                        break
                    value = inner
    return models


def _basename(source: Source, call: ast.Call, models: Mapping[str, str]) -> str | None:
    """The basename of a router's register(), or None for any other call."""
    if not (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "register"
        and len(call.args) >= 2
        and isinstance(constant(call.args[0]), str)
    ):
        return None
    given = keyword(call, "basename") or (call.args[2] if len(call.args) > 2 else None)
    if given is not None:
        return str(constant(given)) if constant(given) else None
    return models.get(source.dotted(call.args[1]).rpartition(".")[2])
