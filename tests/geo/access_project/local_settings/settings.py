from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["rest_framework.authtoken", "access"]  # noqa: F405
MIDDLEWARE += ["access.middleware.Reset"]  # noqa: F405
REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = [  # noqa: F405
    "rest_framework.authentication.SessionAuthentication",
    "rest_framework.authentication.BasicAuthentication",
    "rest_framework.authentication.TokenAuthentication",
]
# Each request of a test with a login would take a third of a second for its password.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# So that a few rows are many.
EXACT_COUNT_LIMIT = 5
# What cookies say is signed, and not in the database.
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": "/tmp/cache",
    }
}
