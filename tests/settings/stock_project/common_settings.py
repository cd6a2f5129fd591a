"""What the project itself sets, on both sides."""

APPS = ["django.contrib.humanize", "django.contrib.sitemaps", "rest_framework.authtoken", "shop"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "django.contrib.auth.backends.RemoteUserBackend",
]
# Of users that live for a minute.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_REDIRECT_URL = "/pages/"
