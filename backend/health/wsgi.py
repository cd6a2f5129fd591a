"""The WSGI layer that answers health and takes a proxy's path prefix off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.urls import Resolver404, get_resolver

from backend.health.checks import MISSING, OK, PENDING, READ_ONLY, DatabaseState, database_states
from backend.http.headers import HEADERS
from backend.server import phase, places

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class HealthApplication:
    """``/health/live``, ``/health/ready`` and ``/health/``; everything else is Django's.

    - live: 200 while the process answers.
    - ready: 200 when every required database answers and its migrations are in, else 503, as it is
      while this container drains; JSON with ``status``, ``phase``, ``since`` when, and ``checks``,
      which say of each database what is wrong. While every thread of the worker that answers has a
      request, the status is ``busy``.
    - ``/health/``: the same for people. A URL of the team's own that begins with
      ``health`` keeps its place; a catch-all does not take ours.
    """

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        render: Callable[[str, dict[str, object]], str],
        policy: str,
    ) -> None:
        """``render`` makes a template and its values a page; ``policy`` says what it may load."""
        self.application, self.render, self.policy = application, render, policy
        self.prefix = settings.FORCE_SCRIPT_NAME or ""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if self.prefix and (path + "/").startswith(self.prefix + "/"):
            path = environ["PATH_INFO"] = path[len(self.prefix) :] or "/"
        answer = self._answer(path, environ)
        if answer is None:
            return self.application(environ, start_response)
        status, content_type, body = answer
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *HEADERS,
        ]
        if content_type.startswith("text/html"):
            headers.append(("Content-Security-Policy", self.policy))
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, path: str, environ: Environ) -> tuple[HTTPStatus, str, bytes] | None:
        match path:
            case "/health/live" | "/health/live/":
                return HTTPStatus.OK, "application/json", b'{"status": "live"}\n'
            case "/health/ready" | "/health/ready/":
                return _json(database_states())
            case "/health" | "/health/" if not _team_has_health():
                states = database_states()
                if "text/html" in environ.get("HTTP_ACCEPT", ""):
                    return self._page(states)
                return _json(states)
        return None

    def _page(self, states: list[DatabaseState]) -> tuple[HTTPStatus, str, bytes]:
        now = _phase(states)
        values = {
            "name": settings.PROJECT_NAME,
            "status": _word(now, states),
            "phase": now.name,
            "databases": states,
            "home": f"{self.prefix}/",
        }
        page = self.render("health.html", values)
        return _status(now), "text/html; charset=utf-8", page.encode()


def _phase(states: list[DatabaseState]) -> phase.Phase:
    """The phase that the required databases mean, or that this container is draining."""
    found = {state.state for state in states if state.required}
    if found - {OK, PENDING, MISSING, READ_ONLY}:
        return phase.enter(phase.WAITING)
    return phase.enter(phase.PENDING if found & {PENDING, MISSING} else phase.READY)


def _word(now: phase.Phase, states: list[DatabaseState]) -> str:
    """How the API is as a whole.

    An optional database does not keep it from being ready, nor one that can still be read; nor do
    threads that all have a request: taken out of rotation, it would leave them to the others.
    """
    if now.name != phase.READY:
        return "not ready"
    if places.busy:
        return "busy"
    return "ready" if all(state.ok for state in states) else "degraded"


def _status(now: phase.Phase) -> HTTPStatus:
    return HTTPStatus.OK if now.name == phase.READY else HTTPStatus.SERVICE_UNAVAILABLE


def _json(states: list[DatabaseState]) -> tuple[HTTPStatus, str, bytes]:
    now = _phase(states)
    document = {
        "status": _word(now, states),
        "phase": now.name,
        "since": now.since,
        "checks": {f"database:{state.alias}": state.state for state in states},
    }
    return _status(now), "application/json", json.dumps(document).encode() + b"\n"


def _team_has_health() -> bool:
    """Whether the URLconf has a pattern that spells health, as a catch-all does not."""
    for path in ("/health/", "/health"):
        try:
            match = get_resolver().resolve(path)
        except Resolver404:
            continue
        if match.route.lstrip("^").startswith("health"):
            return True
    return False
