"""Makes the plan of one relation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from backend.tables.catalog import Column, Relation, coordinates
from backend.tables.catalog.relations import FUNCTION, quoted
from backend.tables.generator import names
from backend.tables.generator.metadata import Metadata, TableMetadata
from backend.tables.generator.plan import Field, Note, Source, Table
from backend.tables.generator.types import BYTES, WORDS, declaration
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
        if sql and reason.startswith(coordinates.SEVERAL):
            name, one = quoted(column.name), "geometry(Geometry, 4326)"
            sql = f"ALTER TABLE {qualified(relation)} ALTER {name} TYPE {one} USING "
            sql += f"ST_Transform({name}, 4326);"
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


def qualified(relation: Relation) -> str:
    """The relation's name with its schema, as SQL."""
    return quoted(relation.schema, relation.name)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
