"""Creates the superuser that the environment names, once."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connections, router

from backend.boot import waiting
from backend.conf.environment import Environment
from backend.conf.errors import StartupError, one_line
from backend.logs.boot import say
from backend.server import phase

if TYPE_CHECKING:
    from django.contrib.auth.base_user import BaseUserManager


def create(env: Environment) -> None:
    """Create ``DJANGO_SUPERUSER_USERNAME`` unless it exists; its password is never printed.

    An existing superuser keeps its password. Raises StartupError if a variable is missing.
    """
    username, password = env["DJANGO_SUPERUSER_USERNAME"], env["DJANGO_SUPERUSER_PASSWORD"]
    if not username and not password:
        return
    if not username or not password:
        missing = "PASSWORD" if username else "USERNAME"
        raise StartupError(
            f"The superuser's name or password is set, but DJANGO_SUPERUSER_{missing} is not.",
            f"Set DJANGO_SUPERUSER_{missing} too, or unset both.",
        )
    if not apps.is_installed("django.contrib.auth"):
        raise StartupError(
            "DJANGO_SUPERUSER_USERNAME is set, but django.contrib.auth is not in INSTALLED_APPS.",
            "Add it to INSTALLED_APPS, or unset the DJANGO_SUPERUSER_ variables.",
        )
    phase.enter(phase.SUPERUSER)
    users = get_user_model()
    manager = users._default_manager.db_manager(router.db_for_write(users))
    if not hasattr(manager, "get_by_natural_key"):
        raise StartupError(
            f"{type(manager).__name__}, the manager of {settings.AUTH_USER_MODEL}, has no "
            "get_by_natural_key, which logins need.",
            "Derive it from django.contrib.auth.models.BaseUserManager.",
        )
    try:
        with waiting.asking(connections[manager.db]):
            created = not _exists(manager, username) and _create(manager, username, password, env)
    except DatabaseError as error:
        raise StartupError(
            f"The superuser cannot be created: {one_line(error)}",
            f"Create it when the database '{manager.db}' answers and is migrated (DB_WAIT, "
            "MIGRATE), or unset the DJANGO_SUPERUSER_ variables.",
        ) from error
    say(f"superuser '{username}' {'created' if created else 'exists and is left as it is'}")


def _exists(manager: BaseUserManager[Any], username: str) -> bool:
    """Whether that user exists, also under the name as the user model normalizes it."""
    normal = getattr(manager.model, "normalize_username", str)(username)
    email = getattr(manager, "normalize_email", str)(username)
    for name in dict.fromkeys((username, normal, email)):
        with contextlib.suppress(ObjectDoesNotExist):
            manager.get_by_natural_key(name)
            return True
    return False


def _create(manager: BaseUserManager[Any], username: str, password: str, env: Environment) -> bool:
    """Create it; False if another container was faster, or the name exists in the database."""
    users = manager.model
    # The command reads the password, and other fields of a custom user, from there.
    os.environ["DJANGO_SUPERUSER_PASSWORD"] = password
    given = {users.USERNAME_FIELD: username, "database": manager.db}
    if "email" in users.REQUIRED_FIELDS:
        given["email"] = env["DJANGO_SUPERUSER_EMAIL"] or f"{username}@localhost"
    try:
        call_command("createsuperuser", interactive=False, verbosity=0, **given)
    except (CommandError, IntegrityError) as error:
        alike = {f"{users.USERNAME_FIELD}__iexact": username}
        if _exists(manager, username) or manager.filter(**alike).exists():
            return False
        raise StartupError(
            f"The superuser cannot be created: {one_line(error)}",
            f"Set DJANGO_SUPERUSER_<FIELD> for each required field of {settings.AUTH_USER_MODEL}.",
        ) from error
    return True
