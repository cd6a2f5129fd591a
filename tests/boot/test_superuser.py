"""The superuser that the environment names, with different user models."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import shell

MODELS = """
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Manager({manager}):
    def create_superuser(self, email, password):
        user = self.model(email={email})
        user.set_password(password)
        user.save(using=self._db)
        return user


class Person(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    objects = Manager()
    USERNAME_FIELD = "email"

    class Meta:
        in_db = "{alias}"
"""
SETTINGS = """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "people"]
AUTH_USER_MODEL = "people.Person"
DATABASES = {{
    alias: {{"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/{{alias}}"}}
    for alias in ("default", "census")
}}
"""
CREATE = """
from django.core.management import call_command
from backend.boot import superuser
from backend.conf.environment import current
for alias in ("default", "census"):
    call_command("migrate", run_syncdb=True, database=alias, verbosity=0)
superuser.create(current())
superuser.create(current())
"""
NAME = "Ada@EXAMPLE.org"
ENV = {"DJANGO_SUPERUSER_USERNAME": NAME, "DJANGO_SUPERUSER_PASSWORD": "never-in-a-log-7"}
TWICE = f"boot: superuser '{NAME}' created\nboot: superuser '{NAME}' exists and is left as it is"


def users(project: Path, manager: str, email: str, alias: str = "default") -> None:
    models = MODELS.format(manager=manager, email=email, alias=alias)
    settings = SETTINGS.format(folder=project)
    files = {"people/__init__.py": "", "people/models.py": models}
    write(project, {**files, "local_settings/settings.py": settings})


@pytest.mark.parametrize("alias", ["default", "census"])
@pytest.mark.parametrize("email", ["email", "self.normalize_email(email)", "email.lower()"])
def test_superuser_is_created_once_however_its_name_is_stored(
    project: Path, email: str, alias: str
):
    users(project, "BaseUserManager", email, alias)
    assert shell(project, CREATE, **ENV) == TWICE


def test_losing_the_race_to_create_the_superuser_is_not_an_error(project: Path):
    users(project, "BaseUserManager", "email")
    # Another container creates the user between the check and the creation.
    faster = "superuser._exists, exists = lambda *_: False, superuser._exists\n"
    race = f"{CREATE}{faster}superuser.create(current())\n"
    last = shell(project, race, **ENV).splitlines()[-1]
    assert last == f"boot: superuser '{NAME}' exists and is left as it is"


def test_manager_that_does_not_support_logins_is_named(project: Path):
    users(project, "models.Manager", "email")
    caught = CREATE.replace(
        "superuser.create(current())\nsuperuser",
        "try: superuser.create(current())\n"
        "except Exception as error: print(error)\nelse: superuser",
    )
    assert shell(project, caught, **ENV).splitlines() == [
        "ERROR: Manager, the manager of people.Person, has no get_by_natural_key, which logins "
        "need.",
        "FIX:   Derive it from django.contrib.auth.models.BaseUserManager.",
    ]
