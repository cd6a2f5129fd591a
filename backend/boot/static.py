"""Collects static files if one of them changed, in one container at a time.

Containers that start together share the folder, and running servers serve from it. So the files are
created in a separate folder, and renamed into place one by one, the manifest last. The folder is
not renamed as a whole: it can be a volume, a proxy can have it mounted, and servers of the previous
version still serve files that only the old manifest names.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.core.management import call_command
from django.urls import get_script_prefix

from backend.boot import volume
from backend.conf.atomic_files import replacing
from backend.conf.errors import StartupError, one_line
from backend.logs.boot import say
from backend.server import phase

if TYPE_CHECKING:
    from django.contrib.staticfiles.apps import StaticFilesConfig

# Beside the files, so that it exists as long as they do.
STAMP = ".collected-from"
LOCK = ".lock"
PATIENCE = 600  # seconds to wait for another container, which can collect to a network share
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


def collect() -> None:
    """Run collectstatic unless STATIC_ROOT already holds what the finders find.

    Raises StartupError when a file cannot be processed or written.
    """
    phase.enter(phase.COLLECTING)
    if not settings.STATIC_ROOT:
        say("STATIC_ROOT is not set: static files are not collected")
        return
    started = time.monotonic()
    try:
        if is_current():
            say("static files are unchanged")
            return
        with alone():
            if is_current():
                _read_manifest_again()
                say("static files were collected by another container")
                return
            say(f"collecting static files into {settings.STATIC_ROOT}")
            call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
    except StartupError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            if is_complete():
                say("static files are unchanged since the image was built")
                return
            raise StartupError(
                f"Static files cannot be written: {one_line(error)}.",
                f"Give the folder to that user in your Dockerfile (RUN install --directory "
                f"--owner {os.geteuid()} {settings.STATIC_ROOT}), collect them there (RUN python "
                f"manage.py collectstatic --noinput), or mount a volume at {settings.STATIC_ROOT}.",
            ) from error
        raise StartupError(
            f"Static files cannot be collected: {type(error).__name__}: {one_line(error)}",
            "Correct the file that the error names. To start without static files, set "
            "COLLECTSTATIC=false.",
        ) from error
    say(f"static files collected in {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Be the only process that collects into STATIC_ROOT. Creates the folder."""
    root = Path(settings.STATIC_ROOT)
    volume.make(root, settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS or 0o775)
    longer = "start this container again later"
    with volume.locked(root / LOCK, "collects static files", PATIENCE, longer):
        yield


@contextlib.contextmanager
def staged(*, clear: bool) -> Iterator[Storage]:
    """A storage to collect into. After the body, its content is moved to STATIC_ROOT.

    With ``clear``, STATIC_ROOT is emptied first. The caller must be ``alone``. The next process
    removes what a killed one left behind.
    """
    storage = storages["staticfiles"]
    if not isinstance(storage, FileSystemStorage):
        yield storage
        return
    root = Path(storage.location)
    folder = _empty_folder(root)
    stage = copy.copy(storage)
    stage.base_location = stage.location = str(folder)
    if getattr(storage, "manifest_storage", None) is storage:
        stage.manifest_storage = stage  # type: ignore[attr-defined]  # one with a manifest has it
    if clear:
        _clear(root, folder)
    try:
        yield stage
        _move(folder, root, last=getattr(stage, "manifest_name", ""))
    finally:
        shutil.rmtree(folder)
    _read_manifest_again()


def _clear(root: Path, *but: Path) -> None:
    """Delete the content of ``root``, except the lock, which a new file could not replace."""
    for entry in root.iterdir():
        if entry in (*but, root / LOCK):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _empty_folder(root: Path) -> Path:
    """A new folder from which files can be renamed into ``root``."""
    beside, inside = root.with_name(f".{root.name}.new"), root / ".new"
    for old in (beside, inside):
        if old.is_dir():
            shutil.rmtree(old)
    inside.mkdir()
    try:
        return inside.rename(beside)  # servers do not serve files from there
    except OSError:
        return inside  # another volume, or a folder of root's


def _move(folder: Path, root: Path, *, last: str) -> None:
    """Move the content of ``folder`` into ``root``, whole folders if they do not exist there."""
    # A .gz after its .br: backend.http.storage treats a file with a .gz as compressed.
    for entry in sorted(folder.iterdir(), key=lambda it: (it.name == last, it.suffix == ".gz")):
        target = root / entry.name
        if entry.is_dir() and not entry.is_symlink() and target.is_dir():
            _move(entry, target, last=last)
        else:
            entry.replace(target)


def _read_manifest_again() -> None:
    """Read the manifest again, after another one has replaced it."""
    storage = storages["staticfiles"]
    if isinstance(storage, ManifestFilesMixin):
        storage.hashed_files, storage.manifest_hash = storage.load_manifest()


def note() -> None:
    """Record what STATIC_ROOT was collected from, and what it contains now."""
    root = Path(settings.STATIC_ROOT)
    with replacing(root / STAMP, alone=True) as new:
        new.write_text(f"{sources()} {_output()}")


def kept() -> list[str]:
    """What ``note`` wrote: digests of the sources and of the output; empty if it wrote nothing."""
    try:
        return (Path(settings.STATIC_ROOT) / STAMP).read_text().split()
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_current() -> bool:
    """Whether STATIC_ROOT contains everything that would be collected into it now."""
    try:
        return kept() == [sources(), _output()]
    except (FileNotFoundError, ValueError):  # a file is missing, or the manifest is incomplete
        return False


def is_complete() -> bool:
    """Whether STATIC_ROOT contains each file as it would be collected into it now.

    A Dockerfile of a project with its own settings collects without the image's note. Of a storage
    that keeps only files with hashes in their names, it is enough that they exist.
    """
    root = Path(settings.STATIC_ROOT)
    hashed = getattr(storages["staticfiles"], "hashed_files", {})
    for name, storage, path in files_to_collect():
        if name in hashed and not (root / name).exists():
            if not (root / hashed[name]).is_file():
                return False
            continue
        with storage.open(path) as file:
            if not (root / name).is_file() or (root / name).read_bytes() != file.read():
                return False
    return True


def files_to_collect() -> Iterator[tuple[str, Storage, str]]:
    """Each file to collect: its name in STATIC_ROOT, and its storage and path now."""
    ignored = cast("StaticFilesConfig", apps.get_app_config("staticfiles")).ignore_patterns
    for finder in get_finders():
        for path, storage in finder.list(ignored):
            yield os.path.join(getattr(storage, "prefix", None) or "", path), storage, path  # noqa: PTH118  not a path of this machine


def sources() -> str:
    """A digest of every static file's path and content, and of how they are stored."""
    digest = hashlib.blake2b(digest_size=20)
    # Without PATH_PREFIX, which Django prepends but no stored file contains: an image collects only
    # once, whatever path publishes it.
    url = settings.STATIC_URL.removeprefix(get_script_prefix())
    digest.update(repr((url, settings.STORAGES["staticfiles"])).encode())
    for name, storage, path in files_to_collect():
        digest.update(f"\0{name}\0".encode())
        with storage.open(path) as file:
            digest.update(hashlib.blake2b(file.read()).digest())
    return digest.hexdigest()


def _output() -> str:
    """A digest of what is collected: the manifest, and the size of every file it names.

    Without a manifest, a digest of every file that the finders find. For a storage that is not a
    folder, it is empty, because it would need a network request per file. Raises FileNotFoundError
    for a missing file, and ValueError for an unreadable manifest.
    """
    digest, storage = hashlib.blake2b(digest_size=20), storages["staticfiles"]
    if isinstance(storage, FileSystemStorage):
        if isinstance(storage, ManifestFilesMixin):
            manifest = storage.read_manifest()
            if manifest is None:
                raise FileNotFoundError(storage.manifest_name)
            digest.update(manifest.encode())
            names = json.loads(manifest)["paths"].values()
        else:
            names = (name for name, _, _ in files_to_collect())
        for name in sorted(set(names)):
            digest.update(f"\0{name}\0{storage.size(name)}".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    import django

    from backend.conf import project
    from backend.logs.ending import explained

    with explained():
        project.choose()
        django.setup()
        collect()
