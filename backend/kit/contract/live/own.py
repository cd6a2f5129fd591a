"""The project, which this process serves on test databases with test users.

The databases are those of ``manage.py test``: beside the real ones, named ``test_...``, and
removed at the end. The real ones are not read.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.signals import got_request_exception
from django.db import DatabaseError, connections, router
from django.test.utils import (
    setup_databases,
    setup_test_environment,
    teardown_databases,
    teardown_test_environment,
)
from django.urls import URLPattern, get_resolver

from backend.boot import configuration, static
from backend.conf.errors import explain, one_line
from backend.conf.findings import OK, SKIPPED, WARNING, Finding
from backend.kit.contract.inside import facts
from backend.kit.contract.live import rows, site
from backend.kit.contract.live.client import Site, User
from backend.kit.contract.report import Impossible
from backend.logs import request_id
from backend.server import phase

SHOWN = "http://localhost:8000"  # where a person starts the project to repeat a request


def look(fixtures: list[str]) -> list[Finding]:
    """Check the whole project of the current settings. Raises Impossible, StartupError."""
    _load()
    with _databases() as results, _served() as (own, errors):
        for name in fixtures:
            call_command("loaddata", name, verbosity=0)
        results += rows.fill()
        users, without = _users()
        document = site.of(own)
        visited = site.visited(
            own, users, document, tuple(_pages()), lambda mark: errors.get(mark, "")
        )
        return [*results, *without, *visited]


def _load() -> None:
    """Load the project as at a start, without the steps that only take time or keep a log."""
    configuration.load_applications()
    setup_test_environment(debug=False)
    # The users exist for a minute. A secure hash would add a third of a second to Basic requests.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    configuration.load_middleware()
    configuration.load_urls()
    static.collect()
    phase.enter(phase.READY)
    logging.disable()  # the report contains each failure once


@contextlib.contextmanager
def _databases() -> Iterator[list[Finding]]:
    """Test databases with all tables, including those of unmanaged models."""
    with tempfile.TemporaryDirectory() as folder:
        for alias in connections:
            connection = connections[alias]
            if connection.vendor == "sqlite":  # a database in memory belongs to one thread
                connection.settings_dict["TEST"]["NAME"] = str(Path(folder) / f"{alias}.sqlite3")
        try:
            made = setup_databases(verbosity=0, interactive=False)
        except (DatabaseError, SystemExit) as error:
            raise Impossible(
                f"The test databases cannot be created: {one_line(error)}.",
                "Set the variables of a database server with a role that can create databases, as "
                "for manage.py test: docker compose run --rm api check --live",
            ) from error
        try:
            yield list(_make_tables())
        finally:
            _leave()
            teardown_databases(made, verbosity=0)
            teardown_test_environment()


def _make_tables() -> Iterator[Finding]:
    """Create the tables that no migration creates: of unmanaged models, and of further aliases.

    Aliases that share one database have one test database, which only the first one migrates.
    """
    there = {
        alias: set(connections[alias].introspection.table_names(include_views=True))
        for alias in connections
    }
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label == "gis":  # PostGIS's own catalog
            continue
        alias, table = router.db_for_write(model), model._meta.db_table
        if model._meta.proxy or model._meta.swapped or table in there.get(alias, {table}):
            continue
        # A team's model can use spatial_ref_sys and other tables of PostGIS.
        if table in getattr(connections[alias].introspection, "ignored_tables", ()):
            continue
        try:
            with connections[alias].schema_editor() as editor:
                editor.create_model(model)
            there[alias].add(table)
        except Exception as error:  # noqa: BLE001  a schema or a type that is not there
            message = f"the table {table!r} cannot be created: {one_line(error)}"
            fix = "In a migration, create what the table needs. Requests that read it fail."
            yield Finding(WARNING, "databases", message, fix)
    names = ", ".join(f"{alias}: {len(tables)} tables" for alias, tables in there.items())
    yield Finding(OK, "databases", f"test databases with {names}")


def _leave() -> None:
    """Close connections that the server's threads left open, so that databases can be removed."""
    for alias in connections:
        connection = connections[alias]
        if connection.vendor == "postgresql":
            with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        connection.close()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Log nothing: the report contains each failure once."""


@contextlib.contextmanager
def _served() -> Iterator[tuple[Site, dict[str, str]]]:
    """The application on a free port, and its exceptions by request ID."""
    from django.core.servers.basehttp import get_internal_wsgi_application

    errors: dict[str, str] = {}

    def remember(sender: object, **_: object) -> None:
        error = sys.exception()
        if error is not None:
            errors[request_id.current() or ""] = explain(error).problem.removeprefix(
                "the project: "
            )

    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.daemon_threads = True
    server.set_app(get_internal_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    got_request_exception.connect(remember)
    try:
        prefix = settings.FORCE_SCRIPT_NAME or ""
        headers = {name: value for name, value in facts.headers().items() if name != "Host"}
        host = facts.headers()["Host"]
        url = f"http://127.0.0.1:{server.server_port}{prefix}"
        yield Site(url, headers={**headers, "Host": host}, shown=SHOWN), errors
    finally:
        got_request_exception.disconnect(remember)
        server.shutdown()
        server.server_close()
        thread.join()


def _users() -> tuple[list[User], list[Finding]]:
    """Anonymous, and one of each kind that can be created. The last one sees the most."""
    users, without = [site.ANONYMOUS], []
    if not apps.is_installed("django.contrib.auth"):
        message = "django.contrib.auth is not installed: only anonymous requests"
        return users, [Finding(SKIPPED, "users", message)]
    try:
        plain, chief = rows.user("check-user"), rows.user("check-superuser", is_superuser=True)
    except Exception as error:  # noqa: BLE001  a user model of the team's wants anything
        message = f"no user can be created: {one_line(error)}"
        fix = "Give the manager of AUTH_USER_MODEL a create_user method."
        return users, [Finding(WARNING, "users", message, fix)]
    users.append(site.basic("basic", plain.get_username(), rows.PASSWORD))
    if apps.is_installed("rest_framework.authtoken"):
        from rest_framework.authtoken.models import Token

        users.append(site.bearer("token", Token.objects.create(user=plain).key))
    if apps.is_installed("django.contrib.sessions"):
        users.append(site.session("session", _session(plain)))
        users.append(site.session("superuser", _session(chief)))
    else:
        without.append(Finding(SKIPPED, "session", "django.contrib.sessions is not installed"))
    return users, without


def _session(user: Any) -> str:
    """The cookie of a login, with the project's session engine."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _pages() -> Iterator[str]:
    """All paths without a parameter in the URLs, except those of the admin."""

    def walk(patterns: list[Any], above: str) -> Iterator[str]:
        for each in patterns:
            route = above + str(each.pattern)
            if isinstance(each, URLPattern):
                path = simplify_regex(route)
                if not set("<>(){}[]*+?\\|") & set(path) and "logout" not in path:
                    yield path
            elif each.namespace != "admin":
                yield from walk(each.url_patterns, route)

    return walk(get_resolver().url_patterns, "")
