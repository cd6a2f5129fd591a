from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["rest_framework.authtoken", "access"]  # noqa: F405
MIDDLEWARE += ["access.middleware.Reset"]  # noqa: F405
REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = [  # noqa: F405
    "rest_framework.authentication.SessionAuthentication",
    "rest_framework.authentication.BasicAuthentication",
    "rest_framework.authentication.TokenAuthentication",
]
# A secure hash would add a third of a second to each request with a password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# So low that a few rows exceed it.
EXACT_COUNT_LIMIT = 5
# Sessions are not in the database.
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": "/tmp/cache",
    }
}
