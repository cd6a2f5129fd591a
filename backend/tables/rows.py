"""The base of models whose rows the API writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.models.expressions import DatabaseDefault, RawSQL

# The value of a field's ``db_default``: the column has one, whatever it is.
DATABASE_DEFAULT = RawSQL("DEFAULT", ())


class WritableModel(models.Model):
    """A table whose columns keep their defaults, and whose role may not write every column."""

    # Fields that only new rows, or only existing rows, can be given.
    only_inserted: Sequence[str] = ()
    only_updated: Sequence[str] = ()

    class Meta:
        abstract = True

    def _do_insert(
        self, manager: Any, using: Any, fields: Any, returning_fields: Any, raw: bool
    ) -> Any:
        # A default is that of the column if the statement does not name the column. A view has no
        # other way, and a role may not be allowed to write the column.
        given = [
            field
            for field in fields
            if field.editable
            and field.name not in self.only_updated
            and not isinstance(getattr(self, field.attname), DatabaseDefault)
        ]
        insert: Any = super()._do_insert  # type: ignore[misc]  # private
        return insert(manager, using, given, returning_fields, raw)
