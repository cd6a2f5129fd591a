"""Secret keys that are public, because anyone can read them in a sample or a guide."""

from __future__ import annotations

import hashlib
import re

# Django's own mark of a key that `startproject` wrote into a file.
# https://docs.djangoproject.com/en/5.2/ref/checks/#security (security.W009)
STARTPROJECT = "django-insecure-"
# The words of placeholders in samples, tutorials, and compose files: change-me-in-production,
# your_secret_key_here, replace-with-a-secret-key, foo, "!!!SET DJANGO_SECRET_KEY!!!".
WORDS = frozenset(
    """
    a an and any at be before by can do dont ever for from here i if in into is it its must my need
    never no not of on only or our please really so some that the this to use very with you your
    change changed changeit changeme enter fill generate generated insert keep make put replace run
    set update
    12 123 1234 12345 123456 1234567 12345678 123456789 1234567890 abc abcdef asdf qwerty x xxx xyz
    bar baz default demo dummy empty example fake fixme foo foobar hello hush letmein none null
    placeholder qux sample something temp temporary test testing tests tmp todo undefined world
    admin api app auth aws backend build ci cookie django docker drf env file flask gunicorn jwt
    local localhost postgres project sentry server service session settings site web website
    deploy deployed deploying deployment dev devel develop development prod production staging
    hash hex key keys pass passwd password phrase salt secret secrets sign signature signing token
    value variable
    insecure long private random safe secure securely strong super top unique unsafe
    char character characters chars letters string text 16 32 50 64 bytes goes least minimum
    openssl python rand
    """.split()
)
# SHA-256 of published keys that look random: the default of this image in 2019, the one in its
# repository's settings.py, and the one in the env.sample of its template.
PUBLISHED = frozenset(
    (
        "eeac852049522f74c3f0a33e02b93a6a5b343ec6c7e2b5cd88c2b747ab2e651d",
        "45b55d81c1f846e5624c310517b965e8e8e5a300d665b0830a370dbcd4ed4138",
        "fb26d0cd60e94ea0ebdca26484ed6e5dd3e6fefebcde950ba2e99b4150910d9d",
    )
)


def is_public(key: str) -> bool:
    """Whether a key is from public samples, or consists only of their words."""
    return (
        key.startswith(STARTPROJECT)
        or hashlib.sha256(key.encode()).hexdigest() in PUBLISHED
        or _is_made_of_words(re.sub(r"[^a-z0-9]", "", key.lower()))
    )


def _is_made_of_words(text: str) -> bool:
    """Whether ``text`` consists entirely of WORDS."""
    reachable = {0}
    for start in range(len(text)):
        if start in reachable:
            rest = (word for word in WORDS if text.startswith(word, start))
            reachable.update(start + len(word) for word in rest)
    return len(text) in reachable
