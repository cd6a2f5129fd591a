"""The data folder: SQLite's file, collected static files, the generated key."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

from backend.errors import StartupError


def make_folder() -> None:
    """Make DATA_DIR; StartupError when the application's user cannot write to it and must."""
    folder = settings.DATA_DIR
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    files = [database["NAME"] for database in settings.DATABASES.values()]
    inside = any(str(file).startswith(f"{folder}/") for file in files)
    if inside and not os.access(folder, os.W_OK):
        raise _unwritable(folder, "Permission denied")


def keep_secret_key() -> None:
    """Keep a generated key in the data folder, so that sessions survive a restart.

    The server reads it from there; of two containers that start together on one
    folder, the first one's key is kept.
    """
    file: Path | None = getattr(settings, "SECRET_KEY_FILE", None)
    if file is None or file.exists() or not os.access(file.parent, os.W_OK):
        return
    # Whole or not at all: linked into place when it is written.
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".key-") as new:
        new.write(settings.SECRET_KEY)
        new.flush()
        with contextlib.suppress(FileExistsError):
            os.link(new.name, file)


def _unwritable(folder: object, reason: str | None) -> StartupError:
    return StartupError(
        f"The data folder {folder} cannot be written by UID {os.geteuid()}: {reason}.",
        f"Mount a volume there (docker run -v api-data:{folder}), or give a mounted folder to "
        f"that user on the host: chown {os.geteuid()} FOLDER",
    )
