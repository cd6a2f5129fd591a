"""Django's startapp, in the folder of the project, with the next step.

If it cannot write there, it says where it can run.
"""

import contextlib
import re
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import startapp

from backend.conf.errors import NOT_ALLOWED
from backend.logs.ending import explained
from backend.management import app_folders
from backend.management.app_folders import MOUNTED


class Command(startapp.Command):
    def handle(self, **options: Any) -> None:  # type: ignore[override]  # as Django's own does
        name, directory = options["name"], options["directory"]
        in_mount = directory is None and MOUNTED.is_mount()
        folder = Path(directory).absolute() if directory else app_folders.folder_for(name)
        with explained(whole=options["traceback"]):
            try:
                if in_mount:
                    folder.mkdir()
                    options["directory"] = str(folder)
                super().handle(**options)
            except FileExistsError as error:
                raise CommandError(f"'{folder}' already exists") from error
            except (OSError, CommandError) as error:
                if in_mount:
                    with contextlib.suppress(OSError):
                        folder.rmdir()
                reason = error if isinstance(error, OSError) else error.args[0]
                if not isinstance(reason, OSError) or reason.errno not in NOT_ALLOWED:
                    raise
                raise app_folders.unwritable(folder, reason) from error
        module = app_folders.module_of(folder)
        _name(folder / "apps.py", name, module)
        app_folders.give_to_owner(folder)
        if options["verbosity"]:
            self.stdout.write("\n".join(app_folders.next_steps(folder, module)))


def _name(file: Path, name: str, module: str) -> None:
    """Let apps.py name the module. Django's template names only its last part."""
    if name != module and file.exists():
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"(\bname = ['\"]){name}\b", rf"\g<1>{module}", text), "utf-8")
