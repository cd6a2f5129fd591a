"""The facts about an image that bin/image-test needs for its requests."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.urls import Resolver404, resolve

from backend.conf.environment import current
from backend.kit.contract.inside import static


def collect() -> dict[str, object]:
    """Facts as plain data: ports, hosts, and paths."""
    return {
        "port": current()["PORT"],
        "prefix": settings.FORCE_SCRIPT_NAME or "",
        "headers": headers(),
        "landing": _is_ours("/", "landing-page"),
        "schema": apps.is_installed("drf_yasg") and _is_ours("/swagger.json", "schema"),
        "static_root": str(settings.STATIC_ROOT or ""),
        "static_url": settings.STATIC_URL,
        "static_samples": static.samples() if settings.STATIC_ROOT else [],
    }


def headers() -> dict[str, str]:
    """Headers of a request that this API accepts and does not redirect."""
    hosts = settings.ALLOWED_HOSTS
    host = next((name.lstrip(".") for name in hosts if name != "*"), "localhost")
    headers = {"Host": "localhost" if {"*", "localhost"} & set(hosts) else host}
    if settings.SECURE_SSL_REDIRECT and settings.SECURE_PROXY_SSL_HEADER:
        name, value = settings.SECURE_PROXY_SSL_HEADER
        headers[name.removeprefix("HTTP_").replace("_", "-").title()] = value
    return headers


def _is_ours(path: str, name: str) -> bool:
    """Whether the image's own page is at this path, not one of the team's."""
    try:
        return resolve(path).url_name == name
    except Resolver404:
        return False
