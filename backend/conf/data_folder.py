"""What to do about a file or a folder that the application cannot write."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> str:
    """DATA_DIR, also for settings without that name."""
    return os.environ.get("DATA_DIR") or "/data"


def moved(place: Path, setting: str, name: str) -> str:
    """How to keep ``place`` in the data folder. Empty if it is already there.

    Elsewhere, other permissions do not help for long: the content ends with the container.
    ``setting`` has to name ``name`` below the data folder.
    """
    if place.is_relative_to(folder()):
        return ""
    return (
        f"Keep it in the data folder, which that user can write: set {setting} to "
        f"{folder()}{name}. Mount a volume at {folder()}."
    )


def mounted() -> str:
    """How to make the data folder itself writable."""
    return (
        f"Mount a volume at {folder()} (docker run -v api-data:{folder()}), or give a mounted "
        f"folder to that user on the host: chown {os.geteuid()} FOLDER"
    )
