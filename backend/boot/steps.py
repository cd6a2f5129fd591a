"""The steps between a loaded configuration and the first request or task, in their order."""

from __future__ import annotations

from backend.boot import data, database, migrations, static, superuser
from backend.conf.environment import current


def take() -> None:
    """The steps of a server. Raises StartupError at the first problem."""
    env = current()
    _prepare_folders()
    if env["DB_WAIT"]:
        database.wait(env["DB_WAIT_TIMEOUT"])
    if env["MIGRATE"]:
        migrations.migrate(env["MIGRATE_LOCK_TIMEOUT"])
    if env["COLLECTSTATIC"]:
        static.collect()
    superuser.create(env)


def take_for_worker() -> None:
    """The steps of a worker, for which a server or a release step changes the databases."""
    env = current()
    _prepare_folders()
    if env["DB_WAIT"]:
        database.wait(env["DB_WAIT_TIMEOUT"])
        migrations.wait(env["MIGRATE_LOCK_TIMEOUT"])


def _prepare_folders() -> None:
    data.make_folder()
    data.share_databases()
    data.find_temporary_folder()
    data.check_kept_key()
    data.make_media_folder()
