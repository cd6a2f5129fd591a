from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["django.contrib.postgres", "values"]  # noqa: F405
DATABASES["replica"] = DATABASES["default"].copy()  # noqa: F405
