"""Django and GeoDjango in the test process, for code that does not need a container."""

from __future__ import annotations

from pathlib import Path

import django
from django.conf import settings

from backend.conf import geolibs


def configure() -> None:
    """Set the settings for all test modules of a process. The first module calls this."""
    gdal, geos = geolibs.locate()
    settings.configure(
        BASE_DIR=Path(__file__).parent,
        SECRET_KEY="of-the-tests",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        GDAL_LIBRARY_PATH=gdal,
        GEOS_LIBRARY_PATH=geos,
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.gis",
            "rest_framework",
            "rest_framework_gis",
        ],
        USE_TZ=True,
    )
    django.setup()
