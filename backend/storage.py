"""Where collected static files go: WhiteNoise's storage, made quick to collect again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Compresses only what has no compressed copy yet.

    A hashed name stands for its content, so the copy beside it is right. One changed
    file would otherwise compress all files of the admin and the documentation again,
    which is nine tenths of the time collectstatic takes.
    """

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        if self.keep_only_hashed_files:
            paths = [path for path in paths if not self.exists(f"{path}.gz")]
        yield from super().compress_files(paths)
