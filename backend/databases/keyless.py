"""Models of relations in which no columns identify a row: views, and tables without a unique key.

Django requires a primary key. Here, it is one that does nothing, so that rows can repeat.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.expressions import Col
from django.utils.functional import cached_property

# System columns: the table or partition of a row, and the place in it.
PLACES: dict[str, type[models.Field[Any, Any]]] = {
    "tableoid": models.BigIntegerField,
    "ctid": models.TextField,
}


class NoKey(models.CompositePrimaryKey):
    """Stands for the primary key. It has the value of the first column, which can repeat."""

    def __init__(self, **options: Any) -> None:
        # Names that CompositePrimaryKey requires. Nothing reads them.
        super().__init__("no", "key", **options)
        self.field_names: Any = ()

    @cached_property
    def fields(self) -> tuple[models.Field[Any, Any], ...]:
        return tuple(self.model._meta.local_concrete_fields[:1])


def is_keyless(model: type[models.Model]) -> bool:
    """Whether no columns identify a row of the model's relation."""
    return isinstance(model._meta.pk, NoKey)


class StoredAt(models.Expression):
    """A system column that tells where PostgreSQL stores a row. Views do not have it."""

    def __init__(self, column: str) -> None:
        super().__init__(output_field=PLACES[column]())
        self.column = column

    def resolve_expression(  # type: ignore[override]  # as another expression
        self, query: Any, *args: Any, **options: Any
    ) -> Any:
        target: Any = self.output_field
        target.set_attributes_from_name(self.column)
        return Col(query.get_initial_alias(), target)
