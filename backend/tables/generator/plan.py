"""What the API makes of a catalog: the name, key, geometry, and fields of each relation.

Each relation is served, partly served, or skipped. What is missing has a reason and, if the
database can change that, the SQL that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.tables.catalog import Catalog, Column, Function, Relation
from backend.tables.catalog.relations import FUNCTION
from backend.tables.generator.metadata import Metadata
from backend.tables.generator.references import Reference, Referring
from backend.tables.generator.types import BYTES, WORDS, Declaration
from backend.tables.generator.writable import Writing

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
