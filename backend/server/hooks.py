"""Joins a hook of a team's gunicorn_conf.py with the image's, so that both run."""

from __future__ import annotations

import functools
from collections.abc import Callable

from gunicorn.config import make_settings


def join(name: str, ours: Callable[..., None], team_hook: object) -> object:
    """gunicorn's hook ``name`` that runs the team's hook and then the image's.

    A value that gunicorn refuses is returned unchanged. The boot reports it, with its line.
    """
    setting = make_settings()[name]
    try:
        setting.set(team_hook)
    except TypeError:
        return team_hook
    # gunicorn allows a post_request with fewer arguments.
    first = setting.get()

    @functools.wraps(ours)
    def both(*arguments: object) -> None:
        try:
            first(*arguments)
        finally:
            ours(*arguments)

    return both
