from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["asked"]  # noqa: F405
