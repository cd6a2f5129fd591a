"""The data folder: SQLite's file, collected static files, the generated key, and uploads."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import FileField

from backend.boot import volume
from backend.conf import data_folder, kept_key
from backend.conf.errors import StartupError
from backend.databases.needs import Need, aliases
from backend.health.probes import has_managed_models, sqlite_files, unwritable_files
from backend.logs.boot import warn
from backend.tables import published


def make_folder() -> None:
    """Create DATA_DIR; StartupError if the application's user must write to it but cannot."""
    folder = Path(settings.DATA_DIR)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    if keeps_a_database() and not os.access(folder, os.W_OK):
        raise _unwritable(folder, "Permission denied")


def keeps_a_database() -> str | None:
    """The file of a database in DATA_DIR, or None if there is none."""
    files = [str(database.get("NAME") or "") for database in settings.DATABASES.values()]
    return next((file for file in files if file.startswith(f"{settings.DATA_DIR}/")), None)


def share_databases() -> None:
    """Let group 0 write to SQLite's files and their folder; warn about those it cannot write."""
    for alias in filter(has_managed_models, aliases(Need.REQUIRED, Need.OPTIONAL)):
        files = sqlite_files(alias)
        # It belongs to another user, is gone by now, or is on a filesystem without modes.
        with contextlib.suppress(OSError):
            for file in files[:1]:
                file.touch(0o664)  # SQLite itself lets nobody else write
        for file in files:
            with contextlib.suppress(OSError):
                status = file.stat()
                if status.st_gid == 0 and not status.st_mode & stat.S_IWGRP:
                    file.chmod(stat.S_IMODE(status.st_mode) | stat.S_IWGRP)
        if unwritable := unwritable_files(alias):
            fix = data_folder.moved(files[0], f"NAME of '{alias}'", f"/{files[0].name}")
            fix = fix or f"Give the file to that user on the host: chown {os.geteuid()} FILE"
            warn(
                f"the database '{alias}' is read-only: UID {os.geteuid()} cannot write "
                f"{unwritable[0]}. {fix}"
            )


def find_temporary_folder() -> None:
    """With --read-only and without a tmpfs at /tmp, write large uploads to the data folder.

    The rest of this process, and its successor, find the folder by TMPDIR.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        folder = Path(settings.DATA_DIR) / "tmp"
        try:
            volume.make(folder, 0o2770)
            reason = "" if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
        except OSError as error:
            reason = error.strerror or str(error)
        if reason:
            warn(f"uploads of more than 2.5 MB will fail: {folder}: {reason}")
        else:
            os.environ["TMPDIR"] = str(folder)


def check_kept_key() -> None:
    """Warn if the next start will have a different secret key."""
    if published.WITHOUT_ACCOUNTS in settings.DATABASE_ROUTERS:
        return  # without sessions
    file: Path | None = getattr(settings, "SECRET_KEY_FILE", None)
    if file and (reason := kept_key.why_not_kept(file, settings.SECRET_KEY)):
        warn(
            "the generated secret key cannot be kept, so all sessions end with this container: "
            f"{reason}. Set DJANGO_SECRET_KEY, or let UID {os.geteuid()} read and write that file"
        )


def make_media_folder() -> None:
    """Create MEDIA_ROOT, writable by group 0 like the data folder.

    If it is not writable, and a model keeps files there, log a warning. The start continues,
    because everything except uploads works.
    """
    if not settings.MEDIA_ROOT or not keeps_uploads_in_a_folder():
        return
    folder = Path(settings.MEDIA_ROOT)
    place = f"MEDIA_ROOT, the folder {folder},"
    try:
        volume.make(folder, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS or 0o2775)
        # Not deeper, because there can be many folders.
        below = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
        unwritable = [each for each in (folder, *below) if not os.access(each, os.W_OK | os.X_OK)]
        if not unwritable:
            return
        if folder not in unwritable:
            place = f"{unwritable[0]}, in MEDIA_ROOT,"
        reason = "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if name := field_with_files():
        fix = data_folder.moved(folder, "MEDIA_ROOT", "/media") or data_folder.mounted()
        warn(
            f"uploads to {name} will fail: {place} cannot be written by UID {os.geteuid()}: "
            f"{reason}. {fix}"
        )


def keeps_uploads_in_a_folder() -> bool:
    """False for a bucket, or without a storage. This does not load the storage."""
    return settings.STORAGES.get("default", {}).get("BACKEND", "").endswith(".FileSystemStorage")


def field_with_files() -> str | None:
    """The first field that keeps its files in the default storage, as APP.MODEL.FIELD."""
    fields = (field for model in apps.get_models() for field in model._meta.get_fields())
    kept = (str(f) for f in fields if isinstance(f, FileField) and f.storage == default_storage)
    return next(kept, None)


def _unwritable(folder: object, reason: str | None) -> StartupError:
    return StartupError(
        f"The data folder {folder} cannot be written by UID {os.geteuid()}: {reason}.",
        f"Mount a volume there (docker run -v api-data:{folder}), or give a mounted folder to "
        f"that user on the host: chown {os.geteuid()} FOLDER",
    )
