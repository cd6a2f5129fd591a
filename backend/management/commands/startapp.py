"""Django's startapp. If it cannot write, it says where it can run."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import startapp

from backend.logs.ending import explained
from backend.manage import READ_ONLY, unwritable


class Command(startapp.Command):
    def handle(self, **options: Any) -> None:  # type: ignore[override]  # as Django's own does
        try:
            super().handle(**options)
        except CommandError as error:
            reason = error.args[0]
            if not isinstance(reason, OSError) or reason.errno not in READ_ONLY:
                raise
            with explained():
                raise unwritable(reason) from error
