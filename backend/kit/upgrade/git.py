"""Reads git's index without git, which the image does not have, to see what git can restore.

If a file is the same as in the index, git's object store has its content. After a rewrite,
``git diff`` shows the change, and ``git restore`` undoes it.
https://git-scm.com/docs/index-format
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from backend.conf.errors import StartupError
from backend.kit.upgrade.reading import Unreadable, read

HEADER = 12  # bytes: DIRC, version, number of entries
STAT = 40  # bytes of times, inode, mode, owner, and size before the hash
EXTENDED = 0x4000  # a flag: two more bytes of flags follow
LARGEST = 300_000_000  # bytes; the index of the Linux kernel has 10 MB
LARGEST_TEXT = 1_000_000  # bytes of the repository's configuration, or of a file ``.git``
UNKNOWN = StartupError(
    "The project's git index (.git/index) has a format that this program cannot read.",
    "Run `git update-index --no-split-index` and `git sparse-checkout disable`, then run this "
    "again.",
)


def _damaged(how: str) -> StartupError:
    return StartupError(
        f"The project's git index (.git/index) {how}.",
        "Run `git status`, and correct what it reports. To create the index again, run "
        "`rm -r .git/index && git reset`.",
    )


class Index:
    """The files git tracks, and the hash of each one's content."""

    def __init__(self, root: Path) -> None:
        """Read ``.git/index`` below ``root``. Raises StartupError if it is not readable."""
        folder = root / ".git"
        config = read(folder / "config", LARGEST_TEXT).decode(errors="replace").lower()
        self._algorithm = "sha256" if "objectformat = sha256" in config else "sha1"
        self.hashes: dict[str, bytes] = {}
        with contextlib.suppress(FileNotFoundError):
            try:
                self.hashes = self._read(read(folder / "index", LARGEST))
            except Unreadable as error:
                raise _damaged(str(error)) from error
            except OSError as error:
                raise _damaged(f"cannot be read: {error.strerror}") from error
            except (ValueError, IndexError) as error:
                raise _damaged("is truncated or damaged") from error

    @classmethod
    def of(cls, root: Path) -> Index | None:
        """The index, or None if ``root`` is not the top folder of a visible repository."""
        return cls(root) if (root / ".git" / "config").is_file() else None

    def holds(self, path: str, content: bytes) -> bool:
        """Whether git can restore this content of the file, ignoring line ends."""
        known = self.hashes.get(path)
        return known in (self._blob(content), self._blob(content.replace(b"\r\n", b"\n")))

    def _blob(self, content: bytes) -> bytes:
        # Not for security: git identifies content by this hash.
        digest = hashlib.new(self._algorithm, usedforsecurity=False)
        digest.update(b"blob %d\0" % len(content))
        digest.update(content)
        return digest.digest()

    def _read(self, data: bytes) -> dict[str, bytes]:
        """Raises StartupError for an unknown format, ValueError and IndexError for damage."""
        version = int.from_bytes(data[4:8])
        digest = hashlib.new(self._algorithm, usedforsecurity=False)
        size = digest.digest_size
        digest.update(data[:-size])
        # With index.skipHash, the checksum is zeros.
        if data[:4] != b"DIRC" or data[-size:] not in (digest.digest(), bytes(size)):
            raise ValueError("not what git wrote")
        if version not in (2, 3, 4):
            raise UNKNOWN
        hashes: dict[str, bytes] = {}
        position, path = HEADER, b""
        for _ in range(int.from_bytes(data[8:12])):
            start = position
            content = data[position + STAT : position + STAT + size]
            position += STAT + size
            flags = int.from_bytes(data[position : position + 2])
            position += 4 if flags & EXTENDED else 2
            if version == 4:
                dropped, position = _offset(data, position)
                path = path[: len(path) - dropped]
            else:
                path = b""
            end = data.index(b"\0", position)
            path += data[position:end]
            position = end + 1
            if version != 4:
                # Padded with zeros, at least one, to a multiple of eight.
                position = start + (end - start) // 8 * 8 + 8
            hashes[path.decode("utf-8", "surrogateescape")] = content
        while position < len(data) - size:
            # A lowercase letter marks a mandatory extension, such as a split index.
            if data[position : position + 1].islower():
                raise UNKNOWN
            position += 8 + int.from_bytes(data[position + 4 : position + 8])
        return hashes


def elsewhere(root: Path) -> str:
    """The path in the file ``.git`` of a worktree or submodule, or "".

    https://git-scm.com/docs/gitrepository-layout
    """
    file = root / ".git"
    text = read(file, LARGEST_TEXT).decode(errors="replace") if file.is_file() else ""
    return text.removeprefix("gitdir:").strip() if text.startswith("gitdir:") else ""


def _offset(data: bytes, position: int) -> tuple[int, int]:
    """A number of variable length, as in pack files, and the position after it."""
    value = data[position] & 127
    while data[position] & 128:
        position += 1
        value = ((value + 1) << 7) | (data[position] & 127)
    return value, position + 1
