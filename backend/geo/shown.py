"""``backend.lists.shown``, which also works for the pages that show the rows of the list."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.contrib.gis.db.models.fields import GeometryField

from backend.geo.maps import PAGES_OF_LIST
from backend.lists import shown


def unchanged(view: Any) -> frozenset[str]:
    """The columns of the view's model that it shows to this request as they are stored."""
    with as_list(view):
        return shown.unchanged(view)


def is_open(field: GeometryField[Any, Any], view: Any) -> bool:
    """Whether this request can filter by the geometry field."""
    if getattr(view, "spatial_filter_fields", None) is not None:
        return True  # it is one of them
    return field.name in unchanged(view)


@contextlib.contextmanager
def as_list(view: Any) -> Iterator[None]:
    """Treat the pages of a list as the list, also while the API document is generated."""
    action = getattr(view, "action", None)
    if action not in PAGES_OF_LIST:
        yield
        return
    view.action = "list"
    try:
        yield
    finally:
        view.action = action
