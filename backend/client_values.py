"""Values that REST framework's fields let through, and that no column or no answer can hold.

A number of JSON may overflow (``1e999`` is infinite), and a text may spell infinity. Stored, it
makes every later answer fail or be invalid JSON. They are refused with 400, as any other wrong
value of a field.
"""

from __future__ import annotations

import math
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework.exceptions import ValidationError
from rest_framework.fields import FloatField, ModelField

NOT_FINITE = "A finite number is required."
NOT_A_RANGE = 'Write a range as a text of JSON, such as "{\\"lower\\": 1, \\"upper\\": 5}".'

_stock_float = FloatField.to_internal_value
_stock_model_field = ModelField.to_internal_value


def _to_float(self: FloatField, data: Any) -> float:
    value = _stock_float(self, data)
    if not math.isfinite(value):
        raise ValidationError(NOT_FINITE, code="invalid")
    return value


def _to_model_field(self: ModelField, data: Any) -> Any:
    """As stock; a range that is an object would be written as an hstore."""
    from django.contrib.postgres.fields import RangeField

    field = self.model_field
    if not isinstance(field, RangeField) or data is None:
        return _stock_model_field(self, data)
    try:
        value = _stock_model_field(self, data)
        bounds = [field.base_field.to_python(bound) for bound in (value.lower, value.upper)]
        return value if value.isempty else field.range_type(*bounds, value._bounds)
    except (ValueError, TypeError, LookupError, AttributeError, DjangoValidationError) as error:
        raise ValidationError(NOT_A_RANGE, code="invalid") from error


def install() -> None:
    """Take the place of the stock methods, once the applications are loaded."""
    FloatField.to_internal_value = _to_float
    if apps.is_installed("django.contrib.postgres"):
        ModelField.to_internal_value = _to_model_field
