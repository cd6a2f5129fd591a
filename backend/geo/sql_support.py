"""Whether SQL can give what a view shows, before any request.

If it cannot, the view has no routes for tiles and their map, and no streams in the API document,
and a system check names it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from django.core.checks import CheckMessage, Warning  # noqa: A004  Django's name
from django.db.models import QuerySet
from rest_framework.generics import GenericAPIView
from rest_framework.serializers import BaseSerializer, Serializer

from backend.geo import expressions
from backend.geo.chosen import ChosenGeometryMixin
from backend.geo.sql import FeatureColumns, NotInDatabase, feature_columns, shown_fields
from backend.geo.tile_geometry import NoGeometry, Rounded, drawn_name, refuse_rounded
from backend.lists.shown import FIELDS_HOOKS, definer, hook_of_a_team

if TYPE_CHECKING:
    from backend.geo.streaming import StreamingMixin
    from backend.geo.tiles import TilesMixin

LIBRARIES = ("rest_framework.", "backend.")
# Methods in which a view can change which rows there are, or what a response makes of them.
VIEW_HOOKS = ("get_queryset", "filter_queryset", "get_object", "get_serializer_context")


def readable(
    serializer: BaseSerializer[Any],
    queryset: QuerySet[Any],
    only: Collection[str] | None,
    geometry: str | None = None,
) -> FeatureColumns:
    """The columns of a feature, without querying any database. Raises NotInDatabase."""
    feature = feature_columns(serializer, queryset, geometry, only)
    for column in feature.columns:
        expressions.value(column)
    return feature


def no_streams(view: type[StreamingMixin]) -> NotInDatabase | None:
    """Why the view's list cannot be a stream. None if it can be, or if only requests can tell."""
    return _refusal(view, view.stream_fields)


def no_tiles(view: type[TilesMixin]) -> NotInDatabase | None:
    """The same for its vector tiles."""
    serializer = _serializer(view)
    if serializer is None:
        return None
    try:
        name = drawn_name(serializer, view.tile_geometry)
        if not hook_of_a_team(type(serializer), FIELDS_HOOKS):
            allowed = getattr(view, "spatial_filter_fields", None)
            if allowed is None or isinstance(allowed, Collection):
                refuse_rounded(serializer, name, allowed)
        return _refusal(view, view.tile_fields, name)
    except NotInDatabase as error:
        return error


def shows_columns(view: GenericAPIView[Any]) -> bool:
    """Whether everything in the response to this request is known to be columns of its queryset.
    Filters and permissions are not considered."""
    given = {"queryset", "serializer_class"} & vars(view).keys()  # set by as_view() or @action
    handler = getattr(view, "action", None) or "get"
    return not given and _shows_columns(type(view), handler)


def lists_columns(view: type[GenericAPIView[Any]]) -> bool:
    """Whether lists of the view are known, without a request, to show columns of its queryset."""
    return _shows_columns(view, "list")


@functools.cache
def _shows_columns(view: type[GenericAPIView[Any]], handler: str) -> bool:
    if any(_is_overridden(view, method) for method in (handler, *VIEW_HOOKS)):
        return False
    serializer = _serializer(view)
    if serializer is None or hook_of_a_team(type(serializer), FIELDS_HOOKS):
        return False
    if not isinstance(view.queryset, QuerySet):
        return False
    try:
        feature_columns(serializer, view.queryset)
    except NotInDatabase:
        return False
    return True


def warnings(view: type[GenericAPIView[Any]]) -> list[CheckMessage]:
    """The messages of a system check for a view that cannot have its streams or tiles."""
    reasons: dict[str, tuple[NotInDatabase, list[str]]] = {}
    questions: tuple[tuple[str, Callable[[Any], NotInDatabase | None], str], ...] = (
        ("stream_fields", no_streams, "streams"),
        ("tile_fields", no_tiles, "vector tiles and no map"),
    )
    for attribute, asked, what in questions:
        # A rounded geometry is a choice, not a mistake, and not every table has a geometry.
        error = asked(view) if hasattr(view, attribute) else None
        is_table = issubclass(view, ChosenGeometryMixin) and isinstance(error, NoGeometry)
        if error and not isinstance(error, Rounded) and not is_table:
            reasons.setdefault(str(error), (error, []))[1].append(what)
    return [
        Warning(
            f"It has no {' and no '.join(missing)}: {error.reason}",
            hint=error.remedy,
            obj=view,
            id="backend.W004",
        )
        for error, missing in reasons.values()
    ]


def _refusal(
    view: type[GenericAPIView[Any]], only: object, geometry: str | None = None
) -> NotInDatabase | None:
    serializer = _serializer(view)
    if serializer is None or not (only is None or isinstance(only, Collection)):
        return None
    queryset = None if _is_overridden(view, "get_queryset") else view.queryset
    try:
        if isinstance(queryset, QuerySet):
            readable(serializer, queryset, only, geometry)
        else:
            shown_fields(serializer, None, geometry, only)
    except NotInDatabase as error:
        return error
    return None


def _serializer(view: type[GenericAPIView[Any]]) -> Serializer[Any] | None:
    """The serializer of every request. None if the view chooses one, or if it needs a request."""
    if _is_overridden(view, "get_serializer_class") or _is_overridden(view, "get_serializer"):
        return None
    try:
        made: Any = view.serializer_class
        serializer: Serializer[Any] = made()
        serializer.fields  # noqa: B018  reading creates them
    # Whatever the team's code raises. Requests will report it.
    except Exception:  # noqa: BLE001
        return None
    return serializer


def _is_overridden(view: type[GenericAPIView[Any]], method: str) -> bool:
    owner = definer(view, method)
    return owner is not None and not owner.__module__.startswith(LIBRARIES)
