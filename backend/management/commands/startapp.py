"""Django's startapp, in the folder of the project, with the next step.

If it cannot write there, it says where it can run.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import startapp

from backend.boot.faults import unwritable_code
from backend.conf import overrides, source
from backend.conf.errors import NOT_ALLOWED, StartupError
from backend.logs.ending import explained

MOUNTED = Path("src_files")
# A Dockerfile that copies the whole project.
COPIES_ALL = re.compile(r"^(COPY|ADD) (--\S+ )*\./? ", re.MULTILINE | re.IGNORECASE)


class Command(startapp.Command):
    def handle(self, **options: Any) -> None:  # type: ignore[override]  # as Django's own does
        name, directory = options["name"], options["directory"]
        in_mount = directory is None and MOUNTED.is_mount()
        folder = Path(directory or (MOUNTED / name if in_mount else name)).absolute()
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
                raise _unwritable(folder, reason) from error
        module = _module_of(folder)
        _name(folder / "apps.py", name, module)
        _give_to_owner(folder)
        if options["verbosity"]:
            self.stdout.write("\n".join(_next_steps(folder, module)))


def _unwritable(folder: Path, error: OSError) -> StartupError:
    """The error for a folder that is mounted, but is another user's, or for a copy of the code."""
    parent = folder.parent
    if not parent.is_mount():
        return unwritable_code(error)
    return StartupError(
        unwritable_code(error).problem,
        f"Run the command as the owner of {parent}: docker run --user {parent.stat().st_uid}:0 ...",
    )


def _module_of(folder: Path) -> str:
    """The name that Python imports a new application by."""
    folder = folder.resolve()
    for root in (Path(entry).resolve() for entry in sys.path):
        if folder != root and folder.is_relative_to(root):
            return ".".join(folder.relative_to(root).parts)
    return folder.name


def _name(file: Path, name: str, module: str) -> None:
    """Let apps.py name the module. Django's template names only its last part."""
    if name != module and file.exists():
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(rf"(\bname = ['\"]){name}\b", rf"\g<1>{module}", text), "utf-8")


def _give_to_owner(folder: Path) -> None:
    """Let the new files of root, such as those of ``docker exec``, belong to the developer."""
    if os.geteuid() == 0:
        owner = folder.parent.stat()
        for each in (folder, *folder.rglob("*")):
            os.chown(each, owner.st_uid, owner.st_gid)


def _next_steps(folder: Path, module: str) -> Iterator[str]:
    settings = _settings_file(folder.parent)
    yield f"Created {folder}. To install it, add to {settings}:"
    bound = source.bindings(settings).keys() if settings.exists() else set()
    if settings.parent.name == "local_settings" and not {"INSTALLED_APPS", "*"} & bound:
        yield "    from backend.hacko_settings import *"
    yield f'    INSTALLED_APPS += ["{module}"]'
    dockerfile = folder.parent / "Dockerfile"
    if dockerfile.exists() and not COPIES_ALL.search(dockerfile.read_text(encoding="utf-8")):
        yield f"And to {dockerfile}:"
        yield f"    COPY {folder.name} ./{folder.name}"
        ignored = folder.parent / ".dockerignore"
        if ignored.exists() and "*" in ignored.read_text(encoding="utf-8").split():
            yield f"And to {ignored}:"
            yield f"    !{folder.name}"


def _settings_file(folder: Path) -> Path:
    """The file of the project's settings, which can be missing for the image's own project."""
    module = os.environ["DJANGO_SETTINGS_MODULE"]
    if module != "backend.settings":
        return Path(sys.modules[module].__file__ or "")
    location = overrides.find("settings")
    return location[1] if location else folder / "local_settings/settings.py"
