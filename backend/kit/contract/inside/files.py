"""Searches the image's files for secrets, setuid programs, and caches."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backend.conf import secret_vocabulary
from backend.conf.findings import OK, PROBLEM, WARNING, Finding

# Files of Debian's packages and of this image. A team's files are not here.
OF_THE_SYSTEM = (
    *("/bin/", "/lib/", "/sbin/", "/usr/bin/", "/usr/lib/", "/usr/sbin/"),
    "/opt/backend/scaffold/",
)
# Nor are setuid programs, so the search skips these folders.
LEFT_OUT = {"/usr/share", "/opt/venv", "/opt/geo", "/var/lib/dpkg", "/etc/ssl", "/proc", "/sys"}
SECRET_NAMES = re.compile(
    r"\.env(\.(?!example$|sample$|template$|dist$|md$).*)?|id_(rsa|dsa|ecdsa|ed25519)"
    r"|\.netrc|\.pgpass|\.pypirc|secret_key|credentials\.json"
)
SECRET_PLACES = (".aws/credentials", ".docker/config.json", ".ssh/config", ".config/gcloud")
PRIVATE_KEY = re.compile(secret_vocabulary.PRIVATE_KEY.encode())
READ = 16_384  # bytes of a file: a key of 16384 bits takes less
KEY_SUFFIXES = {"", ".pem", ".key", ".crt", ".p8", ".json", ".txt", ".py", ".conf", ".cfg", ".ini"}
CACHES = {
    "/root/.cache": "pip install --no-cache-dir",
    "/home/app/.cache": "pip install --no-cache-dir",
    "/var/lib/apt/lists": "rm -rf /var/lib/apt/lists/* in the RUN that has apt-get update",
    "/var/cache/apt": "rm -rf /var/cache/apt/* in the RUN that has apt-get install",
}
SMALL = 1_000_000  # bytes; a smaller cache is not worth a line


@dataclass
class Inventory:
    """The results of the search. Sizes are in bytes."""

    secrets: list[str] = field(default_factory=list)
    raising: list[str] = field(default_factory=list)
    histories: list[str] = field(default_factory=list)
    caches: Counter[str] = field(default_factory=Counter)


def look(root: str = "/") -> Inventory:
    """Search all files of the image. Mounted folders are not part of it, and are left out."""
    inventory = Inventory()
    for entry in _entries(root, Path(root).stat().st_dev):
        status = entry.stat(follow_symlinks=False)
        if entry.is_dir(follow_symlinks=False):
            if entry.name == ".git":
                inventory.histories.append(entry.path)
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            inventory.raising.append(entry.path)
        for cache in CACHES:
            if entry.path.startswith(f"{cache}/"):
                inventory.caches[cache] += status.st_size
        if not entry.path.startswith(OF_THE_SYSTEM) and _is_secret(entry):
            inventory.secrets.append(entry.path)
    return inventory


def _entries(folder: str, device: int) -> Iterator[os.DirEntry[str]]:
    try:
        # Mounted folders are on other devices.
        if Path(folder).stat().st_dev != device:
            return
        entries = list(os.scandir(folder))
    except PermissionError:
        return  # the entry point starts this as root, who can read every folder
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False) and _is_searched(entry):
            yield from _entries(entry.path, device)


def _is_searched(folder: os.DirEntry[str]) -> bool:
    return folder.path not in LEFT_OUT and folder.name != ".git"


def _is_secret(entry: os.DirEntry[str]) -> bool:
    packages = "/site-packages/" in entry.path
    if not packages and SECRET_NAMES.fullmatch(entry.name):
        return entry.stat().st_size > 0
    if entry.path.endswith(SECRET_PLACES):
        return True
    if packages or Path(entry.name).suffix not in KEY_SUFFIXES:
        return False
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123  a DirEntry has no open()
            return PRIVATE_KEY.search(file.read(READ)) is not None
    except OSError:
        return False


def secrets(inventory: Inventory) -> Iterator[Finding]:
    """The image contains no passwords and no keys."""
    for path in sorted(inventory.secrets):
        yield Finding(
            PROBLEM,
            "secrets in files",
            f"{path} is in the image: anyone who can pull the image can read it.",
            f"Add it to .dockerignore ({Path(path).name}), change the secrets that it contains, "
            "and pass them to the container: docker run --env-file.",
        )
    for path in sorted(inventory.histories):
        yield Finding(
            WARNING,
            "secrets in files",
            f"{path} is in the image, with everything that was ever committed.",
            "Add .git to .dockerignore.",
        )
    if not inventory.secrets and not inventory.histories:
        yield Finding(OK, "secrets in files", "no .env, private key or password file in the image")


def rights(inventory: Inventory) -> Iterator[Finding]:
    """No program runs with the privileges of its owner."""
    if inventory.raising:
        yield Finding(
            PROBLEM,
            "setuid",
            f"{_some(inventory.raising)} run with the privileges of their owners.",
            "At the end of your Dockerfile, remove the bit: RUN chmod ug-s FILE",
        )
    else:
        yield Finding(OK, "setuid", "no file is setuid or setgid")


def caches(inventory: Inventory) -> Iterator[Finding]:
    """The image contains no caches of package managers."""
    large = {folder: size for folder, size in inventory.caches.items() if size > SMALL}
    for folder, size in large.items():
        yield Finding(
            WARNING,
            "caches",
            f"{folder} contains {size / 1e6:.1f} MB that no container reads.",
            f"In your Dockerfile, use: {CACHES[folder]}",
        )
    if not large:
        yield Finding(OK, "caches", "no caches of pip or apt in the image")


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
