"""Collects static files, and only when one of them changed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.urls import get_script_prefix

from backend.boot.log import say
from backend.errors import StartupError, one_line
from backend.health import phase

# Beside the files, so that it comes and goes with them.
STAMP = ".collected-from"


def collect() -> None:
    """Run collectstatic unless STATIC_ROOT already holds what the finders find.

    Raises StartupError when a file cannot be processed or written.
    """
    phase.enter(phase.COLLECTING)
    if not settings.STATIC_ROOT:
        say("STATIC_ROOT is not set: static files are not collected")
        return
    root, started = Path(settings.STATIC_ROOT), time.monotonic()
    stamp = root / STAMP
    if stamp.is_file() and stamp.read_text() == fingerprint():
        say("static files are unchanged")
        return
    say(f"collecting static files into {root}")
    try:
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
        note()
    except PermissionError as error:
        raise StartupError(
            f"Static files cannot be written: {one_line(error)}.",
            "Mount a volume at DATA_DIR, give STATIC_ROOT to the application's user, or collect "
            "them in your Dockerfile: RUN python manage.py collectstatic --noinput",
        ) from error
    except Exception as error:
        raise StartupError(
            f"Static files cannot be collected: {type(error).__name__}: {one_line(error)}",
            "Correct the file it names; COLLECTSTATIC=false starts without.",
        ) from error
    say(f"static files collected in {time.monotonic() - started:.1f} s")


def note() -> None:
    """Write down what STATIC_ROOT was collected from."""
    (Path(settings.STATIC_ROOT) / STAMP).write_text(fingerprint())


def fingerprint() -> str:
    """A digest of every static file's path and content, and of how they are stored."""
    digest = hashlib.blake2b(digest_size=20)
    # Without PATH_PREFIX, which Django puts before it and no stored file has inside: an
    # image collects once for whatever path it is published under.
    url = settings.STATIC_URL.removeprefix(get_script_prefix())
    digest.update(repr((url, settings.STORAGES["staticfiles"])).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            digest.update(f"\0{getattr(storage, 'prefix', '') or ''}\0{path}\0".encode())
            with storage.open(path) as file:
                digest.update(hashlib.blake2b(file.read()).digest())
    return digest.hexdigest()


if __name__ == "__main__":
    import os

    import django

    from backend.errors import explained

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    with explained():
        django.setup()
        collect()
