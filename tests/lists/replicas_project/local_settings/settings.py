import random

from backend.hacko_settings import *  # noqa: F403


class Replicas:
    """Reads from either database, as in Django's documentation."""

    def db_for_read(self, model, **hints):
        return random.choice(["default", "replica"])  # noqa: S311

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, one, other, **hints):
        return True


INSTALLED_APPS += ["asked"]  # noqa: F405
DATABASE_ROUTERS += [Replicas()]  # noqa: F405
