"""Refuses values that REST framework's fields accept but a column cannot store.

The database's error would be about its own types, and would not name the value. Here, they get a
400, like any other invalid value of a field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import ValidationError
from rest_framework.fields import ModelField

if TYPE_CHECKING:
    from django.db.models import Field

NOT_A_RANGE = 'Write a range as JSON text, such as "{\\"lower\\": 1, \\"upper\\": 5}".'

_stock = ModelField.to_internal_value


def _to_internal_value(self: ModelField, data: Any) -> Any:
    """Like the stock method, but for ranges: an object would be written as an hstore."""
    from django.contrib.postgres.fields import RangeField

    field = self.model_field
    if not isinstance(field, RangeField) or data is None:
        return _stock(self, data)
    try:
        value = _stock(self, data)
        # An instance, although the stubs have the class: Django instantiates it.
        base = cast("Field[Any, Any]", field.base_field)
        bounds = [base.to_python(bound) for bound in (value.lower, value.upper)]
        return value if value.isempty else field.range_type(*bounds, value._bounds)
    except (ValueError, TypeError, LookupError, AttributeError, DjangoValidationError) as error:
        raise ValidationError(NOT_A_RANGE, code="invalid") from error


def install() -> None:
    """Replace the stock method, once the applications are loaded."""
    if apps.is_installed("django.contrib.postgres"):
        # Any arguments: the stubs know the method of every field, but this is for one kind.
        ours: Callable[..., Any] = _to_internal_value
        ModelField.to_internal_value = ours  # type: ignore[method-assign]  # of every ModelField
