"""The settings of the project itself, with and without the image."""

APPS = ["django.contrib.humanize", "django.contrib.sitemaps", "rest_framework.authtoken", "shop"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django.contrib.auth.backends.RemoteUserBackend",
]
# A fast hash, because the users exist only for a minute.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/pages/"
