"""Prints which settings are in force, and where each value comes from."""

from django.core.management.base import CommandParser

from backend.conf.environment import current
from backend.config import report
from backend.management.replaceable import ReplaceableCommand


class Command(ReplaceableCommand):
    help = (
        "Prints every setting in force, with its value (secrets masked) and its origin: the image, "
        "a variable, a file, the secret store, or the line of local_settings that sets it."
    )
    # The command helps to find errors, so no error of the project may stop it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--changed", action="store_true", help="only what differs from the image's defaults"
        )
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *, changed: bool, json: bool, **options: object) -> str:
        write = report.as_json if json else report.as_text
        return write(report.collect(current()), changed)
