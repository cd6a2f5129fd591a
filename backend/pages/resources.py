"""The API on the landing page: a card for each list, and the other endpoints."""

from __future__ import annotations

import functools
import html
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from rest_framework.schemas.generators import EndpointEnumerator

# The docstrings of views in these do not describe the rows.
LIBRARIES = ("backend.", "django.", "rest_framework", "django_filters")


@dataclass(frozen=True)
class Resource:
    """A list of the API. Nothing here depends on the visitor, or queries a database."""

    path: str
    title: str
    description: str
    map: str | None  # the path of the map of its rows
    csv: str | None
    needs_parameters: bool = False  # without which it has no rows


@dataclass(frozen=True)
class Card:
    """A resource with the URL prefix of a request."""

    resource: Resource
    url: str
    links: list[tuple[str, str]]  # the name and the address of each


def cards() -> list[Card]:
    """The cards of all resources."""
    return [_card(resource) for resource in resources()]


@functools.cache
def resources() -> list[Resource]:
    """The lists of the API whose paths have no parameter, in alphabetical order."""
    lists = []
    for path, (callback, methods) in sorted(_endpoints().items()):
        if "GET" in methods and "{" not in path and _lists(callback):
            name = path.strip("/").rpartition("/")[2]
            lists.append(
                Resource(
                    path=path,
                    title=_capitalized(name.replace("-", " ").replace("_", " ")),
                    description=_description(callback) if _docs(path) else "",
                    map=_map(path, callback),
                    csv=_csv(path, callback),
                    needs_parameters=_needs_parameters(callback),
                )
            )
    return lists


@functools.cache
def others() -> list[tuple[str, list[str]]]:
    """Paths and methods of the endpoints that belong to no resource, in alphabetical order."""
    lists = tuple(f"{resource.path.rstrip('/')}/" for resource in resources())
    return [
        (path, methods)
        for path, (_, methods) in sorted(_endpoints().items())
        if not f"{path.rstrip('/')}/".startswith(lists)
    ]


@functools.cache
def _endpoints() -> dict[str, tuple[Callable[..., Any], list[str]]]:
    """The API's views and their methods, by path. The view is that of GET if there is one."""
    if not apps.is_installed("rest_framework"):
        return {}
    by_path: dict[str, dict[str, Callable[..., Any]]] = defaultdict(dict)
    for path, method, callback in EndpointEnumerator().get_api_endpoints():
        by_path[path][method] = callback
    return {
        path: (views.get("GET", next(iter(views.values()))), list(views))
        for path, views in by_path.items()
    }


def _lists(callback: Callable[..., Any]) -> bool:
    """Whether a GET lists rows, in a viewset or in a generic view."""
    actions = getattr(callback, "actions", None)
    view: Any = getattr(callback, "cls", None)
    return actions.get("get") == "list" if actions else hasattr(view, "list")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _description(callback: Any) -> str:
    """The first paragraph of the view's docstring, which the documentation shows as Markdown."""
    if callback.cls.__module__.startswith(LIBRARIES):  # a generic view: as_view(queryset=...)
        return ""
    return html.unescape(
        " ".join((callback.cls.__doc__ or "").strip().partition("\n\n")[0].split())
    )


def _option(callback: Any, name: str) -> Any:
    """An argument of as_view(), or else an attribute of the class."""
    return callback.initkwargs.get(name, getattr(callback.cls, name, None))


def _has_postgis(callback: Any) -> bool:
    """Whether the rows are in PostgreSQL, which tiles and streams need."""
    model = getattr(_option(callback, "queryset"), "model", None)
    alias = router.db_for_read(model) if model is not None else DEFAULT_DB_ALIAS
    return connections[alias].vendor == "postgresql"


def _map(path: str, callback: Any) -> str | None:
    # A MapMixin, found without importing its module, which only views with a map need.
    if not hasattr(callback.cls, "get_map") or not _has_postgis(callback):
        return None
    pages = (f"{path.rstrip('/')}/map", f"{path.rstrip('/')}/map/")
    return next((page for page in pages if _is_map(page)), None)


def _csv(path: str, callback: Any) -> str | None:
    # A StreamingMixin, found in the same way.
    formats: list[str] = getattr(callback.cls, "formats_of_streams", list)()
    return f"{path.rstrip('/')}.csv" if "csv" in formats and _has_postgis(callback) else None


def _needs_parameters(callback: Any) -> bool:
    # A FunctionMixin, found in the same way.
    required: list[str] = getattr(callback.cls, "required_parameters", list)()
    return bool(required)


def _is_map(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "actions", {}).get("get") == "map"
    except Resolver404:
        return False


def _card(resource: Resource) -> Card:
    prefix = get_script_prefix()
    paths = {"List": resource.path, "Map": resource.map, "CSV": resource.csv}
    links = [(name, prefix + path.lstrip("/")) for name, path in paths.items() if path]
    url, docs = prefix + resource.path.lstrip("/"), _docs(resource.path)
    if docs and resource.needs_parameters:  # which the documentation names
        return Card(resource, docs, [("Docs", docs)])
    return Card(resource, url, [*links, ("Docs", docs)] if docs else links)


def _docs(path: str) -> str | None:
    """The place of this path in ReDoc, or None if the documentation is not served."""
    try:
        return f"{reverse('schema-redoc')}#tag/{_tag(path)}"
    except NoReverseMatch:
        return None


@functools.cache
def _tag(path: str) -> str:
    """drf-yasg's name for the group of a path's operations."""
    # With documentation, drf_yasg is already imported.
    from drf_yasg.generators import OpenAPISchemaGenerator
    from drf_yasg.openapi import Info

    generator = OpenAPISchemaGenerator(Info(title="", default_version=""))
    prefix = generator.determine_path_prefix(list(_endpoints())) or ""
    return path.removeprefix(prefix).strip("/").partition("/")[0]
