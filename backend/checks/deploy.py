"""System checks for production: ``manage.py check --deploy`` and ``manage.py doctor`` run them."""

from __future__ import annotations

import re
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

# An origin that no team would allow on purpose.
STRANGER = "https://stranger.invalid"


@register(Tags.security, deploy=True)
def check_hosts_are_named(**kwargs: Any) -> list[CheckMessage]:
    """In production, ALLOWED_HOSTS names the hosts."""
    if settings.DEBUG or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        checks.Warning(
            "ALLOWED_HOSTS contains '*': a request can name any host, and links and redirects in "
            "the response contain that name.",
            "Set ALLOWED_HOSTS to the host names of this API, or let clients reach it only "
            "through a proxy that checks the name.",
            id="backend.W002",
        )
    ]


@register(Tags.security, deploy=True)
def check_credentials_are_not_for_every_origin(**kwargs: Any) -> list[CheckMessage]:
    """Pages of unknown origins cannot act as the authenticated user."""
    if not apps.is_installed("corsheaders"):
        return []
    from corsheaders.conf import conf

    if not conf.CORS_ALLOW_CREDENTIALS:
        return []
    places = []
    if conf.CORS_ALLOW_ALL_ORIGINS:
        places.append("CORS_ALLOW_ALL_ORIGINS allows every origin")
    places += [
        f"{str(pattern)!r} in CORS_ALLOWED_ORIGIN_REGEXES matches any host"
        for pattern in conf.CORS_ALLOWED_ORIGIN_REGEXES
        if re.match(pattern, STRANGER)
    ]
    return [
        checks.Warning(
            f"{place}, and CORS_ALLOW_CREDENTIALS lets such pages act as the authenticated user.",
            "Name the origins in CORS_ALLOWED_ORIGINS and leave CORS_ALLOW_ALL_ORIGINS out, or set "
            "CORS_ALLOW_CREDENTIALS = False.",
            id="backend.W010",
        )
        for place in places
    ]


@register(Tags.security, deploy=True)
def check_production_has_a_server(**kwargs: Any) -> list[CheckMessage]:
    """In production, the database is not a SQLite file."""
    if settings.DEBUG:
        return []
    return [
        checks.Warning(
            f"The database '{alias}' is SQLite, in a file of one container.",
            "Set POSTGRES_NAME, POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_HOST, or "
            "DATABASE_URL; docs/environment.md has the forms.",
            id="backend.W003",
        )
        for alias, database in settings.DATABASES.items()
        if any(kind in str(database["ENGINE"]) for kind in ("sqlite", "spatialite"))
    ]
