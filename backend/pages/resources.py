"""What the landing page shows of the API: a card for each list, and the endpoints beside them."""

from __future__ import annotations

import copy
import functools
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from rest_framework.schemas.generators import EndpointEnumerator

# Rows that are counted of a list; of more than these the list itself tells.
MOST_ROWS = 10_000
# Seconds that the page takes for counting. What is not counted by then has no number.
PATIENCE = 2.0
# Whose own steps before a list choose no rows, as a team's can: by tenant or by role.
LIBRARIES = ("backend.", "django.", "rest_framework", "django_filters")


@dataclass(frozen=True)
class Resource:
    """A list of the API, whoever asks."""

    path: str
    callback: Callable[..., Any]
    title: str
    description: str
    map: str | None  # the path of the page with a map of its rows


@dataclass(frozen=True)
class Card:
    """A resource as one visitor may see it."""

    resource: Resource
    rows: str  # how many, in words; empty where that is not known
    url: str
    links: list[tuple[str, str]]  # the name and the address of each


def cards(request: HttpRequest, *, ask: bool) -> list[Card]:
    """Those of all resources. ``ask``: the databases answer, and can be asked about the rows."""
    found = resources()
    until = time.monotonic() + PATIENCE
    return [_card(resource, request, ask, until) for resource in found]


@functools.cache
def resources() -> list[Resource]:
    """The lists of the API whose address has no parameter, by their paths."""
    found = []
    for path, (callback, methods) in sorted(_endpoints().items()):
        if "GET" in methods and "{" not in path and _lists(callback):
            name = path.strip("/").rpartition("/")[2]
            found.append(
                Resource(
                    path=path,
                    callback=callback,
                    title=_capitalized(name.replace("-", " ").replace("_", " ")),
                    description=_description(callback),
                    map=_map(path, callback),
                )
            )
    return found


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
    """The API's views and their methods, by path; the view is that of GET where there is one."""
    if not apps.is_installed("rest_framework"):
        return {}
    found: dict[str, dict[str, Callable[..., Any]]] = defaultdict(dict)
    for path, method, callback in EndpointEnumerator().get_api_endpoints():
        found[path][method] = callback
    return {
        path: (views.get("GET", next(iter(views.values()))), list(views))
        for path, views in found.items()
    }


def _lists(callback: Callable[..., Any]) -> bool:
    """Whether a GET lists rows, as a viewset or as a generic view."""
    actions = getattr(callback, "actions", None)
    view: Any = getattr(callback, "cls", None)
    return actions.get("get") == "list" if actions else hasattr(view, "list")


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _description(callback: Any) -> str:
    """The first paragraph of the view's docstring, which the documentation shows too."""
    if callback.cls.__module__.startswith(LIBRARIES):  # as it is, by as_view(queryset=...)
        return ""
    return " ".join((callback.cls.__doc__ or "").strip().partition("\n\n")[0].split())


def _map(path: str, callback: Any) -> str | None:
    # A MapMixin, looked at without an import: that module is for those that use it.
    if not hasattr(callback.cls, "get_map"):
        return None
    pages = (f"{path.rstrip('/')}/map", f"{path.rstrip('/')}/map/")
    return next((page for page in pages if _is_map(page)), None)


def _is_map(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "actions", {}).get("get") == "map"
    except Resolver404:
        return False


def _card(resource: Resource, request: HttpRequest, ask: bool, until: float) -> Card:
    paths = {"List": resource.path, "Map": resource.map}
    rows = ""
    queryset, formats = _visited(resource, request) if ask else (None, [])
    if queryset is not None:
        rows = _counted(queryset, until)
        if connections[queryset.db].vendor != "postgresql":
            paths["Map"] = None  # which is of tiles, and these are made by PostGIS
        elif "csv" in formats:
            paths["CSV"] = f"{resource.path.rstrip('/')}.csv"
    prefix = get_script_prefix()
    links = [(name, prefix + path.lstrip("/")) for name, path in paths.items() if path]
    if docs := _docs(resource.path):
        links.append(("Docs", docs))
    return Card(resource, rows, prefix + resource.path.lstrip("/"), links)


def _docs(path: str) -> str | None:
    """Where ReDoc describes what has this path; None where no documentation is served."""
    try:
        return f"{reverse('schema-redoc')}#tag/{_tag(path)}"
    except NoReverseMatch:
        return None


@functools.cache
def _tag(path: str) -> str:
    """What drf-yasg calls the group of a path's operations."""
    # Where there is documentation, it is imported already.
    from drf_yasg.generators import OpenAPISchemaGenerator
    from drf_yasg.openapi import Info

    generator = OpenAPISchemaGenerator(Info(title="", default_version=""))
    prefix = generator.determine_path_prefix(list(_endpoints())) or ""
    return path.removeprefix(prefix).strip("/").partition("/")[0]


def _visited(resource: Resource, request: HttpRequest) -> tuple[QuerySet[Any] | None, list[str]]:
    """The rows of the list for this visitor, and the formats of its streams.

    None where the visitor may not see them, or where only a request of the list itself tells.
    """
    cls: Any = getattr(resource.callback, "cls", None)
    if not all(_is_of_a_library(cls, step) for step in ("dispatch", "initial")):
        return None, []
    visit = copy.copy(request)
    visit.GET = QueryDict()
    try:
        view = _view(resource.callback)
        view.request = view.initialize_request(visit)
        view.check_permissions(view.request)
        queryset = view.filter_queryset(view.get_queryset())
        if not isinstance(queryset, QuerySet):
            return None, []
        return queryset, view.stream_formats(queryset) if hasattr(view, "stream_formats") else []
    # A refusal, or what is wrong with the team's code, which requests of the list tell.
    except Exception:  # noqa: BLE001
        return None, []


def _view(callback: Any) -> Any:
    """The view as of a GET without a request."""
    view = callback.cls(**getattr(callback, "initkwargs", {}))
    view.args, view.kwargs, view.format_kwarg, view.request = (), {}, None, None
    view.action_map = getattr(callback, "actions", None)
    if view.action_map:
        view.action = "list"
    return view


def _is_of_a_library(view: type, method: str) -> bool:
    owner = next(base for base in view.__mro__ if method in vars(base))
    return owner.__module__.startswith(LIBRARIES)


def _counted(queryset: QuerySet[Any], until: float) -> str:
    """How many rows there are, in words; empty where that takes longer than ``until``."""
    left = until - time.monotonic()
    if left <= 0:
        return ""
    # The order of a slice chooses its rows, any other takes time only.
    rows = queryset if queryset.query.is_sliced else queryset.order_by()
    try:
        with transaction.atomic(queryset.db):
            if connections[queryset.db].vendor == "postgresql":
                with connections[queryset.db].cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = {int(left * 1000) + 1}")
            number = rows[: MOST_ROWS + 1].count()
    # It takes too long, or the team's queryset cannot be counted so.
    except Exception:  # noqa: BLE001
        return ""
    if number > MOST_ROWS:
        return f"more than {MOST_ROWS:,} rows"
    return "1 row" if number == 1 else f"{number:,} rows"
