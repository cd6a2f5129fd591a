"""Data: what to do about removed names, and about packages in requirements."""

from __future__ import annotations

from collections.abc import Iterator

from backend.conf.findings import PROBLEM, Finding
from backend.kit.upgrade.rules import installed

SWAGGER = (
    "Delete it: the image already serves /swagger/ and /redoc/. To serve them at your own path, "
    'use `from backend.docs import redoc, swagger` and path("schema/", swagger).'
)
PARAMETERS = (
    "Describe the parameters in get_schema_operation_parameters(self, view), which returns a list "
    'of {"name": ..., "in": "query", "required": False, "description": ..., "schema": {"type": '
    '"string"}}.'
)
SERVES_STATIC = "Delete it: the image's middleware already serves static files."

# The advice on a dotted name is that of its longest prefix here.
NAMES = {
    "rest_framework_swagger": SWAGGER,
    "rest_framework.documentation": SWAGGER,
    "rest_framework.schemas.coreapi": SWAGGER,
    "rest_framework.renderers.CoreJSONRenderer": SWAGGER,
    "rest_framework.compat": "The names in rest_framework.compat are private and may disappear: "
    "import the package itself, inside a try if it is optional.",
    "rest_framework.compat.coreapi": PARAMETERS,
    "rest_framework.compat.coreschema": PARAMETERS,
    "rest_framework.decorators.list_route": "Use action(detail=False), with url_path= for an "
    "underscore in the name.",
    "rest_framework.decorators.detail_route": "Use action(detail=True).",
    "rest_framework.filters.DjangoFilterBackend": "Import it from django_filters.rest_framework.",
    "django.contrib.gis.admin.GeoModelAdmin": "Use GISModelAdmin.",
    "django.contrib.gis.admin.OSMGeoAdmin": "Use GISModelAdmin.",
    "django.core.cache.backends.memcached.MemcachedCache": "Use PyMemcacheCache of the same "
    "module, and pymemcache instead of python-memcached in the requirements.",
    "rest_framework.serializers.NullBooleanField": "Use BooleanField(allow_null=True).",
    "coreapi": PARAMETERS,
    "coreschema": PARAMETERS,
    "openapi_codec": SWAGGER,
    "whitenoise.django": SERVES_STATIC,
    "osgeo": "Use django.contrib.gis.gdal, pyogrio, or rasterio.",
    "pkg_resources": "setuptools is not in the image. For a version: "
    'importlib.metadata.version("name"); '
    'for a file: importlib.resources.files("package"). Delete declare_namespace().',
    "distutils.version": "Use packaging.version.Version, with 'packaging' in requirements.txt.",
    "distutils.util.strtobool": 'For a variable: value.lower() in ("1", "on", "t", "true", "y", '
    '"yes").',
    "distutils": "Python no longer has distutils: use setuptools, shutil, or packaging.",
    "imp": "Use importlib: importlib.reload, importlib.util.find_spec.",
    "django.conf.urls.url": "Use django.urls.re_path.",
    "django.utils.six": "Use what Python 3 has: str instead of six.text_type, and so on.",
    "django.utils.lru_cache": "Use functools.lru_cache.",
    "django.utils.encoding.python_2_unicode_compatible": "Delete it, with its decorators.",
    "django.core.urlresolvers": "Import it from django.urls.",
    "django.contrib.auth.middleware.SessionAuthenticationMiddleware": "Delete it: Django now "
    "does this itself.",
    "django.contrib.postgres.fields.JSONField": "Use django.db.models.JSONField.",
    "psycopg2": "Look for its new name in the documentation of psycopg2.",
}
# Imports that no longer work, although the image's packages do not show it.
DEAD_IMPORTS = {
    "rest_framework_swagger": "rest_framework_swagger needs coreapi, which cannot be imported on "
    "Python 3.13, and is not maintained",
    "coreapi": "coreapi is not in the image, cannot be imported on Python 3.13, and REST "
    "framework no longer uses it",
    "coreschema": "coreschema is not in the image, and REST framework no longer uses it",
    "openapi_codec": "openapi_codec is not in the image, and is not maintained",
    "osgeo": "osgeo is not in the image, and building GDAL's package needs a compiler",
    "pkg_resources": "pkg_resources is missing: Python 3.12 and later come without setuptools",
}

# Packages of the image. A specifier in a team's requirements can only conflict with them.
CARRIED = {
    *("django", "djangorestframework", "djangorestframework-gis", "django-cors-headers"),
    *("django-filter", "whitenoise", "gunicorn", "psycopg2-binary", "drf-yasg", "orjson"),
    *("django-environ", "django-health-check", "psutil"),
}
# Packages that the image replaces, so their lines are commented out.
REPLACED = {
    "psycopg2": "building it needs a compiler; the image has psycopg2-binary",
    "coreapi": "it cannot be imported on Python 3.13, and REST framework no longer uses it",
    "coreapi-cli": "it needs coreapi, which cannot be imported on Python 3.13",
    "coreschema": "nothing uses it without coreapi",
    "openapi-codec": "it is not maintained; the image has drf-yasg",
    "django-rest-swagger": "it is not maintained; the image has drf-yasg",
    "django-rest-framework": "the package is djangorestframework, which the image has",
    "django-cors-middleware": "the image has django-cors-headers, with the same names",
    "gdal": "the image has GDAL for GeoDjango, but not its module osgeo",
    "pygdal": "the image has GDAL for GeoDjango, but not its module osgeo",
    "uwsgi": "building it needs a compiler; the image serves the project with gunicorn",
    "dataclasses": "Python has dataclasses",
    "enum34": "Python has enum",
    "futures": "Python has concurrent.futures",
    "pathlib": "Python has pathlib",
    "typing": "Python has typing",
}
# Packages that must be compiled, with those that are the same, but need no compiler.
WITHOUT_COMPILER = {"psycopg-c": "psycopg-binary"}
# Packages that should not be used, but only the team can remove or replace them.
DEAD = {
    "psycogreen": "Delete it: it is for gevent, and the image's workers use threads.",
    "nose": "It cannot be imported on Python 3.10 and later: use pytest.",
    "django-nose": "It cannot be imported on Python 3.10 and later: use pytest-django.",
    "bumpversion": "It is not maintained: use bump-my-version.",
    "jsonfield": "Use django.db.models.JSONField.",
    "django-jsonfield": "Use django.db.models.JSONField.",
    "raven": "It is not maintained: use sentry-sdk.",
    "awsebcli": "Install it on the machine that deploys, not in the image.",
}
# The first release that runs on Python 3.13, if earlier ones cannot be built or imported. Sources:
# release notes, or the first files for cp313 on PyPI.
FIRST_FOR_PYTHON = {
    "cffi": "1.17.0",
    "fiona": "1.10.0",
    "future": "1.0.0",
    "gevent": "24.10.1",
    "greenlet": "3.1.0",
    "jinja2": "3.1.0",
    "lxml": "5.3.0",
    "markupsafe": "3.0.0",
    "matplotlib": "3.9.2",
    "numpy": "2.1.0",
    "pandas": "2.2.3",
    "pillow": "11.0.0",
    "pyjwt": "1.7.1",
    "pyproj": "3.7.0",
    "pytest": "8.2.0",
    "pyyaml": "6.0.2",
    "scikit-learn": "1.5.2",
    "scipy": "1.14.1",
    "shapely": "2.0.6",
    "six": "1.16.0",
    "typing-extensions": "4.12.0",
    "geopandas": "1.0.0",
    "django-crispy-forms": "2.3",
    "django-debug-toolbar": "4.4.6",
    "django-extensions": "4.1",
    "pytest-django": "4.9.0",
    "pytest-xdist": "3.6.0",
}
# The first release that runs with Django 5.2. Source: release notes, and requirements on PyPI.
FIRST_FOR_DJANGO = {
    "channels": "4.0.0",
    "channels-redis": "4.0.0",
    "daphne": "4.0.0",
    "django-celery-beat": "2.8.0",
    "django-mptt": "0.15.0",
    "django-silk": "5.1.0",
    "django-simple-history": "3.4.0",
    "django-storages": "1.14.0",
    "djangorestframework-simplejwt": "5.3.0",
    "easy-thumbnails": "2.10.0",
    "sorl-thumbnail": "12.10.0",
}


def about(dotted: str) -> str:
    """What to do about a name, or empty if there is no advice."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        if advice := NAMES.get(".".join(parts[:length])):
            return advice
    return ""


def gone(path: str, line: int, name: str, for_advice: str) -> Iterator[Finding]:
    """A finding with advice if a full name no longer exists."""
    dead = DEAD_IMPORTS.get(name.partition(".")[0])
    if dead or not installed.exists(name):
        fix = about(for_advice) or "Look for its new place in the release notes of its package."
        yield Finding(PROBLEM, path, f"{dead or f'{name} no longer exists'}.", fix, line)
