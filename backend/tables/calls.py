"""The rows that a function returns, as a list: ``/api/functions/stops_near/?lon=-122.6&lat=45.5``.

The arguments of the function are parameters. Everything else is that of a table: filters, pages,
streams, tiles, and the map. The table is the one whose rows the function returns, or else the rows
themselves, with a model of their own (``fields.FunctionModel``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.databases.identifiers import column_name, function_of, quoted
from backend.tables.reserved import RESERVED
from backend.tables.viewsets import KeylessTableViewSet

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object

# What an argument accepts, by its type as format_type() writes it. Others are text, which
# PostgreSQL converts.
FIELDS: dict[str, tuple[type[serializers.Field[Any, Any, Any, Any]], dict[str, Any]]] = {
    "smallint": (serializers.IntegerField, {"min_value": -(2**15), "max_value": 2**15 - 1}),
    "integer": (serializers.IntegerField, {"min_value": -(2**31), "max_value": 2**31 - 1}),
    "bigint": (serializers.IntegerField, {"min_value": -(2**63), "max_value": 2**63 - 1}),
    "real": (serializers.FloatField, {}),
    "double precision": (serializers.FloatField, {}),
    "numeric": (serializers.DecimalField, {"max_digits": None, "decimal_places": None}),
    "boolean": (serializers.BooleanField, {}),
    "date": (serializers.DateField, {}),
    "uuid": (serializers.UUIDField, {}),
    "json": (serializers.JSONField, {"binary": True}),
    "jsonb": (serializers.JSONField, {"binary": True}),
}
SCHEMAS = {
    serializers.IntegerField: "integer",
    serializers.FloatField: "number",
    serializers.DecimalField: "number",
    serializers.BooleanField: "boolean",
}


class ArgumentsFilter(BaseFilterBackend):
    """Keeps the rows that the view's ``function`` returns for the request's arguments."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """Raises ValidationError for an argument that is missing or has another type."""
        given: dict[str, Any] = {}
        problems: dict[str, Any] = {}
        for argument, (kind, is_optional) in view.arguments.items():
            text = request.query_params.get(view.parameter_of(argument))
            if text is None and is_optional:
                continue
            try:
                given[argument] = _value(kind, text)
            except ValidationError as error:
                problems[view.parameter_of(argument)] = error.detail
        if problems:
            raise ValidationError(problems)
        arguments = _arguments(view, given)
        if function_of(queryset.model._meta.db_table):
            called: QuerySet[Any] = queryset.called(arguments, given.values())  # type: ignore[attr-defined]  # see FunctionModel
            return called
        key = quoted(column_name(queryset.model._meta.pk.column))
        keys = f"SELECT {key} FROM {view.function}({arguments})"  # noqa: S608  names are quoted
        return queryset.filter(pk__in=RawSQL(keys, tuple(given.values())))  # noqa: S611

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        made = []
        for argument, (kind, is_optional) in view.arguments.items():
            cls = FIELDS.get(kind, (serializers.CharField, {}))[0]
            made.append(
                {
                    "name": view.parameter_of(argument),
                    "required": not is_optional,
                    "in": "query",
                    "description": f"Argument of the function: {kind}.",
                    "schema": {"type": SCHEMAS.get(cls, "string")},
                }
            )
        return made


class FunctionMixin(_View):
    """A list of the rows that a function returns. Put it before the view of their table."""

    # The function's name with its schema, as SQL, if its rows are those of a table.
    function: str
    # The type of each argument, and whether it has a default.
    arguments: Mapping[str, tuple[str, bool]]

    # The rows can depend on more than the data, such as the time of day.
    conditional = False
    # That of the class, because the model is the table of the rows.
    get_view_name = APIView.get_view_name
    filter_backends: Sequence[Any] = (ArgumentsFilter, *KeylessTableViewSet.filter_backends)

    @classmethod
    def required_parameters(cls) -> list[str]:
        """Those without which a request is a 400."""
        arguments = cls.arguments.items()
        return [cls.parameter_of(name) for name, (_, is_optional) in arguments if not is_optional]

    @classmethod
    def parameter_of(cls, argument: str) -> str:
        """The query parameter of an argument, which cannot be that of a filter or of a list."""
        filters: Any = getattr(cls, "filterset_class", None)
        is_taken = argument in RESERVED or (filters and argument in filters.base_filters)
        return f"argument_{argument}" if is_taken else argument


def _value(kind: str, text: str | None) -> Any:
    if text is None:
        raise ValidationError("This argument is required.")
    cls, options = FIELDS.get(kind, (serializers.CharField, {"allow_blank": True}))
    return cls(**options).run_validation(text)


def _arguments(view: Any, given: Collection[str]) -> str:
    casts = {name: view.arguments[name][0].replace("%", "%%") for name in given}
    return ", ".join(f"{quoted(name)} => %s::{cast}" for name, cast in casts.items())
