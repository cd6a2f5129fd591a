from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["places"]  # noqa: F405
