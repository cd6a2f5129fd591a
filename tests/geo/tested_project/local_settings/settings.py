from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["places", "tested"]  # noqa: F405
MIDDLEWARE += ["tested.middleware.misuse"]  # noqa: F405
