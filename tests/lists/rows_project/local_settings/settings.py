from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["things"]  # noqa: F405
ALLOWED_HOSTS = ["*"]
