"""What ``backend.lists.shown`` says, also for the pages that show the rows of the list."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from backend.geo.maps import PAGES_OF_LIST
from backend.lists import shown


def unchanged(view: Any) -> frozenset[str]:
    """The columns of the view's model that it shows to this request as they are stored."""
    with as_list(view):
        return shown.unchanged(view)


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
