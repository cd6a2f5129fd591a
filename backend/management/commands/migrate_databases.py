"""Migrates every database of the API: the release step for MIGRATE=false.

Like a start, it waits for each database, takes its migration lock, and applies its migrations.
The exit code is 0 if all databases are migrated.
"""

from typing import Any

from backend.boot import database, migrations
from backend.conf.environment import current
from backend.databases.needs import Need, aliases
from backend.health.probes import has_managed_models
from backend.logs.ending import explained
from backend.management.replaceable import ReplaceableCommand
from backend.server import stopping


class Command(ReplaceableCommand):
    help = "Waits for each database in turn, locks it, and applies its migrations."

    def handle(self, *args: Any, **options: Any) -> None:
        env = current()
        with (
            stopping.at_once("migrate_databases was stopped", terminated=143),
            explained(whole=options["traceback"]),
        ):
            for alias in filter(has_managed_models, aliases(Need.REQUIRED, Need.OPTIONAL)):
                database.wait_for(alias, env["DB_WAIT_TIMEOUT"])
            migrations.migrate(env["MIGRATE_LOCK_TIMEOUT"], every=True)
