from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["rest_framework.authtoken", "records"]  # noqa: F405
