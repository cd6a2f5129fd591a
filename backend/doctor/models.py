"""Whether the database can read the models: their tables, columns, permissions, and keys.

For tables that migrations create, the migrations show this. A model of an existing table is
somebody's assumption about it. If the assumption is wrong, each request for the model is a 500.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import OperationalError, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.databases import identifiers
from backend.databases.keyless import is_keyless
from backend.databases.stored_types import stored_type, stored_types
from backend.databases.unique_keys import has_unique_key, key_columns
from backend.router import alias_of

COLUMNS = """
SELECT asked.number, relkind, asked.name,
    CASE WHEN a.attnum IS NOT NULL THEN has_column_privilege(c.oid, a.attnum, 'SELECT') END
FROM unnest(%s::int[], %s::text[], %s::text[]) WITH ORDINALITY
    AS asked (number, relation, name, place)
LEFT JOIN pg_class c ON c.oid = to_regclass(asked.relation)
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = asked.name AND NOT a.attisdropped
ORDER BY asked.place
"""
OF_NO_TABLE = ("v", "m", "f")  # views and foreign tables, whose keys are not in the catalog
SAMPLE, PATIENCE = 10_000, 1  # how many of their rows are checked, and for how many seconds


def unreadable(alias: str, connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    """Errors in the models of a PostgreSQL database."""
    every = [model for model in apps.get_models(include_auto_created=True) if _is_of(model, alias)]
    database_models = [
        model for model in every if not identifiers.function_of(model._meta.db_table)
    ]
    for model in every:
        if function := identifiers.function_of(model._meta.db_table):
            for message, fix in _of_function(connection, model, identifiers.regclass(function)):
                yield Finding(PROBLEM, f"database {alias}", f"{model._meta.label}: {message}", fix)
    asked = [
        (number, identifiers.table(model), identifiers.column_name(field.column))
        for number, model in enumerate(database_models)
        for field in model._meta.local_concrete_fields
        if field.column
    ]
    if not asked:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (role,) = cursor.fetchone()
        cursor.execute(COLUMNS, [list(each) for each in zip(*asked, strict=True)])
        rows = cursor.fetchall()
    kinds = {number: kind for number, kind, *_ in rows}
    for number, model in enumerate(database_models):
        columns = {name: may_read for of, _, name, may_read in rows if of == number}
        kind = kinds.get(number)
        wrong = list(_columns(connection, model, kind, columns, role))
        if not wrong and not model._meta.managed:
            wrong = [*_key(connection, model, kind), *_systems(connection, model)]
        for level, message, fix in wrong:
            yield Finding(level, f"database {alias}", f"{model._meta.label}: {message}", fix)
    yield from _times(alias, connection, database_models)


def _is_of(model: type[models.Model], alias: str) -> bool:
    if alias_of(model) != alias or model._meta.proxy or model._meta.swapped:
        return False
    if model.__module__.startswith("django.contrib.gis.db.backends."):  # PostGIS's own views
        return False
    # Nothing uses the tables of accounts if the role cannot create them.
    return not model._meta.managed or router.allow_migrate_model(alias, model)


def _of_function(
    connection: BaseDatabaseWrapper, model: type[models.Model], function: str
) -> Iterator[tuple[str, str]]:
    """Errors in a model of the rows that a function returns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, has_function_privilege(to_regproc(%s)::oid, 'EXECUTE')",
            [function],
        )
        role, may_call = cursor.fetchone()
    known = stored_types(model, connection.alias)
    columns = [str(field.column) for field in model._meta.local_concrete_fields]
    names = list(map(identifiers.column_name, columns))
    if may_call is None:
        fix = "Correct db_table in its Meta, or remove the model."
        yield f"There is no function {function}, or there are several.", fix
    elif not may_call:
        fix = f"Run GRANT EXECUTE ON FUNCTION {function} TO {connection.ops.quote_name(role)};"
        yield f"The role '{role}' may not execute {function}.", f"{fix} as its owner."
    elif absent := [name for name in names if name not in known]:
        fix = "Correct db_column of its field, or remove the field."
        yield f"The function {function} does not return a column {_some(absent)}.", fix


def _columns(
    connection: BaseDatabaseWrapper,
    model: type[models.Model],
    kind: str | None,
    columns: dict[str, bool | None],
    role: str,
) -> Iterator[tuple[str, str, str]]:
    table, quote = model._meta.db_table, connection.ops.quote_name
    absent = [name for name, may_read in columns.items() if may_read is None]
    denied = [name for name, may_read in columns.items() if may_read is False]
    if absent and not model._meta.managed:  # the check of migrations covers managed models
        if kind is None:
            fix = "Correct db_table in its Meta, or the search_path of this database."
            yield PROBLEM, f"No schema of the search_path has a table '{table}'.", fix
            return
        fix = "Correct db_column of its field, or remove the field."
        if model._meta.pk.auto_created and model._meta.pk.column in absent:
            fix = (
                "Django adds this key to a model without a primary key. Set primary_key on the "
                "field whose values are unique, or name several in a CompositePrimaryKey."
            )
        yield PROBLEM, f"The table '{table}' has no column {_some(absent)}.", fix
    if denied:
        whole = len(denied) == len(columns)
        of = "" if whole else f" ({', '.join(map(quote, denied))})"
        part = "" if whole else f" {_some(denied)} of"
        fix = f"Run GRANT SELECT{of} ON {identifiers.table(model)} TO {quote(role)}; as the "
        fix += "table's owner, or remove " + (
            "the model." if whole else "these fields from the model."
        )
        yield PROBLEM, f"The role '{role}' cannot read{part} the table '{table}'.", fix


def _key(
    connection: BaseDatabaseWrapper, model: type[models.Model], kind: str | None
) -> Iterator[tuple[str, str, str]]:
    if is_keyless(model):
        return
    names, table = key_columns(model), model._meta.db_table
    fix = "Make the columns that are unique together the key: a CompositePrimaryKey"
    if kind not in OF_NO_TABLE:
        if not has_unique_key(model, connection.alias):
            message = f"The table '{table}' has no unique index on its primary key ({_some(names)})"
            message += ": pages use an offset, and the page of a row can be an error 500."
            yield WARNING, message, f"{fix} that has such an index."
        return
    columns = ", ".join(identifiers.quoted(name).replace("%%", "%") for name in names)
    sample = f"SELECT {columns} FROM {identifiers.table(model)} LIMIT {SAMPLE}"  # noqa: S608
    sql = f"SELECT 1 FROM ({sample}) rows GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
    several: Any = None
    # If the query takes longer, there is no finding.
    with (
        contextlib.suppress(OperationalError),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SET LOCAL statement_timeout = {PATIENCE * 1000}")
        cursor.execute(sql)
        several = cursor.fetchone()
    if several:
        message = (
            f"Some rows of '{table}' have the same primary key ({_some(names)}), so pages leave "
            "rows out."
        )
        yield WARNING, message, f"{fix}."


def _systems(
    connection: BaseDatabaseWrapper, model: type[models.Model]
) -> Iterator[tuple[str, str, str]]:
    """Geometry columns without a declared SRID, for which inspectdb writes srid=0."""
    for field in model._meta.local_concrete_fields:
        if not hasattr(field, "geom_type"):
            continue
        from django.contrib.gis.db.models.fields import BaseSpatialField

        from backend.geo import srid  # only projects with geometries need it

        if not isinstance(field, BaseSpatialField) or field.srid > 0:
            continue
        label = srid.storage(field, connection.alias).label
        if label not in (0, srid.WGS84):
            message = f"The field '{field.name}' has srid={field.srid}, but its rows have {label}: "
            message += "lists and streams show the stored coordinates as if they were in degrees."
            yield WARNING, message, f"Set srid={label} on the field."


def _times(
    alias: str, connection: BaseDatabaseWrapper, database_models: list[type[models.Model]]
) -> Iterator[Finding]:
    """Timestamps without time zone, which Django's filters compare in the connection's zone."""
    if not settings.USE_TZ or connection.timezone_name == settings.TIME_ZONE:
        return
    names = [
        f"{model._meta.label}.{field.name}"
        for model in database_models
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.DateTimeField)
        and (stored := stored_type(field, alias))
        and stored.name == "timestamp"
    ]
    if names:
        yield Finding(
            WARNING,
            f"database {alias}",
            f"Timestamps without time zone ({_some(names)}) are shown in TIME_ZONE "
            f"({settings.TIME_ZONE}), but filters compare them in {connection.timezone_name}.",
            f'Set DATABASES["{alias}"]["TIME_ZONE"] = "{settings.TIME_ZONE}".',
        )


def _some(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more
