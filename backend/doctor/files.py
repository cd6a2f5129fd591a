"""The checks of ``manage.py doctor`` on files: static files and permissions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage

from backend.boot import data, static
from backend.conf import data_folder, overrides, places, project
from backend.conf.findings import OK, PROBLEM, WARNING, Finding

COLLECT = "Run python manage.py collectstatic --noinput, or start a server with COLLECTSTATIC=true."


def static_files() -> Iterator[Finding]:
    """Whether they are all collected, and whether the manifest lists each of them."""
    if not settings.STATIC_ROOT:
        yield Finding(
            WARNING,
            "static files",
            "STATIC_ROOT is not set: the admin and the documentation have no style sheets.",
            "Remove STATIC_ROOT from local_settings/settings.py to get the image's own.",
        )
        return
    if settings.DEBUG:
        message = "come from the applications' own folders, because DEBUG is true"
        yield Finding(OK, "static files", message)
        return
    root = Path(settings.STATIC_ROOT)
    kept = static.kept()
    if not kept and static.is_complete():
        yield Finding(OK, "static files", f"are all collected in {root}")
        return
    if not kept:
        yield Finding(PROBLEM, "static files", f"No files are collected in {root}.", COLLECT)
        return
    if kept[0] != static.sources():
        message = f"The files in {root} differ from those that the applications have now."
        yield Finding(PROBLEM, "static files", message, COLLECT)
        return
    missing = _missing()
    if missing:
        message = f"{len(missing)} of them are missing in {root}: {', '.join(missing[:3])}."
        yield Finding(PROBLEM, "static files", message, COLLECT)
    elif not static.is_current():
        message = f"The files in {root} have changed since they were collected."
        yield Finding(PROBLEM, "static files", message, COLLECT)
    else:
        yield Finding(OK, "static files", f"are all collected in {root}")


def _missing() -> list[str]:
    """Files of the applications that the manifest or the storage does not have."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return []
    hashed = staticfiles_storage.hashed_files
    names = {name for name, _, _ in static.files_to_collect()}
    lost = [name for name in hashed.values() if not staticfiles_storage.exists(name)]
    return sorted([*(names - hashed.keys()), *lost])


def permissions(kept: str | None) -> Iterator[Finding]:
    """Whether the application can write to its data folders, but not to its code.

    ``kept`` is what the API keeps in DATA_DIR.
    """
    uid = os.geteuid()
    if uid == 0:
        yield Finding(
            WARNING,
            "files",
            "This command runs as root, who can write everywhere, so it cannot check what the "
            "server can write.",
            f"Run it as the server's user: docker exec --user 1001:0 CONTAINER "
            f"{project.command('doctor')}",
        )
        return
    yield _writable("DATA_DIR", kept, uid)
    if settings.MEDIA_ROOT and data.keeps_uploads_in_a_folder():
        yield _writable("MEDIA_ROOT", data.field_with_files(), uid)
    team = overrides.find("settings") or overrides.find("urls") or overrides.find("gunicorn_conf")
    code = [places.ROOT, places.CODE, places.CODE / "backend", *([team[1].parent] if team else [])]
    mine = [str(folder) for folder in [*code, Path(sys.prefix)] if os.access(folder, os.W_OK)]
    if mine:
        yield Finding(
            WARNING,
            "files",
            f"The application (UID {uid}) can write to its own code: {', '.join(mine)}.",
            "Let root own the code: COPY without --chown in the Dockerfile, mounts with :ro.",
        )
    else:
        yield Finding(OK, "files", f"UID {uid} cannot write to the code")


def _writable(name: str, needed_by: str | None, uid: int) -> Finding:
    """Whether a folder of the settings is writable. It need not be if nothing is kept there."""
    folder = Path(getattr(settings, name))
    # A missing folder is created when it is needed, if the folder above it allows that.
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding(OK, "files", f"{name} ({folder}) can be written by UID {uid}")
    if not needed_by:
        message = f"{name} ({folder}) cannot be written by UID {uid}, and nothing here needs that"
        return Finding(OK, "files", message)
    if not existing.is_dir():
        message = f"{name} is {folder}, and {existing} is a file."
        return Finding(PROBLEM, "files", message, f"Correct {name}.")
    # DATA_DIR is the data folder, wherever it is.
    fix = data_folder.moved(folder, name, "/media") if name == "MEDIA_ROOT" else ""
    return Finding(
        PROBLEM,
        "files",
        f"{name} ({folder}) cannot be written by UID {uid}; {needed_by} is kept there.",
        fix
        or f"Mount a volume there without :ro, or give the folder to that user: chown {uid} "
        "FOLDER on the host.",
    )
