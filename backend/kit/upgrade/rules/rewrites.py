"""Rewrites that certainly keep the meaning. Each rule is a function, and edits have positions."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import TypeGuard

from django_upgrade.data import Settings as DjangoUpgradeSettings
from django_upgrade.main import apply_fixers

from backend.conf.environment import TRUE
from backend.kit.upgrade.source import Edit, Source, assignments, constant, keyword, of_module

Rule = Callable[[Source], list[Edit]]

TARGET = (5, 2)
# Below, url() becomes re_path(), not path(). A converter of path() would pass a view the number 4
# instead of the string "4", and not every old pattern has the anchors of path().
LEFT_OUT = {"django_urls"}
MODELS = ("django.db.models", "django.contrib.gis.db.models")
OF_SETUPTOOLS = ("Extension", "find_namespace_packages", "find_packages", "setup")
AJAX = '{}.headers.get("x-requested-with") == "XMLHttpRequest"'


def rewrite(path: str, text: str) -> tuple[str, list[str]]:
    """The new text of a Python file, and what changed, in words. Raises SyntaxError."""
    source, done = Source(path, text), []
    for rule in [*RULES, django_upgrade]:
        edits = rule(source)
        if edits:
            source = source.edited(edits)
            done.append((rule.__doc__ or "").strip().splitlines()[0])
    return source.text, done


def django_upgrade(source: Source) -> list[Edit]:
    """django-upgrade replaces names that Django renamed or moved"""
    settings = DjangoUpgradeSettings(target_version=TARGET, skip_fixers=LEFT_OUT)
    text = apply_fixers(source.text, settings, source.path)
    return [] if text == source.text else [Edit(0, len(source.text), text)]


def url_patterns(source: Source) -> list[Edit]:
    """url() of django.conf.urls becomes re_path() of django.urls"""
    edits: list[Edit] = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or node.module != "django.conf.urls":
            continue
        for number, alias in enumerate(node.names):
            star = alias.name == "*" and source.lacks("url")
            if alias.name != "url" and not star:
                continue
            # If something else may use the name too, only the import changes.
            free = not alias.asname and not {"url", "re_path"} & source.bound_otherwise
            free = free and not (star and len(source.stars) > 1)
            new = "re_path" if free else f"re_path as {alias.asname or 'url'}"
            before = source.line_before(node, f"from django.urls import {new}")
            if {each.name for each in node.names} <= {"include", "url"}:
                module = source.text.index("django.conf.urls", source.start(node))
                edits.append(Edit(module, module + len("django.conf.urls"), "django.urls"))
                edits.append(source.replace(alias, new))
            elif before:
                edits.append(before)
                edits += [] if star else [source.without(node.names, number)]
            else:
                continue
            if free:
                edits += _renamed(source, "url", "re_path")
    return edits


def _renamed(source: Source, old: str, new: str) -> Iterator[Edit]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == old:
            yield source.replace(node, new)


def null_booleans(source: Source) -> list[Edit]:
    """NullBooleanField becomes BooleanField with null"""
    if source.is_migration:  # old migrations stay, and Django still supports it there
        return []
    arguments: dict[str, tuple[str, ...]] = {
        f"{module}.NullBooleanField": ("null", "blank") for module in MODELS
    }
    arguments["rest_framework.serializers.NullBooleanField"] = ("allow_null",)
    edits = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        added = arguments.get(source.dotted(node.func), ())
        missing = [f"{name}=True" for name in added if keyword(node, name) is None]
        if added:
            end = source.end(node.func)
            edits.append(Edit(end - len("NullBooleanField"), end, "BooleanField"))
        if missing:
            edits.append(source.argument(node, ", ".join(missing)))
    return edits


def relations(source: Source) -> list[Edit]:
    """Relations have on_delete=CASCADE, which was Django's default"""
    relation = {f"{module}.{name}" for module in MODELS for name in ("ForeignKey", "OneToOneField")}
    edits = []
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and source.dotted(node.func) in relation
            and len(node.args) == 1
            and not isinstance(node.args[0], ast.Starred)
            and all(each.arg not in (None, "on_delete") for each in node.keywords)
        ):
            models = source.segment(node.func.value)
            edits.append(source.argument(node, f"on_delete={models}.CASCADE"))
    return edits


def base_names(source: Source) -> list[Edit]:
    """base_name of routers becomes basename"""
    return [
        Edit(source.start(given), source.start(given) + len("base_name"), "basename")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "register"
        for given in node.keywords
        if given.arg == "base_name"
    ]


def filter_names(source: Source) -> list[Edit]:
    """name= of django-filter's filters becomes field_name="""
    return [
        Edit(source.start(given), source.start(given) + len("name"), "field_name")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and source.dotted(node.func).startswith("django_filters.")
        and source.dotted(node.func).endswith("Filter")
        and keyword(node, "field_name") is None
        for given in node.keywords
        if given.arg == "name"
    ]


def ajax(source: Source) -> list[Edit]:
    """request.is_ajax() becomes a check of the request's headers"""
    edits = []
    for parent in ast.walk(source.tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Call) and (request := _asked_for_ajax(source, node)):
                text = AJAX.format(request)
                plain = isinstance(parent, (ast.stmt, ast.BoolOp, ast.keyword))
                edits.append(source.replace(node, text if plain else f"({text})"))
    return edits


def _asked_for_ajax(source: Source, call: ast.Call) -> str:
    """The code of the request whose is_ajax() this calls, or empty for any other call."""
    if call.args or call.keywords or not isinstance(call.func, ast.Attribute):
        return ""
    request = source.segment(call.func.value) if call.func.attr == "is_ajax" else ""
    return request if request.rpartition(".")[2] == "request" else ""


def debug(source: Source) -> list[Edit]:
    """DEBUG is true for the words that the image accepts as true, and otherwise false"""
    if not source.is_settings:
        return []
    edits = []
    for name, statement in assignments(of_module(source.tree.body)):
        value = statement.value
        if name != "DEBUG":
            continue
        value = _without_number(value, source)
        if _reads_debug(value, source):
            given = [*value.args[1:], *(each.value for each in value.keywords)]
            default = _as_text(next(iter(given), None))
            if default is not None:
                words = ", ".join(f'"{word}"' for word in TRUE)
                text = f'{source.segment(value.func)}("DEBUG", "{default}").lower() in ({words})'
                edits.append(source.replace(statement.value, text))
            continue
        for node in ast.walk(value):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("lower", "upper", "strip")
                and _reads_debug(node.value, source)
                and len(node.value.args) == 1
            ):
                edits.append(source.argument(node.value, '""'))
    return edits


def _without_number(value: ast.expr, source: Source) -> ast.expr:
    """The expression inside bool(), int(), and int() == 1."""
    if (
        isinstance(value, ast.Compare)
        and isinstance(value.left, ast.Call)
        and source.dotted(value.left.func) == "int"
        and [type(each) for each in value.ops] == [ast.Eq]
        and constant(value.comparators[0]) == 1
    ):
        value = value.left
    while isinstance(value, ast.Call) and source.dotted(value.func) in ("bool", "int"):
        value = value.args[0] if value.args else ast.Constant(None)
    return value


def _reads_debug(node: ast.expr, source: Source) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and source.dotted(node.func) in ("os.environ.get", "os.getenv")
        and bool(node.args)
        and constant(node.args[0]) == "DEBUG"
        and {each.arg for each in node.keywords} <= {"default"}
    )


def _as_text(default: ast.expr | None) -> str | None:
    """A default as the text of a variable, or None if it is not a literal."""
    if default is None:
        return ""
    if not isinstance(default, ast.Constant):
        return None
    return "true" if str(default.value).lower() in ("true", "1") else ""


def swagger_app(source: Source) -> list[Edit]:
    """drf_yasg, which the image has, replaces rest_framework_swagger"""
    edits = []
    for node in ast.walk(source.tree):
        if not isinstance(node, (ast.Assign, ast.AugAssign)):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if not isinstance(target, ast.Name) or target.id != "INSTALLED_APPS":
            continue
        for listed in ast.walk(node.value):
            if not isinstance(listed, (ast.List, ast.Tuple)):
                continue
            apps = [constant(item) for item in listed.elts]
            for number, app in enumerate(apps):
                if app != "rest_framework_swagger":
                    continue
                # A list that extends the image's own already has drf_yasg.
                if isinstance(node, ast.Assign) and listed is node.value and "drf_yasg" not in apps:
                    quote = source.segment(listed.elts[number])[0]
                    edits.append(source.replace(listed.elts[number], f"{quote}drf_yasg{quote}"))
                else:
                    edits.append(source.without(listed.elts, number))
    return edits


def storages(source: Source) -> list[Edit]:
    """WhiteNoise's storage of static files has a new name"""
    old = (
        "whitenoise.django.GzipManifestStaticFilesStorage",
        "whitenoise.django.GzipStaticFilesMixin",
    )
    return [
        source.replace(
            statement.value, json.dumps("whitenoise.storage.CompressedManifestStaticFilesStorage")
        )
        for name, statement in assignments(of_module(source.tree.body))
        if name == "STATICFILES_STORAGE" and constant(statement.value) in old
    ]


def file_storages(source: Source) -> list[Edit]:
    """DEFAULT_FILE_STORAGE becomes STORAGES, with Django's own storage of static files"""
    found = list(assignments(of_module(source.tree.body)))
    names = {name for name, _ in found}
    if not source.is_settings or source.stars or names & {"STATICFILES_STORAGE", "STORAGES"}:
        return []
    static = '"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}'
    edits = []
    for name, assignment in found:
        if name == "DEFAULT_FILE_STORAGE":
            default = f'"default": {{"BACKEND": {source.segment(assignment.value)}}}'
            text = f"STORAGES = {{{default}, {static}}}"
            edits.append(source.replace(assignment.statement, text))
    return edits


def origins(source: Source) -> list[Edit]:
    """Origins of CORS and CSRF have the schemes that they had until now without naming them"""
    if not source.is_settings:
        return []
    schemes = {
        "CORS_ORIGIN_WHITELIST": ("http", "https"),
        "CORS_ALLOWED_ORIGINS": ("http", "https"),
        "CSRF_TRUSTED_ORIGINS": ("https",),
    }
    edits = []
    for name, assignment in assignments(of_module(source.tree.body)):
        listed = assignment.value
        if name not in schemes or not isinstance(listed, (ast.List, ast.Tuple)):
            continue
        for node in listed.elts:
            host = constant(node)
            if isinstance(host, str) and "://" not in host and host not in ("*", "null", ""):
                quote = source.segment(node)[-1]
                host = f"*{host}" if host.startswith(".") else host
                new = [f"{quote}{scheme}://{host}{quote}" for scheme in schemes[name]]
                edits.append(source.replace(node, ", ".join(new)))
    return edits


def geo_admins(source: Source) -> list[Edit]:
    """GeoModelAdmin and OSMGeoAdmin become GISModelAdmin, which replaces both"""
    old = {f"django.contrib.gis.admin.{name}" for name in ("GeoModelAdmin", "OSMGeoAdmin")}
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.contrib.gis.admin":
            edits += [
                source.replace(alias, f"GISModelAdmin as {alias.asname or alias.name}")
                for alias in node.names
                if f"{node.module}.{alias.name}" in old
            ]
        elif isinstance(node, ast.Attribute) and source.dotted(node) in old:
            end = source.end(node)
            edits.append(Edit(end - len(node.attr), end, "GISModelAdmin"))
    return edits


def setup_import(source: Source) -> list[Edit]:
    """setup.py imports the names of setuptools that it uses"""
    if not source.path.endswith("setup.py"):
        return []
    given = "setuptools" in source.stars
    names = [name for name in OF_SETUPTOOLS if source.lacks(name) and not given]
    new = [f"from setuptools import {', '.join(names)}"] if names else []
    new += ["import setuptools"] if source.lacks("setuptools") else []
    body = [node for node in source.tree.body if getattr(node, "module", "") != "__future__"]
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    # Without imports, it goes after the docstring and before the code.
    first = next(iter(imports or body[ast.get_docstring(source.tree) is not None :]), None)
    edit = source.line_before(first, source.newline.join(new)) if new and first else None
    return [edit] if edit else []


def setup_of_distutils(source: Source) -> list[Edit]:
    """setup() comes from setuptools, because Python no longer has distutils"""
    if not source.path.endswith("setup.py"):
        return []
    return [
        source.replace(
            node, re.sub(r"^from\s+distutils\.core\b", "from setuptools", source.segment(node))
        )
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom)
        and node.module == "distutils.core"
        and {alias.name for alias in node.names} <= {"setup", "Extension", "Command"}
    ]


RULES: list[Rule] = [
    url_patterns,
    null_booleans,
    relations,
    base_names,
    filter_names,
    ajax,
    debug,
    swagger_app,
    storages,
    file_storages,
    geo_admins,
    origins,
    setup_import,
    setup_of_distutils,
]
