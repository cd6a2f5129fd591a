"""Lets an application's command replace the image's command of the same name.

Django uses the command of the application that INSTALLED_APPS lists first. ``backend`` is at the
start of that list, so that its templates, startapp, and collectstatic win. The names of the
image's other commands are also common in projects: many guides have a ``wait_for_db``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import BaseCommand, find_commands, load_command_class


class ReplaceableCommand(BaseCommand):
    """Its subclasses in ``backend.management.commands`` give way to an application's command."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        package, _, name = cls.__module__.rpartition(".")
        # Not for a command that an application derives from the image's.
        if package == "backend.management.commands":
            for app in apps.get_app_configs():
                if app.name != "backend" and name in find_commands(
                    str(Path(app.path, "management"))
                ):
                    return load_command_class(app.name, name)
        return super().__new__(cls)
