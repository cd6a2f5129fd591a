"""Which operations anybody may ask for, and which need a login."""

from __future__ import annotations

import copy
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from drf_yasg.app_settings import swagger_settings
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from backend.openapi import once

# Their names in SWAGGER_SETTINGS["SECURITY_DEFINITIONS"].
NAMES = {BasicAuthentication: "Basic", SessionAuthentication: "Session"}
ANYBODY: dict[str, list[str]] = {}


def requirements(view: Any, method: str) -> list[dict[str, list[str]]] | None:
    """OpenAPI's ``security`` of an operation; None, the document's own, where it is not known.

    Of several one is enough, and ``{}`` is none at all.
    """
    open_ = _is_open(view, method)
    if open_ is None:
        return None
    defined = swagger_settings.SECURITY_DEFINITIONS or {}
    found = []
    for authenticator in view.get_authenticators():
        name = next((NAMES[kind] for kind in NAMES if isinstance(authenticator, kind)), None)
        if name not in defined:
            return [] if open_ else None  # a team's own: its name is not known
        found.append({name: []})
    return [*([ANYBODY] if open_ else []), *found]


def _is_open(view: Any, method: str) -> bool | None:
    """Whether the permissions let a request without any login pass; None if they cannot tell."""
    asked = copy.copy(view)
    asked.request = request = _anonymous(method)
    try:
        return all(each.has_permission(request, asked) for each in asked.get_permissions())
    except (APIException, PermissionDenied, Http404):
        return False
    # A team's permission may want what only a client's request has. Others read the document too.
    except Exception as error:  # noqa: BLE001
        once.warn(once.name(type(view)), "who may ask cannot be told without a request", error)
        return None


def _anonymous(method: str) -> Request:
    plain = HttpRequest()
    plain.method = method
    # What WSGI always gives; permissions look at the address.
    plain.META = {
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": method,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
    }
    request = Request(plain)
    request.user, request.auth = AnonymousUser(), None
    return request
