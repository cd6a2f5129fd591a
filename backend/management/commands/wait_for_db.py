"""Waits for the databases as a start does, for release steps and containers of workers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from backend.boot import database
from backend.conf.environment import current
from backend.logs.ending import explained
from backend.server import stopping


class Command(BaseCommand):
    help = "Waits until every required database answers. The exit code is 0 if all of them do."
    # System checks may query the databases.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--timeout",
            type=int,
            help=("Seconds to wait for each of them (default: DB_WAIT_TIMEOUT)."),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        timeout = options["timeout"]
        with stopping.at_once("wait_for_db was stopped", terminated=143), explained():
            database.wait(current()["DB_WAIT_TIMEOUT"] if timeout is None else timeout)
