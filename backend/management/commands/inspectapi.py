"""Writes an API for the tables of a database into an app, and keeps it up to date."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from backend.logs.ending import explained
from backend.management import inspected_apps
from backend.management.replaceable import ReplaceableCommand
from backend.tables.project import generated_app, inspect, snapshot
from backend.tables.project.generated_app import Kept
from backend.tables.project.inspect import Options

# The option, its name in Options, and its value.
REPEATABLE = (
    ("schema", "schemas", "NAME", "a schema (default: those of the search_path)"),
    ("table", "tables", "GLOB", "only tables whose names match, such as 'census_*'"),
    ("exclude", "exclude", "GLOB", "no tables whose names match"),
    ("function", "functions", "NAME", "a function that returns rows"),
    ("srid", "srid", "TABLE.COLUMN=SRID", "the system of a geometry column that declares none"),
)


class Command(ReplaceableCommand):
    help = (
        "Writes models, serializers, filters, views, URLs, and an admin for the tables of a "
        "database into an app. Run it again after the database has changed: it merges the changes, "
        "and never overwrites what you wrote."
    )
    # A class for a table that has changed can be wrong, which this corrects.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "app", nargs="?", metavar="APP", help="the app; needed only if there are several"
        )
        parser.add_argument("--database", metavar="ALIAS", help="its alias (default: default)")
        for name, dest, metavar, text in REPEATABLE:
            parser.add_argument(
                f"--{name}",
                dest=dest,
                metavar=metavar,
                action="append",
                default=[],
                help=f"{text}; repeatable",
            )
        parser.add_argument(
            "--metadata", metavar="FILE", default="", help="titles, licenses, and hidden columns"
        )
        parser.add_argument(
            "--write", action="store_true", help="let people who log in write, where the role may"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--check",
            action="store_true",
            help="only say what changed in the database, with exit code 1 if anything did",
        )
        how.add_argument(
            "--dry-run", action="store_true", help="only show what would change, as a diff"
        )
        how.add_argument(
            "--keep-yours",
            action="store_true",
            help="where you and the database both changed something, keep yours for good",
        )

    def handle(self, *, app: str | None, check: bool, **options: Any) -> None:
        given = {name: options[name] for name in Options.__dataclass_fields__}
        with explained(whole=options["traceback"]):
            folder, module = inspected_apps.find(app)
            kept = generated_app.read_kept(folder)
            earlier = Options(**kept.options) if kept else Options()
            wanted = earlier.changed(**given)
            with inspected_apps.cursor(wanted.database) as cursor:
                inspected = inspect.inspect(cursor, wanted, module, earlier)
            if check:
                self._check(folder, kept, inspected)
            elif kept is None:
                self._create(folder, module, inspected, dry_run=options["dry_run"])
            else:
                self._update(folder, kept, inspected, options)

    def _check(self, folder: Path, kept: Kept | None, inspected: inspect.Inspected) -> None:
        if kept is None:
            raise inspected_apps.not_generated(folder)
        now = snapshot.snapshot(inspected.plan)
        lines = [f"Not settled: {each}" for each in kept.conflicts]
        lines += snapshot.differences(kept.tables, now)
        if lines:
            self.stderr.write("\n".join(lines))
            self.stderr.write(
                f"Run manage.py inspectapi {folder.name}, and commit what it changes."
            )
            sys.exit(1)
        self.stdout.write(f"{folder.name} is as the database is.")

    def _create(
        self, folder: Path, module: str, inspected: inspect.Inspected, *, dry_run: bool
    ) -> None:
        inspected_apps.check_free(folder, inspected.files)
        self.stdout.write(inspected.report())
        names = [f"    {name}" for name, text in inspected.files.items() if text]
        if dry_run:
            self.stdout.write("\n".join(["", f"Would write into {folder}:", *names]))
            return
        with inspected_apps.writing(folder):
            generated_app.write(folder, {**inspected.files, **inspected.kept().texts()})
        self.stdout.write("\n".join(["", *inspected_apps.next_steps(folder, module)]))

    def _update(
        self, folder: Path, kept: Kept, inspected: inspect.Inspected, options: dict[str, Any]
    ) -> None:
        update = inspect.update(folder, kept, inspected, keep_yours=options["keep_yours"])
        self.stdout.write(inspected.report())
        lines = list(update.report())
        self.stdout.write("\n".join(["", *(lines or ["Nothing changed."])]))
        if options["dry_run"]:
            self.stdout.write("".join(update.diff()))
        else:
            with inspected_apps.writing(folder):
                update.write()
        if update.merged.conflicts:
            sys.exit(1)
