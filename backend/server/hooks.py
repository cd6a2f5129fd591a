"""Joins a hook of a team's gunicorn_conf.py with the image's, which must not get lost by it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from gunicorn.config import make_settings


def join(name: str, ours: Callable[..., None], theirs: object) -> object:
    """gunicorn's hook ``name`` that runs theirs and then ours.

    A value that gunicorn refuses is returned as it is: the boot reports it, with its line.
    """
    setting = make_settings()[name]
    try:
        setting.set(theirs)
    except TypeError:
        return theirs
    # gunicorn lets post_request take fewer arguments than it gives.
    first = setting.get()

    @functools.wraps(ours)
    def both(*arguments: object) -> None:
        try:
            first(*arguments)
        finally:
            ours(*arguments)

    return both
