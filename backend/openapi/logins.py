"""Which operations need a login."""

from __future__ import annotations

import copy
from typing import Any

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from drf_yasg.app_settings import swagger_settings
from rest_framework.authentication import (
    BasicAuthentication,
    SessionAuthentication,
    TokenAuthentication,
)
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from backend.geo.shown import as_list
from backend.openapi import omissions

# Their names in ``definitions()``.
NAMES = {
    BasicAuthentication: "Basic",
    SessionAuthentication: "Session",
    TokenAuthentication: "Token",
}
TOKEN = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "The word Token, a space, and the key: `Token 9944b09199c6`.",
}


def definitions() -> dict[str, Any]:
    """SWAGGER_SETTINGS["SECURITY_DEFINITIONS"], and REST framework's tokens if installed."""
    defined = swagger_settings.SECURITY_DEFINITIONS or {}
    has_tokens = apps.is_installed("rest_framework.authtoken")
    return {**({"Token": TOKEN} if defined and has_tokens else {}), **defined}


def requirements(view: Any, method: str) -> list[dict[str, list[str]]] | None:
    """OpenAPI's ``security`` of an operation. If unknown, None, so that the document's applies.

    One of several is enough. A public operation has an empty list, not ``{}`` beside the others:
    Swagger UI shows a closed padlock for that, and an open one if a login is needed.
    """
    open_to_all = is_open(view, method)
    if open_to_all is None:
        return None
    if open_to_all:
        return []
    defined = definitions()
    schemes: list[dict[str, list[str]]] = []
    for authenticator in view.get_authenticators():
        name = next((NAMES[kind] for kind in NAMES if isinstance(authenticator, kind)), None)
        if name is None or name not in defined:
            return None  # a team's own authentication, whose name is unknown
        schemes.append({name: []})
    return schemes


def is_open(view: Any, method: str) -> bool | None:
    """Whether the permissions allow a request without a login, or None if unknown."""
    asked = copy.copy(view)
    asked.request = request = _anonymous(method)
    try:
        with as_list(asked):
            return all(each.has_permission(request, asked) for each in asked.get_permissions())
    except (APIException, PermissionDenied, Http404):
        return False
    # A team's permission may need a client's request. The rest of the document must not fail.
    except Exception as error:  # noqa: BLE001
        omissions.warn(omissions.name(type(view)), "its permissions depend on the request", error)
        return None


def _anonymous(method: str) -> Request:
    plain = HttpRequest()
    plain.method = method
    # WSGI always sets these, and permissions check the address.
    plain.META = {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
    }
    request = Request(plain)
    request.user, request.auth = AnonymousUser(), None
    return request
