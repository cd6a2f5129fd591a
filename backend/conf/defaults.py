"""The image's own settings, even if a project's settings do not define them."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from backend.conf.variables import TABLE


def setting(name: str) -> Any:
    """The setting that is named as a variable of the table, or that variable's default."""
    return getattr(settings, name, TABLE[name].default)
