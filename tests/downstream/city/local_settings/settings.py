import os

from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["records"]  # noqa: F405
TIME_ZONE = "America/Los_Angeles"
# doctor recommends this for timestamps without a time zone.
DATABASES["city"]["TIME_ZONE"] = os.environ.get("CITY_TIME_ZONE", TIME_ZONE)  # noqa: F405
