from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["shapes"]  # noqa: F405
# A secure hash would add a third of a second to each login.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
