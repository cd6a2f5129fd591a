"""Foreign keys between the tables of a plan, and the names under which the API shows their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from backend.tables.generator import names
from backend.tables.reserved import RESERVED

if TYPE_CHECKING:
    from backend.tables.catalog import Column, ForeignKey
    from backend.tables.generator.plan import Table

# Members of a row, for its links.
LINKS = frozenset({"links", "_links"})


@dataclass(frozen=True)
class Reference:
    """A foreign key to a table that is served."""

    name: str  # of the row that it leads to
    columns: tuple[str, ...]
    fields: tuple[str, ...]  # the same columns in Python
    to: str  # the class of the model that it leads to
    targets: tuple[str, ...] = ()  # fields of that model. Empty for its primary key.


@dataclass(frozen=True)
class Referring:
    """A table with a foreign key to this one."""

    title: str
    model: str
    name: str  # of its reference


def with_references(tables: Sequence[Table]) -> list[Table]:
    """The tables with the foreign keys between them, in both directions."""
    by_name = {(each.alias, each.relation.schema, each.relation.name): each for each in tables}
    made = []
    for table in tables:
        references: list[Reference] = []
        for key in dict.fromkeys(table.relation.foreign_keys):
            other = by_name.get((table.alias, key.schema, key.relation))
            if other is not None and (one := _reference(key, table, other, references)):
                references.append(one)
        made.append(replace(table, references=tuple(references)))
    return [replace(each, referring=tuple(_referring(each, made))) for each in made]


def _reference(
    key: ForeignKey, table: Table, other: Table, others: Sequence[Reference]
) -> Reference | None:
    """None if a column is not shown, or has lists or objects."""
    fields, targets = _shown(table), _shown(other)
    if not (fields.keys() >= set(key.columns) and targets.keys() >= set(key.targets)):
        return None
    pairs = dict(zip(key.targets, key.columns, strict=True))
    is_primary = sorted(key.targets) == sorted(other.relation.key)
    order = other.relation.key if is_primary else key.targets
    columns = tuple(pairs[name] for name in order)
    taken = {each.name for each in table.relation.columns} | {each.name for each in others}
    return Reference(
        _name(columns, other, taken),
        columns,
        tuple(fields[name] for name in columns),
        other.model,
        () if is_primary else tuple(targets[name] for name in order),
    )


def _shown(table: Table) -> dict[str, str]:
    """The names in Python of the columns with one value, which people see."""
    return {
        each.column.name: each.name
        for each in table.fields
        if each.is_listed and not (each.is_geometry or _has_parts(each.column))
    }


def _has_parts(column: Column) -> bool:
    """Whether its values are lists or objects."""
    is_object = column.kind == "c" or column.type in ("json", "jsonb", "hstore")
    return is_object or column.element is not None


def _name(columns: Sequence[str], other: Table, taken: Collection[str]) -> str:
    """``stop`` for a column stop_id, or else the name of the table, or ``stop_row``."""
    taken = {*taken, *RESERVED, *LINKS, ""}
    row = f"{'_'.join(columns)}_row"
    wanted = [other.relation.name, row]
    if len(columns) == 1:
        wanted.insert(0, columns[0].removesuffix("_id"))
    numbered = names.free(row, taken, lambda number: f"{row}_{number}")
    return next((each for each in wanted if each not in taken), numbered)


def _referring(table: Table, tables: Sequence[Table]) -> Iterator[Referring]:
    own = {each.name for each in table.references}
    for other in tables:
        leading = [each for each in other.references if each.to == table.model]
        for each in leading:
            is_ambiguous = len(leading) > 1 or other.route in own
            column = f" ({', '.join(each.columns)})" if is_ambiguous else ""
            yield Referring(f"{other.route}{column}", other.model, each.name)
