"""Makes the plan of an API from catalogs."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backend.tables.catalog import Catalog, ForeignKey
from backend.tables.catalog.relations import quoted
from backend.tables.generator import names
from backend.tables.generator.calls import with_calls
from backend.tables.generator.maker import Maker, cannot_serve
from backend.tables.generator.plan import Field, Note, Plan, Skipped, Source, Table
from backend.tables.generator.references import with_references
from backend.tables.generator.types import BYTES, Declaration


def plan(sources: Sequence[Source]) -> Plan:
    """The API for these sources. The first schema has the shortest URLs."""
    tables: list[Table] = []
    skipped: list[Skipped] = []
    first = next((schema for source in sources for schema in source.catalog.schemas), None)
    for source in sources:
        for schema, name in source.catalog.hidden:
            if _is_wanted(name, source):
                skipped.append(Skipped(schema, name, _no_permission(schema, name, source.catalog)))
        for relation in source.catalog.relations:
            if not _is_wanted(relation.name, source):
                continue
            if (note := cannot_serve(relation, source.metadata)) is not None:
                skipped.append(Skipped(relation.schema, relation.name, note))
                continue
            prefix = "" if relation.schema == first else f"{names.route(relation.schema, ())}/"
            about = source.metadata.of(relation)
            made = Maker(relation, source, tables, about).table(prefix)
            tables.append(made)
    warnings = tuple(note for source in sources for note in _warnings(source.catalog))
    tables = with_references(_with_relations(tables))
    return with_calls(Plan(tuple(tables), skipped=tuple(skipped), warnings=warnings), sources)


def _is_wanted(name: str, source: Source) -> bool:
    def matches(globs: Sequence[str]) -> bool:
        return any(fnmatch.fnmatchcase(name, glob) for glob in globs)

    return (not source.tables or matches(source.tables)) and not matches(source.exclude)


def _no_permission(schema: str, name: str, catalog: Catalog) -> Note:
    return Note(
        f"The role {catalog.role} cannot read it.",
        f"GRANT SELECT ON {quoted(schema)}.{quoted(name)} TO {quoted(catalog.role)};",
    )


def _warnings(catalog: Catalog) -> list[Note]:
    role, schemas = catalog.role, ", ".join(map(quoted, catalog.schemas))
    reader = (
        "CREATE ROLE reader LOGIN PASSWORD '...'; "
        f"GRANT USAGE ON SCHEMA {schemas} TO reader; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO reader;"
    )
    if catalog.is_superuser:
        return [Note(f"The role {role} is a superuser. Use one that can only read.", reader)]
    if any(relation.is_owned for relation in catalog.relations):
        return [Note(f"The role {role} owns tables. Use one that can only read.", reader)]
    return []


def _with_relations(tables: Sequence[Table]) -> list[Table]:
    """With foreign keys to tables that are served too. Others stay plain columns."""
    by_name = {(each.alias, each.relation.schema, each.relation.name): each for each in tables}
    made = []
    for table in tables:
        # The first foreign key of a column. A column can have several.
        keys: dict[str, ForeignKey] = {}
        for each in table.relation.foreign_keys:
            if len(each.columns) == 1:
                keys.setdefault(each.columns[0], each)
        fields = [
            _related(each, keys[each.column.name], table, by_name)
            if each.column.name in keys
            else each
            for each in table.fields
        ]
        made.append(replace(table, fields=tuple(fields)))
    return made


def _related(
    own: Field, key: ForeignKey, table: Table, tables: Mapping[tuple[str, str, str], Table]
) -> Field:
    other = tables.get((table.alias, key.schema, key.relation))
    if other is None or other.relation.key != key.targets or own.column.type == BYTES:
        return own
    others = {each.name for each in table.fields if each is not own}
    # A column route_id becomes a field route, as Django would name the column of a field route.
    name = own.name.removesuffix("_id") if own.name != "_id" else own.name
    name = names.field(name, others, is_key=table.relation.key == (own.column.name,))
    if f"{name}_id" in others:
        return own
    declared = Declaration(
        "models.ForeignKey",
        (f'"{other.model}"' if other.model != table.model else '"self"', "models.DO_NOTHING"),
    )
    return replace(own, name=name, declared=declared.with_(related_name="+"), to=other.model)
