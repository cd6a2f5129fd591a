"""Sentences for people: what an operation does, and what a column contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from drf_yasg import openapi
from drf_yasg.inspectors import FieldInspector, NotHandled
from rest_framework import serializers

from backend.pages.names import plural

if TYPE_CHECKING:
    from django.db.models import Field, ForeignObjectRel

    Column: TypeAlias = Field[Any, Any] | ForeignObjectRel

# By name of the action. A viewset's own actions have docstrings.
SUMMARIES = {
    "list": "List {many}",
    "create": "Create {one}",
    "retrieve": "Read {one}",
    "update": "Replace {one}",
    "partial_update": "Change {one}",
    "destroy": "Delete {one}",
}
LONGEST_SUMMARY = 120  # https://spec.openapis.org/oas/v2.0.html#operation-object


# A larger limit is a library's safeguard, such as django-filter's against a number of a thousand
# digits. It says nothing about the column.
NO_LIMIT = 1e50


class DescriptionInspector(FieldInspector):
    """The comment of a field's column, if neither the serializer nor the model has a help text.

    It comes before all other inspectors, so that it sees the result of each.
    """

    def field_to_swagger_object(self, field: Any, *args: Any, **kwargs: Any) -> Any:
        return NotHandled

    def process_result(self, result: Any, method_name: str, obj: Any, **kwargs: Any) -> Any:
        has_place = isinstance(result, (openapi.Schema, openapi.Parameter))
        if has_place and isinstance(obj, serializers.Field) and not result.get("description"):
            text = of_column(_column(obj))
            if text:
                result.description = text
        for name in ("minimum", "maximum"):
            if has_place and abs(result.get(name, 0)) >= NO_LIMIT:
                del result[name]
        return result


def joined(*sentences: str) -> str:
    """The sentences that say something new, each with its period."""
    text = ""
    for each in filter(None, (sentence.strip() for sentence in sentences)):
        if each not in text:
            text += ("" if not text else " " if text[-1] in ".:?!" else ". ") + each
    return text


def of_column(column: Column | None) -> str:
    """The model's description of a column: its help text, or else its comment in the database."""
    text = getattr(column, "help_text", "") or getattr(column, "db_comment", "")
    return str(text or "")


def of_path(model: type[Model] | None, path: str) -> Column | None:
    """The column that a filter's ``field_name`` leads to, across relations if it has any."""
    column: Column | None = None
    for part in path.split("__"):
        try:
            column = model._meta.get_field(part) if model else None
        except FieldDoesNotExist:
            return column  # a lookup or a transform: created__year
        model = getattr(column, "related_model", None)
    return column


def summarized(view: Any, model: type[Model] | None, description: str) -> tuple[str | None, str]:
    """A line that distinguishes an operation from the view's others, and the rest of the text."""
    action = getattr(view, "action", None)
    if action in SUMMARIES and model is not None:
        one, many = model._meta.verbose_name, plural(model)
        return SUMMARIES[action].format(one=one, many=many)[:LONGEST_SUMMARY], description
    first, _, others = description.partition("\n\n")
    line = " ".join(first.split()).removesuffix(".")
    if line and len(line) <= LONGEST_SUMMARY:
        return line, others.strip()
    return None, description


def _column(field: serializers.Field[Any, Any, Any, Any]) -> Column | None:
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    return of_path(model, field.source.replace(".", "__")) if field.source else None
