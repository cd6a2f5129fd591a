from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["shapes"]  # noqa: F405
# Each login of a test would take a third of a second for its password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
