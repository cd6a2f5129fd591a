"""Model fields for types of PostgreSQL that Django has no field for, and models without a key."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.postgres import fields as postgres
from django.core.checks import CheckMessage
from django.db import models
from django.db.models import lookups
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from rest_framework import serializers

from backend.databases.functions import FunctionManager
from backend.databases.keyless import NoKey
from backend.databases.local_times import LocalDateTimeField, ZonedDateTimeField
from backend.geo.arrays import NestedListField

if TYPE_CHECKING:
    _Lookup = lookups.FieldGetDbPrepValueIterableMixin
else:
    _Lookup = object

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class KeylessModel(models.Model):
    """The base of a model for a view, or a table without a unique key.

    Its lists have every row, also those that are equal. There are no pages of single rows.
    """

    pk = NoKey()

    class Meta:
        abstract = True

    @classmethod
    def _check_composite_pk(cls) -> list[CheckMessage]:
        return []  # about columns that can be null


class FunctionModel(KeylessModel):
    """The base of a model for the rows of a function, which a view with ``FunctionMixin`` calls."""

    objects = FunctionManager()

    class Meta:
        abstract = True


class ShownLocalDateTime(serializers.DateTimeField):
    """Shows what is stored, without a Z or an offset."""

    timezone: Any = None

    class Meta:
        # https://spec.openapis.org/registry/format/date-time-local.html
        swagger_schema_fields: ClassVar = {"format": "date-time-local"}

    def to_internal_value(self, value: Any) -> Any:
        """Raises ValidationError for an offset, which the column cannot store."""
        moment = super().to_internal_value(value)
        if is_aware(parse_datetime(str(value)) or moment):
            raise serializers.ValidationError("Write it without a time zone: 2024-07-01T12:30:00.")
        return moment


class ShownZonedDateTime(serializers.DateTimeField):
    """Shows what is stored, with the offset of its zone."""

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.timezone = parent.Meta.model._meta.get_field(self.source).timezone


class NumericField(models.DecimalField):  # type: ignore[type-arg]
    """``numeric`` without a precision: any number of digits."""

    def _check_decimal_places(self) -> list[CheckMessage]:
        return []

    def _check_max_digits(self) -> list[CheckMessage]:
        return []

    def _check_decimal_places_and_max_digits(self, **kwargs: Any) -> list[CheckMessage]:
        return []

    def db_type(self, connection: Any) -> str:
        return "numeric"


class JSONField(models.JSONField):
    """``json``, read as its text: not all of it can become ``jsonb``, such as ``"\\u0000"``."""

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"{sql}::text", params

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        document = super().from_db_value(value, expression, connection)
        if isinstance(value, str) and SURROGATE.search(value):
            return json.loads(_encodable(json.dumps(document, ensure_ascii=False)))
        return document


class CompositeField(JSONField):
    """A composite type, as a JSON object of its fields. ``type`` is its name, as SQL."""

    def __init__(self, *args: Any, type: str = "", **options: Any) -> None:  # noqa: A002  as in SQL
        super().__init__(*args, **options)
        self.type = type

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "type": self.type}

    def db_type(self, connection: Any) -> str:
        return self.type

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"to_json({sql})::text", params

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        return f"jsonb_populate_record(NULL::{self.type.replace('%', '%%')}, %s)"


class HStoreField(JSONField):
    """``hstore``, as a JSON object of texts, in whichever schema the extension is."""

    def db_type(self, connection: Any) -> str:
        return "hstore"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"to_json({sql})::text", params

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if not isinstance(value, dict):
            return value
        return ",".join(f"{_pair(key)}=>{_pair(text)}" for key, text in value.items())


def _pair(text: str | None) -> str:
    """A part of an hstore, as PostgreSQL reads it."""
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encodable(text: str) -> str:
    """With U+FFFD for half a surrogate pair, which no text of UTF-8 can have."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class ArrayField(postgres.ArrayField):  # type: ignore[type-arg]  # like its base
    """An array, of any number of dimensions."""


class MoneyField(models.DecimalField):  # type: ignore[type-arg]
    """``money``, which PostgreSQL writes with a currency sign, as a number."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_digits": 19, "decimal_places": 2, **options})

    def db_type(self, connection: Any) -> str:
        return "money"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        return f"{sql}::numeric", params


class ShownMoney(serializers.DecimalField):
    """Shows a number: it has two decimals, which a float represents well enough."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"coerce_to_string": False, **options})


class ShownObject(serializers.JSONField):
    """Shows an object."""

    class Meta:
        swagger_schema_fields: ClassVar = {"type": "object"}

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for anything else."""
        made: Any = super().to_internal_value(data)
        if not isinstance(made, dict):
            raise serializers.ValidationError('Write it as an object: {"name": "value"}.')
        return made


class ShownPairs(ShownObject):
    """Shows an object of texts."""

    class Meta:
        swagger_schema_fields: ClassVar = {
            "type": "object",
            "additionalProperties": {"type": "string", "x-nullable": True},
        }

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError for anything else."""
        pairs = super().to_internal_value(data)
        if not all(isinstance(text, str | None) for text in pairs.values()):
            raise serializers.ValidationError('Write the values as texts: {"name": "value"}.')
        return pairs


class _OfMoney(_Lookup):
    """Compares with money, so that an index on the column can be used."""

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, Any]:
        sql, params = super().get_db_prep_lookup(value, connection)
        return f"CAST(CAST({sql} AS numeric) AS money)", params

    def batch_process_rhs(self, compiler: Any, connection: Any, rhs: Any = None) -> Any:
        places, params = super().batch_process_rhs(compiler, connection, rhs)
        return tuple(f"CAST(CAST({sql} AS numeric) AS money)" for sql in places), params


for _name in ("exact", "gt", "gte", "lt", "lte", "in"):
    _stock: Any = models.DecimalField().get_lookup(_name)
    MoneyField.register_lookup(type(f"Money{_stock.__name__}", (_OfMoney, _stock), {}))

_mapping: Any = serializers.ModelSerializer.serializer_field_mapping
_mapping |= {
    ArrayField: NestedListField,
    CompositeField: ShownObject,
    HStoreField: ShownPairs,
    LocalDateTimeField: ShownLocalDateTime,
    ZonedDateTimeField: ShownZonedDateTime,
    MoneyField: ShownMoney,
}
