"""Creates the superuser that the environment names, once."""

from __future__ import annotations

import os

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from backend.boot.log import say
from backend.environment import Environment
from backend.errors import StartupError, one_line
from backend.health import phase


def create(env: Environment) -> None:
    """Create ``DJANGO_SUPERUSER_USERNAME`` unless it exists; its password is never printed.

    An existing one keeps its password. Raises StartupError when a part is missing.
    """
    username, password = env["DJANGO_SUPERUSER_USERNAME"], env["DJANGO_SUPERUSER_PASSWORD"]
    if not username and not password:
        return
    if not username or not password:
        missing = "PASSWORD" if username else "USERNAME"
        raise StartupError(
            f"The superuser's name or password is set, DJANGO_SUPERUSER_{missing} is not.",
            f"Set DJANGO_SUPERUSER_{missing} too, or neither of them.",
        )
    if not apps.is_installed("django.contrib.auth"):
        raise StartupError(
            "DJANGO_SUPERUSER_USERNAME is set, and django.contrib.auth is not in INSTALLED_APPS.",
            "Add it to INSTALLED_APPS, or unset the DJANGO_SUPERUSER_ variables.",
        )
    phase.enter(phase.SUPERUSER)
    users = get_user_model()
    try:
        users._default_manager.get_by_natural_key(username)
    except ObjectDoesNotExist:
        _create(users, username, password, env["DJANGO_SUPERUSER_EMAIL"])
        say(f"superuser '{username}' created")
    except DatabaseError as error:
        raise StartupError(
            f"The superuser cannot be looked for: {one_line(error)}",
            "Create it when the default database answers and is migrated (DB_WAIT, MIGRATE), or "
            "unset the DJANGO_SUPERUSER_ variables.",
        ) from error
    else:
        say(f"superuser '{username}' exists and is left as it is")


def _create(users: type, username: str, password: str, email: str) -> None:
    # The command reads its password, and a custom user's further fields, from there.
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = password
    given = {users.USERNAME_FIELD: username}
    if "email" in users.REQUIRED_FIELDS:
        given["email"] = email or f"{username}@localhost"
    try:
        call_command("createsuperuser", interactive=False, verbosity=0, **given)
    except CommandError as error:
        raise StartupError(
            f"The superuser cannot be created: {one_line(error)}",
            f"Set DJANGO_SUPERUSER_<FIELD> for each required field of {settings.AUTH_USER_MODEL}.",
        ) from error
