"""The generated secret key: created if none is set, and kept for the next start.

Only a start keeps it. Any other command uses a temporary key, which could otherwise end up in a
layer of an image: RUN python manage.py collectstatic.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from backend.conf import locks
from backend.conf.errors import StartupError

# Seconds to wait for another container that writes the key, which is one line.
PATIENCE = 10

_keeping = False


def keep() -> None:
    """Let this process keep the key that it generates, because it is a start."""
    global _keeping
    _keeping = True


def generated(file: Path) -> str:
    """The key in ``file``, or a new one, which a start keeps there.

    If that is not possible, ``why_not_kept`` says why.
    """
    with contextlib.suppress(OSError):
        if key := _read(file):
            return key
        if _keeping:
            return _written(file)
    return secrets.token_urlsafe(50)


def why_not_kept(file: Path, key: str) -> str | None:
    """Why the next start will have a different key; None if it will have the same one."""
    try:
        return None if _read(file) == key else f"{file} cannot be written"
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}"


def _read(file: Path) -> str:
    """The key, or empty if there is none."""
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _written(file: Path) -> str:
    """Write a new key, unless another container did so first. Returns the key in the file.

    The file is locked and not linked into place, because network shares have no hard links. Raises
    OSError, and StartupError where another process keeps the lock.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as opened:
        try:
            locks.acquire(descriptor, PATIENCE)
        except locks.HeldError as error:
            raise StartupError(
                f"Another process has held the lock of {file} for {PATIENCE} s.",
                "Stop the container that holds the lock, or set DJANGO_SECRET_KEY.",
            ) from error
        if os.fstat(descriptor).st_gid == 0:
            # For a container with another UID: platforms that choose the UID assign group 0.
            os.fchmod(descriptor, 0o640)
        if key := opened.read().strip():
            return key
        key = secrets.token_urlsafe(50)
        opened.write(key)
    return key
