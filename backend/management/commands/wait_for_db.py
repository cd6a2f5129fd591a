"""Waits for the databases as a start does, for release steps and containers of workers."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from backend.boot import database
from backend.conf.environment import current
from backend.conf.errors import StartupError
from backend.logs.ending import explained
from backend.management.replaceable import ReplaceableCommand
from backend.server import stopping


class Command(ReplaceableCommand):
    help = (
        "Waits until every required database answers, or each --database. The exit code is 0 if "
        "all of them do."
    )
    # System checks may query the databases.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--timeout",
            type=int,
            metavar="SECONDS",
            help="Seconds to wait for each of them (default: DB_WAIT_TIMEOUT).",
        )
        parser.add_argument(
            "--database",
            action="append",
            metavar="ALIAS",
            help="Wait for this database only. Can be given more than once.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        timeout, aliases = options["timeout"], options["database"]
        with (
            stopping.at_once("wait_for_db was stopped", terminated=143),
            explained(whole=options["traceback"]),
        ):
            if timeout is None:
                timeout = current()["DB_WAIT_TIMEOUT"]
            if not aliases:
                database.wait(timeout)
                return
            for alias in aliases:
                _check(alias)
            for alias in aliases:
                database.wait_for(alias, timeout)


def _check(alias: str) -> None:
    if alias not in settings.DATABASES:
        known = ", ".join(f"'{name}'" for name in settings.DATABASES)
        raise StartupError(
            f"--database names '{alias}', which is not in DATABASES.",
            f"Correct the name: DATABASES contains {known}.",
        )
