from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["places"]  # noqa: F405
# Each request of a test with a login would take a third of a second for its password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
