"""Writes the code for a database's tables into an app, and keeps it up to date."""

from __future__ import annotations

import ast
import difflib
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.conf.errors import StartupError, explain, in_line
from backend.tables import catalog
from backend.tables.catalog import coordinates
from backend.tables.generator import code, metadata, plan, planner, report
from backend.tables.project import generated_app, given_srids, merge_file, snapshot
from backend.tables.project.generated_app import Kept
from backend.tables.project.merge import Merged, merge
from backend.tables.project.merge_file import Conflict

# What to do about a conflict.
FIXES = {
    merge_file.BOTH: "Change yours to the new text, or keep yours with --keep-yours.",
    merge_file.BOTH_ADDED: "Rename yours, change it to the new text, or keep it with --keep-yours.",
    merge_file.GONE: "Remove it, or keep it with --keep-yours.",
    merge_file.MISSING: "Make the change in your code, and then run this with --keep-yours.",
    merge_file.USED: "Remove what uses it, or keep both with --keep-yours.",
}
# The schemas of the search_path that exist, and those of others that have relations. Extensions'
# relations, such as those of PostGIS, are not data.
SCHEMAS = """
SELECT n.nspname::text, n.nspname = ANY (current_schemas(false))
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND has_schema_privilege(n.oid, 'USAGE')
AND EXISTS (
    SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
        AND d.deptype = 'e'
    )
)
ORDER BY array_position(current_schemas(false), n.nspname), n.nspname
"""


@dataclass(frozen=True)
class Options:
    """What to generate. It is kept for the next run."""

    database: str = "default"
    schemas: Sequence[str] = ()
    tables: Sequence[str] = ()  # globs; none means all
    exclude: Sequence[str] = ()
    functions: Sequence[str] = ()
    srid: Sequence[str] = ()  # TABLE.COLUMN=SRID, of columns that declare none
    metadata: str = ""  # the path of a metadata.yml
    write: bool = False  # where the role may

    def changed(self, **given: Any) -> Options:
        """With those options that are given."""
        return replace(self, **{name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class Inspected:
    """What a database contains, and the code for it."""

    options: Options
    plan: plan.Plan
    files: Mapping[str, str]

    def kept(self) -> Kept:
        """What to keep of a first run."""
        return Kept(asdict(self.options), snapshot.snapshot(self.plan), dict(self.files))

    def report(self) -> str:
        """What is served, and what is not, with reasons."""
        return "\n".join([*report.lines(self.plan), f"Together: {report.summary(self.plan)}."])


def inspect(cursor: Any, options: Options, app: str, earlier: Options | None = None) -> Inspected:
    """Read the database behind a cursor. ``app`` is the module of the app. Raises StartupError.

    ``earlier`` are the options of the last run.
    """
    options = options.changed(schemas=options.schemas or _schemas(cursor))
    sources = [_source(cursor, options, earlier or Options())]
    planned = planner.plan(sources)
    if not (planned.tables or planned.calls):
        raise StartupError(
            f"Nothing to generate: {report.summary(planned)}.",
            "Check --schema, --table, and --exclude, and what the role can SELECT.",
        )
    return Inspected(options, planned, _in_project(code.files(planned, app)))


def _source(cursor: Any, options: Options, earlier: Options) -> plan.Source:
    about = metadata.read(Path(options.metadata) if options.metadata else None)
    try:
        read = catalog.read(cursor, options.schemas, options.functions)
    except StartupError as error:
        problem = error.problem.replace("PUBLISH_SCHEMAS:", "--schema:")
        raise StartupError(
            problem.replace("PUBLISH_FUNCTIONS:", "--function:"), error.fix
        ) from None
    about.check([read])
    coordinates.check_search_path(cursor, read)
    srids = coordinates.infer(cursor, read)
    srids |= given_srids.read(cursor, options.srid, read, earlier.srid)
    return plan.Source(
        options.database, read, options.tables, options.exclude, srids, about, options.write
    )


def _in_project(files: Mapping[str, str]) -> dict[str, str]:
    """The files with a folder for tests, because a project has more of them."""
    moved = {"tests.py": "tests/test_tables.py"}
    return {"tests/__init__.py": "", **{moved.get(name, name): files[name] for name in files}}


def _schemas(cursor: Any) -> list[str]:
    """The schemas of the search_path that have tables. Raises StartupError if there is none."""
    cursor.execute(SCHEMAS)
    rows = cursor.fetchall()
    if searched := [name for name, is_searched in rows if is_searched]:
        return searched
    names = [name for name, _ in rows]
    raise StartupError(
        "The schemas of the search_path have no tables.",
        f"Name a schema that has some: --schema {' --schema '.join(map(shlex.quote, names))}"
        if names
        else "Check the name of the database, and what the role can use.",
    )


@dataclass(frozen=True)
class Update:
    """What a further run changes."""

    app: Path
    kept: Kept  # from now on
    differences: Sequence[str]  # between the database as it was and as it is
    merged: Merged
    before: Mapping[str, str] = field(default_factory=dict)

    def write(self) -> None:
        """Write all files, or none. Raises StartupError."""
        old = generated_app.read_kept(self.app)
        gone = (old.texts().keys() if old else set()) - self.kept.texts().keys()
        # The copies come last: if the process is killed, the next run merges the same again.
        changes = {**self.merged.changes, **self.kept.texts(), **dict.fromkeys(gone)}
        generated_app.write(self.app, changes)

    def diff(self) -> Iterator[str]:
        """The changed lines of your files."""
        for name, text in self.merged.changes.items():
            path = in_line(f"{self.app.name}/{name}")
            yield from difflib.unified_diff(
                self.before.get(name, "").splitlines(keepends=True),
                (text or "").splitlines(keepends=True),
                f"a/{path}",
                f"b/{path}",
            )

    def report(self) -> Iterator[str]:
        """What changed, and what you have to do."""
        for line in self.differences:
            yield f"Changed in the database: {line}"
        for name, text in self.merged.changes.items():
            yield f"{self._file(name)}: {'removed' if text is None else self._counts(name)}"
        for path, name, number in self.merged.stale:
            yield f"{self._file(name)}, line {number}: your code names {path[-1]}, which is gone"
        for path in self.merged.missing:
            yield f"{self._file(path[0])}{_inside(path)}: changed, but you removed or renamed it"
        for conflict in self.merged.conflicts:
            yield from self._conflict(conflict)

    def _file(self, name: str) -> str:
        return in_line(f"{self.app.name}/{name}")

    def _counts(self, name: str) -> str:
        before, after = self.before.get(name, ""), self.merged.changes[name] or ""
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0)
        changes = list(lines)[2:]  # without the names of the files
        added, removed = (sum(line.startswith(mark) for line in changes) for mark in "+-")
        return f"{added} lines added, {removed} removed"

    def _conflict(self, conflict: Conflict) -> Iterator[str]:
        place = f", line {conflict.line}" if conflict.line else ""
        yield ""
        yield (
            f"CONFLICT {self._file(conflict.path[0])}{place}{_inside(conflict.path)}: "
            f"{conflict.problem}"
        )
        for title, text in (("yours", conflict.yours), ("new", conflict.new)):
            if text:
                yield f"    {title}:"
                yield textwrap.indent(textwrap.dedent(text).rstrip("\n"), " " * 8)
        yield f"    {FIXES[conflict.problem]}"


def _inside(path: Sequence[str]) -> str:
    return f" ({in_line('.'.join(path[1:]))})" if path[1:] else ""


def update(app: Path, kept: Kept, inspected: Inspected, *, keep_yours: bool = False) -> Update:
    """Merge what changed into the app. Writes nothing. Raises StartupError."""
    names = {*kept.files, *inspected.files}
    yours, others = generated_app.read_files(app, names)
    for name, text in {**yours, **others}.items():
        if name.endswith(".py"):
            _check_python(app / name, text)
    merged = merge(kept.files, inspected.files, yours, others=others, keep_yours=keep_yours)
    now = snapshot.snapshot(inspected.plan)
    return Update(
        app,
        Kept(
            asdict(inspected.options),
            now,
            merged.generated,
            [f"{each.path[0]}{_inside(each.path)}" for each in merged.conflicts],
        ),
        list(snapshot.differences(kept.tables, now)),
        merged,
        yours,
    )


def _check_python(file: Path, text: str) -> None:
    try:
        ast.parse(text, filename=str(file))
    except (SyntaxError, ValueError) as error:
        raise explain(error, file) from error
