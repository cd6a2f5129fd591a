"""What the role may write of a table: which operations, and which columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from backend.tables.catalog.relations import Column, Relation


@dataclass(frozen=True)
class Writing:
    """What clients may do with the rows of a table. By default, nothing."""

    creates: bool = False
    updates: bool = False
    deletes: bool = False
    inserted: frozenset[str] = frozenset()  # columns
    updated: frozenset[str] = frozenset()
    defaults: frozenset[str] = frozenset()  # columns that the database fills if a row has none
    missing: tuple[str, ...] = ()  # columns that a new row needs, but that clients cannot give

    @property
    def saves(self) -> bool:
        return self.creates or self.updates

    @property
    def fixed(self) -> frozenset[str]:
        """Columns that only new rows can be given."""
        return self.inserted - self.updated if self.updates else frozenset()

    @property
    def later(self) -> frozenset[str]:
        """Columns that only existing rows can be given."""
        return self.updated - self.inserted if self.creates else frozenset()

    def is_written(self, column: str) -> bool:
        return (self.creates and column in self.inserted) or (
            self.updates and column in self.updated
        )


def writing(relation: Relation, all_columns: Collection[Column], shown: Collection[str]) -> Writing:
    """What the role may do with a relation, some of whose columns are shown."""
    if not relation.key:
        return Writing()  # nothing identifies a row
    columns = [each for each in relation.columns if each.name in shown and _is_sent(each)]
    inserted = frozenset(each.name for each in columns if each.can_insert)
    updated = frozenset(each.name for each in columns if each.can_update) - {*relation.key}
    defaults = frozenset(each.name for each in relation.columns if _has_default(each, relation))
    missing = tuple(
        each.name
        for each in all_columns
        if not (each.nullable or each.is_generated or each.name in inserted | defaults)
        and each.default is None
    )
    return Writing(
        creates=relation.can_insert and not missing,
        updates=relation.can_update and bool(updated),
        deletes=relation.can_delete,
        inserted=inserted,
        updated=updated,
        defaults=defaults,
        missing=missing if relation.can_insert else (),
    )


def _is_sent(column: Column) -> bool:
    # PostgreSQL does not convert an array of texts to one of an enum.
    return column.element is None or column.element.kind != "e"


def _has_default(column: Column, relation: Relation) -> bool:
    if column.is_generated:
        return False
    # The default of a view's column is that of the table behind it.
    is_behind = relation.kind == "view" and column.name in relation.key
    return column.default is not None or column.is_identity or is_behind
