"""What a catalog consists of: relations with columns and keys, and functions."""

from __future__ import annotations

from dataclasses import dataclass

FUNCTION = "function"  # the kind of the relation that a function's rows are


@dataclass(frozen=True)
class Geometry:
    """The spatial type of a column."""

    type: str  # GEOMETRY, POINT, MULTIPOLYGON, CURVEPOLYGON, and so on
    srid: int  # 0 if the column declares none
    dimensions: int = 2  # 2, 3, or 4
    geography: bool = False


@dataclass(frozen=True)
class Column:
    """A column that the role can SELECT."""

    name: str
    declared: str  # as format_type() writes it: "numeric(5,2)", "permit_status", "text[]"
    type: str  # its name in pg_type, behind any domains: numeric, permit_status, _text
    kind: str  # pg_type.typtype of that type: b base, c composite, e enum, m multirange, r range
    category: (
        str  # pg_type.typcategory: https://www.postgresql.org/docs/current/catalog-pg-type.html
    )
    nullable: bool = True
    default: str | None = None  # the expression
    is_generated: bool = False  # GENERATED ALWAYS AS (...) STORED
    is_identity: bool = False
    comment: str = ""
    max_length: int | None = None  # of varchar(n) and char(n)
    # Precision and scale of numeric(p, s). The scale can be negative, or above the precision.
    digits: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()  # of an enum, or of the enum in an array
    element: Column | None = None  # of an array: a column of its elements' type
    geometry: Geometry | None = None
    can_insert: bool = False
    can_update: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to another relation of any schema."""

    columns: tuple[str, ...]
    schema: str
    relation: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table, view, materialized view, or foreign table."""

    schema: str
    name: str
    kind: str  # the words above
    columns: tuple[Column, ...]
    # The columns of the primary key, or else of the shortest unique index without a condition on
    # columns that are never null. Empty if there is none, or if the role cannot SELECT all of it.
    # A view of one table has the key of the table, if it selects it.
    key: tuple[str, ...] = ()
    # The columns of every other unique index of that kind.
    unique: tuple[tuple[str, ...], ...] = ()
    # The columns of unique indexes that do not identify rows, because one of them can be null.
    nullable_keys: tuple[tuple[str, ...], ...] = ()
    # Whether tables inherit from it (INHERITS). Their rows are its rows, but not in its indexes.
    has_children: bool = False
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexed: tuple[str, ...] = ()  # first columns of its indexes that have no condition
    rows: int = 0  # an estimate; -1 if the table was never analyzed
    comment: str = ""
    # What a view reads, but the role whose privileges count, mostly its owner, cannot SELECT: that
    # role, schema, and name. Every query of the view fails.
    refused: tuple[tuple[str, str, str], ...] = ()
    unreadable: tuple[str, ...] = ()  # columns that the role cannot SELECT
    has_row_security: bool = False
    is_row_security_active: bool = False  # for this role: not for a superuser, or most owners
    is_owned: bool = False  # whether the role owns it, perhaps as a member of the owning role
    is_populated: bool = True  # false for a materialized view WITH NO DATA, which nobody can read
    can_insert: bool = False
    can_update: bool = False
    can_delete: bool = False

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True)
class Argument:
    """An argument of a function."""

    name: str  # empty if it has none
    type: str  # as format_type() writes it
    has_default: bool = False


@dataclass(frozen=True)
class Function:
    """A function that returns rows, and changes nothing (STABLE or IMMUTABLE)."""

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    returns: tuple[str, str] | None  # schema and name of the relation whose rows it returns
    columns: tuple[Column, ...]  # of its rows
    comment: str = ""
    is_variadic: bool = False  # its last argument is an array, which a call must say

    @property
    def rows(self) -> Relation:
        """Its rows, as those of a relation."""
        return Relation(self.schema, self.name, FUNCTION, self.columns, comment=self.comment)


@dataclass(frozen=True)
class Catalog:
    """The schemas that were asked for."""

    role: str
    is_superuser: bool
    schemas: dict[str, str]  # the comment of each
    relations: tuple[Relation, ...]  # by schema and name
    # Relations in these schemas that the role cannot SELECT at all.
    hidden: tuple[tuple[str, str], ...] = ()
    functions: tuple[Function, ...] = ()


def quoted(*names: str) -> str:
    """The names as SQL for people, such as "city"."Parks"."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
