"""Which geometries a view shows as they are stored, so that rows may be found by them.

Who may filter by a column finds out its values, by bisection, whether they are shown or
not. So a column that is not shown, or shown rounded to hide where something is, is neither
filtered by nor ordered by nor drawn, unless the view's ``spatial_filter_fields`` names it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from rest_framework import serializers
from rest_framework_gis.fields import GeometryField

from backend.geo.maps import PAGES_OF_LIST
from backend.geo.sql import FIELD_HOOKS, SERIALIZER_HOOKS, hook_of_a_team

# Decimals of degrees that hide nothing: 10 cm, https://www.rfc-editor.org/rfc/rfc7946#section-11.2
EXACT = 6


def unchanged(view: Any) -> frozenset[str]:
    """The columns of the view's model that its serializer shows as they are stored.

    Of the serializer for this very request: another action or user may have another. None of
    a serializer that has a ``to_representation`` of its own.
    """
    with as_list(view):
        serializer = _whole_serializer(view)
    serializer = getattr(serializer, "child", serializer)
    if not isinstance(serializer, serializers.Serializer):
        return frozenset()
    if hook_of_a_team(type(serializer), SERIALIZER_HOOKS):
        return frozenset()
    fields: Any = serializer.fields.values()
    return frozenset(field.source for field in fields if _is_unchanged(field))


def is_blurred(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Whether a geometry is shown rounded, so that nobody learns where it is."""
    precision = getattr(field, "precision", None)
    return precision is not None and not (isinstance(precision, int) and precision >= EXACT)


@contextlib.contextmanager
def as_list(view: Any) -> Iterator[None]:
    """The view as it is asked for the pages of its list, also while it is documented."""
    action = getattr(view, "action", None)
    if action not in PAGES_OF_LIST:
        yield
        return
    view.action = "list"
    try:
        yield
    finally:
        view.action = action


def _is_unchanged(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return (
        isinstance(field, GeometryField)
        and not field.write_only
        and not is_blurred(field)
        and not hook_of_a_team(type(field), FIELD_HOOKS)
    )


def _whole_serializer(view: Any) -> Any:
    """The serializer with the fields that this request leaves out by ``?fields=``."""
    view.with_all_fields = True
    try:
        return view.get_serializer()
    finally:
        view.with_all_fields = False
