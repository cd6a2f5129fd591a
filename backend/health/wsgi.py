"""The WSGI layer that responds to health requests and removes a proxy's path prefix."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.urls import Resolver404, get_resolver

from backend.conf.variables import setting
from backend.health.probes import MISSING, OK, PENDING, READ_ONLY, DatabaseState, database_states
from backend.http.headers import HEADERS
from backend.server import phase, slots

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class HealthApplication:
    """``/health/live``, ``/health/ready``, and ``/health/``. Everything else is Django's.

    - live: 200 while the process responds.
    - ready: 200 if every required database answers and its migrations are applied, or else 503,
      also while this container drains. JSON with ``status``, ``phase``, ``since``, and ``checks``,
      which say what is wrong with each database. While every thread of the responding worker is
      busy, the status is ``busy``.
    - ``/health/``: the same for people. A team's own URL that begins with ``health`` wins, but a
      catch-all does not.
    """

    def __init__(
        self,
        application: Callable[[Environ, StartResponse], Iterable[bytes]],
        render: Callable[[str, dict[str, object]], str],
        policy: str,
    ) -> None:
        """``render`` makes a page from a template and values; ``policy`` says what it can load."""
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
            case "/health" | "/health/" if not team_has_health():
                states = database_states()
                if "text/html" in environ.get("HTTP_ACCEPT", ""):
                    return self._page(states)
                return _json(states)
        return None

    def _page(self, states: list[DatabaseState]) -> tuple[HTTPStatus, str, bytes]:
        now = _phase(states)
        values = {
            "name": setting("PROJECT_NAME"),
            "status": _word(now, states),
            "phase": now.name,
            "databases": states,
            "home": f"{self.prefix}/",
        }
        page = self.render("health.html", values)
        return _status(now), "text/html; charset=utf-8", page.encode()


def _phase(states: list[DatabaseState]) -> phase.Phase:
    """The phase that follows from the required databases, or draining."""
    required_states = {state.state for state in states if state.required}
    if required_states - {OK, PENDING, MISSING, READ_ONLY}:
        return phase.enter(phase.WAITING)
    return phase.enter(phase.PENDING if required_states & {PENDING, MISSING} else phase.READY)


def _word(now: phase.Phase, states: list[DatabaseState]) -> str:
    """The status of the API as a whole.

    It is ready even if an optional database is down, a database is read-only, or all threads are
    busy: out of rotation, it would leave the requests to the other containers.
    """
    if now.name != phase.READY:
        return "not ready"
    if slots.busy:
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


def team_has_health() -> bool:
    """Whether the URLconf has a pattern with the word health, unlike a catch-all."""
    for path in ("/health/", "/health"):
        try:
            match = get_resolver().resolve(path)
        except Resolver404:
            continue
        if match.route.lstrip("^").startswith("health"):
            return True
    return False
