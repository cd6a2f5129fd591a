"""This API's settings, on top of the image's."""

# ruff: noqa: F403, F405
from backend.hacko_settings import *

INSTALLED_APPS += ["transit"]


def schemas(*names: str) -> dict[str, str]:
    """Options of a connection that looks for tables in these PostgreSQL schemas."""
    return {"options": f"-c search_path={','.join(names)},public"}


# `default` comes from POSTGRES_*. `land`, on a second server, comes from LAND_DATABASE_URL.
# `census` is a second schema in the database of `default`.
DATABASES["default"]["OPTIONS"] = schemas("django")
DATABASES["census"] = {**DATABASES["default"], "OPTIONS": schemas("passenger_census")}
