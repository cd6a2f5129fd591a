"""Reports whether the project is ready for production, and what to do if it is not."""

import sys

from django.core.management.base import CommandParser

from backend.conf.environment import current
from backend.conf.findings import LEVELS, PROBLEM, WARNING, worst_of
from backend.doctor import run as doctor
from backend.management.replaceable import ReplaceableCommand


class Command(ReplaceableCommand):
    help = (
        "Checks databases, migrations, static files, permissions, clocks, limits, and Django's "
        "deployment checks, and says what to do about each finding. The exit code is 1 if a "
        "finding is a problem."
    )
    # The report contains them.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument(
            "--fail-level",
            choices=(WARNING, PROBLEM),
            default=PROBLEM,
            help="lowest level that makes the exit code 1 (default: problem)",
        )

    def handle(self, *, json: bool, fail_level: str, **options: object) -> None:
        doctor.become_the_server()
        findings = doctor.run(current())
        self.stdout.write(doctor.as_json(findings) if json else doctor.as_text(findings))
        if LEVELS.index(worst_of(findings)) >= LEVELS.index(fail_level):
            sys.exit(1)
