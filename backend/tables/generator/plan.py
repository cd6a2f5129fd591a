"""What the API makes of a catalog: the name, key, geometry, and fields of each relation.

Each relation is served, partly served, or skipped. What is missing has a reason and, if the
database can change that, the SQL that does.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.tables.catalog import Catalog, Column, ForeignKey, Function, Relation
from backend.tables.catalog.relations import FUNCTION, quoted
from backend.tables.generator import names
from backend.tables.generator.metadata import Metadata, TableMetadata
from backend.tables.generator.references import Reference, Referring, with_references
from backend.tables.generator.types import BYTES, WORDS, Declaration, declaration
from backend.tables.generator.writable import Writing, writing

LARGE = 100_000  # rows from which a filter without an index is noticeably slow
# Tables of Django, REST framework, and their usual companions. Nobody wants to publish them.
OF_DJANGO = frozenset(
    """auth_group auth_group_permissions auth_permission auth_user auth_user_groups
    auth_user_user_permissions authtoken_token django_admin_log django_content_type
    django_migrations django_session django_site""".split()
)
# Columns of users, sessions, and tokens under any other name.
SIGNATURES = (
    frozenset({"password", "last_login"}),
    frozenset({"session_key", "session_data"}),
    frozenset({"key", "created", "user_id"}),
)
SERVED, PARTLY, SKIPPED = "served", "partly served", "skipped"


@dataclass(frozen=True)
class Note:
    """Why something is missing, or may surprise, and the SQL that would change it."""

    problem: str
    sql: str = ""
    is_loss: bool = True  # False for what is served nevertheless


@dataclass(frozen=True)
class Field:
    """A column and its model field."""

    column: Column
    name: str  # in Python
    declared: Declaration
    to: str = ""  # the class of the model that a foreign key leads to

    @property
    def is_listed(self) -> bool:
        """Whether lists show it."""
        return self.column.type not in (BYTES, WORDS)

    @property
    def is_geometry(self) -> bool:
        return self.column.geometry is not None

    @property
    def is_filtered(self) -> bool:
        return not self.is_geometry and self.column.type != BYTES


@dataclass(frozen=True)
class Table:
    """A relation that the API serves."""

    relation: Relation
    alias: str
    model: str  # the name of its class
    route: str  # below /api/
    fields: tuple[Field, ...]
    geometry: Field | None = None
    notes: tuple[Note, ...] = ()
    title: str = ""
    description: str = ""
    is_public: bool = True
    writing: Writing = field(default_factory=Writing)
    references: tuple[Reference, ...] = ()
    referring: tuple[Referring, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """The Python names of its key. Empty if there is none."""
        by_column = {each.column.name: each.name for each in self.fields}
        return tuple(by_column[name] for name in self.relation.key)

    @property
    def label(self) -> str:
        """Its name, for people."""
        return f"{self.relation.schema}.{self.relation.name}"

    @property
    def status(self) -> str:
        return PARTLY if any(note.is_loss for note in self.notes) else SERVED


@dataclass(frozen=True)
class Call:
    """A function whose rows the API serves."""

    function: Function
    table: Table  # the one whose rows they are, or one for these rows alone
    model: str  # the first part of its view's name
    route: str

    @property
    def has_own_table(self) -> bool:
        return self.table.relation.kind == FUNCTION

    @property
    def label(self) -> str:
        """Its name, for people."""
        return f"{self.function.schema}.{self.function.name}()"

    @property
    def notes(self) -> tuple[Note, ...]:
        return self.table.notes if self.has_own_table else ()

    @property
    def status(self) -> str:
        return self.table.status if self.has_own_table else SERVED


@dataclass(frozen=True)
class Skipped:
    """A relation that the API does not serve."""

    schema: str
    name: str
    note: Note


@dataclass(frozen=True)
class Plan:
    """An API for some schemas of one or several databases."""

    tables: tuple[Table, ...]
    calls: tuple[Call, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[Note, ...] = ()

    @property
    def endpoints(self) -> tuple[Table | Call, ...]:
        """All that has a URL."""
        return *self.tables, *self.calls

    @property
    def models(self) -> tuple[Table, ...]:
        """The tables, and the rows of functions that are not those of one."""
        return *self.tables, *(call.table for call in self.calls if call.has_own_table)


@dataclass
class Source:
    """A catalog, and what is wanted of it."""

    alias: str
    catalog: Catalog
    tables: Sequence[str] = ()  # globs; none means all
    exclude: Sequence[str] = ()
    # Spatial reference systems of columns that declare none, with the reason.
    srids: Mapping[tuple[str, str, str], tuple[int | None, str]] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)
    write: bool = False  # where the role may


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
    return Plan(tuple(tables), skipped=tuple(skipped), warnings=warnings)


class Maker:
    """Makes the plan of one relation, or of the rows of a function."""

    def __init__(
        self, relation: Relation, source: Source, others: Sequence[Table], about: TableMetadata
    ) -> None:
        self.metadata = about
        self.relation = _visible(relation, self.metadata.hidden)
        self.columns = relation.columns  # also hidden ones
        self.source, self.others = source, others
        self.notes: list[Note] = []

    def table(self, prefix: str) -> Table:
        relation = self.relation
        fields = self._fields()
        geometry = next((each for each in fields if each.is_geometry), None)
        self._note_key()
        if relation.unreadable:
            self._note_unreadable()
        self._note_unlisted(fields)
        self._note_filters(fields)
        allowed = self._writing(fields)
        return Table(
            relation,
            self.source.alias,
            names.model(relation.name, [other.model for other in self.others]),
            prefix + names.route(relation.name, self._routes(prefix)),
            fields,
            geometry,
            tuple(self.notes),
            title=self.metadata.title or relation.name,
            description=self._description(),
            is_public=not self.metadata.login,
            writing=allowed,
        )

    def _note_unlisted(self, fields: Sequence[Field]) -> None:
        for name in (each.column.name for each in fields if each.column.type == WORDS):
            self._note(f"{name} is left out: a text search vector, which ?{name}= searches.")
        for name in (each.column.name for each in fields if each.column.type == BYTES):
            if self.relation.key and name not in self.relation.key:
                self._note(f"{name}, binary data, is only on the page of a row.", is_loss=False)
            else:
                self._note(f"{name} is left out: binary data.")

    def _writing(self, fields: Sequence[Field]) -> Writing:
        if not self.source.write or self.relation.kind == FUNCTION:
            return Writing()
        geometries = [each.column.name for each in fields if each.is_geometry]
        # A view shows and accepts one geometry at a time.
        shown = {each.column.name for each in fields if each.is_listed} - {*geometries[1:]}
        allowed = writing(self.relation, self.columns, shown | {*geometries})
        if needed := [name for name in geometries[1:] if not self.relation.column(name).nullable]:
            allowed = replace(allowed, creates=False, missing=(*allowed.missing, *needed))
        if allowed.missing:
            self._note(
                f"Clients cannot add rows, because they cannot give {', '.join(allowed.missing)}.",
                is_loss=False,
            )
        return allowed

    def _routes(self, prefix: str) -> list[str]:
        """The routes that other relations of the schema have, or will have."""
        schema, name = self.relation.schema, self.relation.name
        own = [
            each.route.removeprefix(prefix)
            for each in self.others
            if (each.alias, each.relation.schema) == (self.source.alias, schema)
        ]
        # A name that can be a route is one, whatever other tables there are.
        own += [
            each.name
            for each in self.source.catalog.relations
            if each.schema == schema and each.name != name and names.is_route(each.name)
        ]
        # The routes of functions, and those of other schemas, begin with these names.
        first = ("functions", *(names.route(each, ()) for each in self.source.catalog.schemas))
        return own if prefix else [*own, *first]

    def _fields(self) -> tuple[Field, ...]:
        made: list[Field] = []
        keys = self.relation.key if len(self.relation.key) == 1 else ()
        for column in self.relation.columns:
            taken = {each.name for each in made} | {f"{each.name}_id" for each in made}
            name = names.field(column.name, taken, is_key=column.name in keys)
            zone, is_key = self.metadata.timezone, column.name in self.relation.key
            declared = declaration(column, self._srid(column), zone, is_key=is_key)
            made.append(Field(column, name, declared))
        return tuple(made)

    def _description(self) -> str:
        about = self.metadata
        description = about.description or self.relation.comment
        lines = [
            f"{name}: {text}"
            for name, text in (("Source", about.source), ("License", about.license))
            if text
        ]
        return "\n\n".join(filter(None, (about.title, description, "\n".join(lines))))

    def _srid(self, column: Column) -> int | None:
        if column.geometry is None or column.geometry.srid:
            return None
        relation = self.relation
        place = (relation.schema, relation.name, column.name)
        if column.name in self.metadata.srid:
            return self.metadata.srid[column.name]
        srid, reason = self.source.srids.get(place, (None, ""))
        if relation.kind == FUNCTION and srid is None:
            self._note(
                f"Rows whose {column.name} has no spatial reference system count as longitude and "
                "latitude.",
                f"ST_SetSRID({quoted(column.name)}, SRID)",
                is_loss=False,
            )
            return None
        sql = ""
        if relation.kind in ("table", "partitioned table"):
            names_of = ", ".join(_text(name) for name in place)
            sql = f"SELECT UpdateGeometrySRID({names_of}, {srid or 'SRID'});"
        if srid is None:
            problem = f"The spatial reference system of {column.name} is unknown: {reason}. Its "
            self._note(f"{problem}coordinates count as longitude and latitude.", sql)
        else:
            problem = f"{column.name} declares no spatial reference system. EPSG:{srid} is used: "
            self._note(f"{problem}{reason}.", sql, is_loss=False)
        return srid

    def _note(self, problem: str, sql: str = "", *, is_loss: bool = True) -> None:
        self.notes.append(Note(problem, sql, is_loss))

    def _note_key(self) -> None:
        relation = self.relation
        if relation.key or relation.kind == FUNCTION:
            return
        problem = "It has no key, so its rows have no pages of their own."
        sql = ""
        is_table = relation.kind in ("table", "partitioned table")
        if relation.has_children:
            problem += " The rows of the tables that inherit from it are not in its indexes."
        elif relation.nullable_keys:
            (key, *_) = relation.nullable_keys
            problem += f" Its unique index on {', '.join(key)} allows several rows with NULL."
            nullable = [name for name in key if relation.column(name).nullable]
            actions = ", ".join(f"ALTER COLUMN {quoted(name)} SET NOT NULL" for name in nullable)
            sql = f"ALTER TABLE {qualified(relation)} {actions};" if is_table else ""
        elif is_table:
            sql = f"ALTER TABLE {qualified(relation)} ADD PRIMARY KEY (COLUMN);"
        elif relation.kind == "materialized view":
            sql = f"CREATE UNIQUE INDEX ON {qualified(relation)} (COLUMN);"
        self._note(problem, sql)

    def _note_unreadable(self) -> None:
        columns = ", ".join(map(quoted, self.relation.unreadable))
        role = quoted(self.source.catalog.role)
        self._note(
            f"The role cannot read {', '.join(self.relation.unreadable)}.",
            f"GRANT SELECT ({columns}) ON {qualified(self.relation)} TO {role};",
        )

    def _note_filters(self, fields: Collection[Field]) -> None:
        relation = self.relation
        if relation.rows < LARGE or relation.kind not in ("table", "partitioned table"):
            return
        for each in fields:
            if each.is_geometry and each.column.name not in relation.indexed:
                self._note(
                    f"{relation.rows:,} rows have no index on {each.column.name}, so maps and "
                    "filters by place are slow.",
                    f"CREATE INDEX ON {qualified(relation)} USING gist "
                    f"({quoted(each.column.name)});",
                    is_loss=False,
                )
        slow = [
            each.column.name
            for each in fields
            if not each.is_geometry and each.column.name not in (*relation.indexed, *relation.key)
        ]
        if slow:
            self._note(
                f"{relation.rows:,} rows have no index on {', '.join(slow)}, so filters by these "
                "are slow. Create one on each column that clients filter by.",
                f"CREATE INDEX ON {qualified(relation)} ({quoted(slow[0])});",
                is_loss=False,
            )


def _visible(relation: Relation, hidden: Collection[str]) -> Relation:
    """The relation without these columns. Without a part of its key, it has none."""
    columns = tuple(each for each in relation.columns if each.name not in hidden)
    names = {each.name for each in columns}
    return replace(
        relation,
        columns=columns,
        key=relation.key if names.issuperset(relation.key) else (),
        unique=tuple(each for each in relation.unique if names.issuperset(each)),
    )


def _is_wanted(name: str, source: Source) -> bool:
    def matches(globs: Sequence[str]) -> bool:
        return any(fnmatch.fnmatchcase(name, glob) for glob in globs)

    return (not source.tables or matches(source.tables)) and not matches(source.exclude)


def cannot_serve(relation: Relation, metadata: Metadata) -> Note | None:
    """Why the API leaves a relation out. None if it does not."""
    columns = {column.name for column in relation.columns}
    if relation.name in OF_DJANGO or any(columns >= signature for signature in SIGNATURES):
        return Note("It is a table of Django, with accounts, sessions, or what they did.")
    if not metadata.of(relation).serve:
        return Note(f"{metadata.file} says so.")
    if not relation.columns:
        return Note(
            "It has no column that the role can read.",
            f"ALTER TABLE {qualified(relation)} ADD COLUMN id bigserial PRIMARY KEY;",
        )
    if relation.refused:
        role, schema, name = relation.refused[0]
        table = quoted(schema, name)
        return Note(
            f"It reads {schema}.{name}, which the role {role} cannot read.",
            f"GRANT SELECT ON {table} TO {quoted(role)};",
        )
    if not relation.is_populated:
        return Note("It has no data yet.", f"REFRESH MATERIALIZED VIEW {qualified(relation)};")
    return None


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
    if other is None or other.relation.key != key.targets:
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


def qualified(relation: Relation) -> str:
    """The relation's name with its schema, as SQL."""
    return quoted(relation.schema, relation.name)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
