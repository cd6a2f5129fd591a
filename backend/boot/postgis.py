"""What to do about a PostgreSQL server, or a database, without PostGIS."""

from __future__ import annotations

from django.apps import apps

from backend.router import alias_of

ENGINE = "django.db.backends.postgresql"
# The extension is not installed on the server, or this user cannot create it in the database.
NOT_AVAILABLE, NOT_CREATED = 'extension "postgis" is not available', 'extension "postgis"'


def fix_for(alias: str, error: BaseException) -> str | None:
    """The second line for an error of creating the extension; None for any other error."""
    message = str(error)
    if NOT_AVAILABLE not in message:
        return (
            "Run CREATE EXTENSION postgis; in that database as a superuser."
            if NOT_CREATED in message
            else None
        )
    image = "run a server with PostGIS: in the Compose file, image: postgis/postgis:17-3.5"
    if _has_geometry(alias):
        return f"A model has a geometry field, so {image} instead of image: postgres."
    return (
        f"No model has a geometry field, so you can set ENGINE of '{alias}' in DATABASES to "
        f"'{ENGINE}'. Or {image} instead of image: postgres."
    )


def _has_geometry(alias: str) -> bool:
    return any(
        hasattr(field, "geom_type")
        for model in apps.get_models()
        if alias_of(model) == alias
        for field in model._meta.local_fields
    )
