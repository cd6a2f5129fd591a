"""This API's settings, on top of the image's."""

# ruff: noqa: F403, F405
from backend.hacko_settings import *

INSTALLED_APPS += ["transit"]


def schemas(*names: str) -> dict[str, str]:
    """Connection options under which tables are looked for in these PostgreSQL schemas."""
    return {"options": f"-c search_path={','.join(names)},public"}


# `default` comes from POSTGRES_*, `land`, on a second server, from LAND_DATABASE_URL.
# `census` is a second schema on the first server.
DATABASES["default"]["OPTIONS"] = schemas("django")
DATABASES["census"] = {**DATABASES["default"], "OPTIONS": schemas("passenger_census")}
