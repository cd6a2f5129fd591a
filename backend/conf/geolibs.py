"""Finds GDAL, GEOS, and PROJ.

The pyogrio wheel contains one self-contained library that exports all three, and their data files.
In the image, a build stage copies them to a fixed place, which ``GDAL_LIBRARY_PATH``,
``GEOS_LIBRARY_PATH``, ``GDAL_DATA``, and ``PROJ_DATA`` name. Without Docker, this module finds them
in the installed wheel.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from backend.conf.errors import StartupError

SPATIALITE = "mod_spatialite.so"


def locate() -> tuple[str | None, str | None]:
    """Paths of the GDAL and of the GEOS library, None for "as Django searches".

    Sets ``GDAL_DATA`` and ``PROJ_DATA`` if it uses the wheel's library.
    """
    gdal = os.environ.get("GDAL_LIBRARY_PATH")
    if gdal:
        return gdal, os.environ.get("GEOS_LIBRARY_PATH") or gdal
    spec = importlib.util.find_spec("pyogrio")
    if spec is None or spec.origin is None:
        return None, None
    package = Path(spec.origin).parent
    library = library_in(package.parent)
    os.environ.setdefault("GDAL_DATA", str(package / "gdal_data"))
    os.environ.setdefault("PROJ_DATA", str(package / "proj_data"))
    return str(library), str(library)


def library_in(site_packages: Path) -> Path:
    """The wheel's only library, whose name contains a hash. StartupError unless there is one."""
    patterns = ("pyogrio.libs/libgdal*", "pyogrio/.dylibs/libgdal*")
    libraries = [path for pattern in patterns for path in site_packages.glob(pattern)]
    if len(libraries) != 1:
        raise StartupError(
            f"Expected one GDAL library in {site_packages}, found {len(libraries)}.",
            "Install pyogrio as requirements/geo.lock pins it, or set GDAL_LIBRARY_PATH and "
            "GEOS_LIBRARY_PATH.",
        )
    return libraries[0]


def spatialite() -> str | None:
    """Path of SQLite's spatial extension, or None if it is not installed."""
    roots = (Path("/usr/lib"), Path("/usr/local/lib"), Path("/opt/homebrew/lib"))
    paths = (
        path for root in roots for path in (*root.glob(SPATIALITE), *root.glob(f"*/{SPATIALITE}"))
    )
    return next((str(path) for path in paths), None)
