"""Which databases this API needs, which are optional, and which it ignores.

REQUIRED_DATABASES, OPTIONAL_DATABASES, and IGNORED_DATABASES list aliases. Of the aliases in none
of them, ``default`` and those in the ``in_db`` of a model are required. The others are optional.
"""

from __future__ import annotations

import enum
import functools

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from backend.router import declared_alias


class Need(enum.StrEnum):
    """The state of the API while a database does not answer."""

    REQUIRED = "required"  # not ready
    OPTIONAL = "optional"  # ready, and degraded
    IGNORED = "ignored"  # never checked


# Django's engine for a database without ENGINE.
NONE = "django.db.backends.dummy"
SETTINGS = {need: f"{need.upper()}_DATABASES" for need in Need}


def listed(need: Need) -> list[str]:
    """The aliases in the setting of ``need``."""
    return list(getattr(settings, SETTINGS[need], ()))


def need_of(alias: str) -> Need:
    """How much the API needs the database ``alias``."""
    for need in Need:
        if alias in listed(need):
            return need
    wanted = alias == DEFAULT_DB_ALIAS or alias in _named_by_models()
    return Need.REQUIRED if wanted else Need.OPTIONAL


def aliases(*needs: Need) -> list[str]:
    """The aliases with these needs, in the order of DATABASES.

    An empty DATABASES, or an empty database in it, is a project's way to have none.
    """
    real = (alias for alias, each in connections.settings.items() if each["ENGINE"] != NONE)
    return [alias for alias in real if need_of(alias) in needs]


@functools.cache  # models do not change after they are loaded, and probes are frequent
def _named_by_models() -> frozenset[str]:
    return frozenset(filter(None, map(declared_alias, apps.get_models())))
