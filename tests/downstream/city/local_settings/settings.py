import os

from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["records"]  # noqa: F405
TIME_ZONE = "America/Los_Angeles"
# As doctor wants it for timestamps without time zone.
DATABASES["city"]["TIME_ZONE"] = os.environ.get("CITY_TIME_ZONE", TIME_ZONE)  # noqa: F405
