"""Where a new application is written, to whom it belongs, and what its project needs then."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.boot.faults import unwritable_code
from backend.conf import overrides, source
from backend.conf.errors import StartupError

MOUNTED = Path("src_files")
# A Dockerfile that copies the whole project.
COPIES_ALL = re.compile(r"^(COPY|ADD) (--\S+ )*\./? ", re.MULTILINE | re.IGNORECASE)


def folder_for(name: str) -> Path:
    """The folder of an application that the project does not have yet."""
    return Path(MOUNTED / name if MOUNTED.is_mount() else name).absolute()


def unwritable(folder: Path, error: OSError) -> StartupError:
    """The error for a folder that is mounted, but is another user's, or for a copy of the code."""
    parent = folder.parent
    if not parent.is_mount():
        return unwritable_code(error)
    return StartupError(
        unwritable_code(error).problem,
        f"Run the command as the owner of {parent}: docker run --user {parent.stat().st_uid}:0 ...",
    )


def module_of(folder: Path) -> str:
    """The name that Python imports a new application by."""
    folder = folder.resolve()
    for root in (Path(entry).resolve() for entry in sys.path):
        if folder != root and folder.is_relative_to(root):
            return ".".join(folder.relative_to(root).parts)
    return folder.name


def give_to_owner(folder: Path) -> None:
    """Let the new files of root, such as those of ``docker exec``, belong to the developer."""
    if os.geteuid() == 0:
        owner = folder.parent.stat()
        for each in (folder, *folder.rglob("*")):
            os.chown(each, owner.st_uid, owner.st_gid)


def next_steps(folder: Path, module: str, *, needs: Sequence[str] = ()) -> Iterator[str]:
    """The lines to add to the project. ``needs`` are applications that the new one imports."""
    settings = settings_file(folder.parent)
    yield f"Created {folder}. To install it, add to {settings}:"
    bound = source.bindings(settings).keys() if settings.exists() else set()
    if settings.parent.name == "local_settings" and not {"INSTALLED_APPS", "*"} & bound:
        yield "    from backend.hacko_settings import *"
    names = ", ".join(f'"{name}"' for name in (*needs, module))
    yield f"    INSTALLED_APPS += [{names}]"
    dockerfile = folder.parent / "Dockerfile"
    if dockerfile.exists() and not COPIES_ALL.search(dockerfile.read_text(encoding="utf-8")):
        yield f"And to {dockerfile}:"
        yield f"    COPY {folder.name} ./{folder.name}"
        ignored = folder.parent / ".dockerignore"
        if ignored.exists() and "*" in ignored.read_text(encoding="utf-8").split():
            yield f"And to {ignored}:"
            yield f"    !{folder.name}"


def settings_file(folder: Path) -> Path:
    """The file of the project's settings, which can be missing for the image's own project."""
    module = os.environ["DJANGO_SETTINGS_MODULE"]
    if module != "backend.settings":
        return Path(sys.modules[module].__file__ or "")
    location = overrides.find("settings")
    return location[1] if location else folder / "local_settings/settings.py"
