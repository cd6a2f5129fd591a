"""The storage of collected static files: WhiteNoise's, but faster to collect again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.contrib.staticfiles import finders
from django.core.files.storage import storages
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

from backend.databases.test_runs import tests_run


class HashedStaticFilesStorage(
    CompressedManifestStaticFilesStorage  # type: ignore[misc]  # whitenoise has no types
):
    """Compresses only files without a compressed copy.

    A hashed name identifies the content, so the copy beside it is correct. Otherwise, one changed
    file would compress all files of the admin and the documentation again, which is nine tenths of
    the time of collectstatic.

    Tests do not need collectstatic: there, a file that was not collected has its plain name.
    """

    def stored_name(self, name: str) -> str:
        """The name with the hash. Raises ValueError for a file that was not collected.

        While tests run, only for one that collectstatic would not find either.
        """
        path = urlsplit(unquote(name)).path.strip()
        if tests_run() and self.hash_key(path) not in self.hashed_files and finders.find(path):
            return name
        stored: str = super().stored_name(name)
        return stored

    def load_manifest(self) -> tuple[dict[str, str], str]:
        """Like Django's, but empty for an incomplete file, so that files can be collected again."""
        try:
            manifest: tuple[dict[str, str], str] = super().load_manifest()
        except ValueError:
            return {}, ""
        return manifest

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        if self.keep_only_hashed_files:
            # Where the files will be, not where they are created.
            there = storages["staticfiles"]
            paths = [path for path in paths if not there.exists(f"{path}.gz")]
        yield from super().compress_files(paths)


_stock_add_files = WhiteNoiseMiddleware.add_files


def _add_files(self: WhiteNoiseMiddleware, root: Any, prefix: str | None = None) -> None:
    """Like the stock method, but without a warning about a folder that tests do not need."""
    if Path(root).is_dir() or not tests_run():
        _stock_add_files(self, root, prefix)


def install() -> None:
    """Let tests without collected files run without a warning, which some treat as an error."""
    WhiteNoiseMiddleware.add_files = _add_files
