"""Form fields for the values that clients filter by: exactly what a column can have.

Anything else is a 400 that names the parameter. PostgreSQL's own error would be about its types.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.postgres.fields import HStoreField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_aware
from django_filters.fields import BaseCSVField
from django_filters.widgets import BaseCSVWidget

from backend.lists.terms import split, unquoted
from backend.tables import fields

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
MOST_MONEY = Decimal("92233720368547758.07")
# https://www.postgresql.org/docs/current/datatype-numeric.html, far below its limits.
MOST_DIGITS = 1000


class Text(forms.CharField):
    """Any text, with the blanks at its ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)


class Flag(forms.NullBooleanField):
    """true or false. Django's own field ignores any other value."""

    widget = forms.Select(choices=[("", "---------"), ("true", "true"), ("false", "false")])

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        known = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
        if known is None:
            raise ValidationError("Write it as true or false.")
        return known


class Number(forms.DecimalField):
    """A number, without NaN and infinity."""

    def to_python(self, value: Any) -> Any:
        # Decimal() accepts 1_0, and the digits of every script.
        if value not in self.empty_values and not NUMBER.fullmatch(str(value).strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None:
            return
        exponent = value.as_tuple().exponent
        if value.adjusted() > MOST_DIGITS or exponent < -MOST_DIGITS:
            raise ValidationError("This number has too many digits.")


class Money(Number):
    """An amount that PostgreSQL's money can have."""

    def __init__(self, **options: Any) -> None:
        limits: Any = {"max_value": MOST_MONEY, "min_value": -MOST_MONEY, "decimal_places": 2}
        super().__init__(**limits, **options)


class Whole(forms.IntegerField):
    """An integer of a column's type, which ends at ``most``."""

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(max_value=most, min_value=-most - 1, **options)

    def to_python(self, value: Any) -> Any:
        if value not in self.empty_values and not WHOLE.fullmatch(str(value).strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class Moment(forms.DateTimeField):
    """A date and time in ISO 8601. Without an offset, it is in the time zone of the settings."""

    def to_python(self, value: Any) -> datetime.datetime | None:
        moment = _moment(value, self, "Write it in ISO 8601, such as 2024-07-01T12:30:00Z.")
        if moment is None or is_aware(moment):
            return moment
        return moment.replace(tzinfo=get_current_timezone())


class LocalMoment(forms.CharField):
    """A date and time of no time zone."""

    def to_python(self, value: Any) -> Any:
        advice = "Write it in ISO 8601, without a time zone, such as 2024-07-01T12:30:00."
        moment = _moment(value, self, advice)
        if moment is not None and is_aware(moment):
            raise ValidationError(advice)
        return moment


class Day(forms.DateField):
    """A date in ISO 8601."""

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **options)


class Clock(forms.TimeField):
    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%H:%M:%S.%f", "%H:%M:%S", "%H:%M"], **options)


class Json(forms.CharField):
    """A JSON document that PostgreSQL can store, but not null."""

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            document = json.loads(value, parse_constant=_refuse)
        except (ValueError, RecursionError):
            document = None
        if document is None or "\\u0000" in json.dumps(document):
            raise ValidationError('Write it as JSON, such as {"name": "value"}.')
        return document


Choice, Uuid = forms.ChoiceField, forms.UUIDField


class Several(BaseCSVField):  # type: ignore[misc]  # the library has no types
    """Values that are separated by commas. Those that contain a comma are in quotation marks."""

    class base_widget_class(BaseCSVWidget):  # type: ignore[misc]  # noqa: N801  its name
        def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
            text = data.get(name)
            return None if text is None else split(text)

    def clean(self, value: Any) -> list[Any] | None:
        if not value or value == [""]:
            return None
        values = []
        for term in value:
            cleaned = super(BaseCSVField, self).clean(unquoted(term))
            if cleaned is None or (cleaned == "" and not isinstance(self, Text)):
                raise ValidationError("A value between two commas is missing.")
            values.append(cleaned)
        return values


# The first that fits.
DOCUMENTS = (models.JSONField, HStoreField)
OF_COLUMNS: tuple[tuple[Any, type[forms.Field], dict[str, Any]], ...] = (
    (fields.MoneyField, Money, {}),
    ((models.DecimalField, models.FloatField), Number, {}),
    (models.SmallIntegerField, Whole, {"most": 2**15 - 1}),
    (models.BigIntegerField, Whole, {"most": 2**63 - 1}),
    (models.IntegerField, Whole, {"most": 2**31 - 1}),
    (models.BooleanField, Flag, {}),
    (fields.LocalDateTimeField, LocalMoment, {}),
    (models.DateTimeField, Moment, {}),
    (models.DateField, Day, {}),
    (models.TimeField, Clock, {}),
    (models.UUIDField, Uuid, {}),
    (DOCUMENTS, Json, {}),
)


def of(column: models.Field[Any, Any]) -> tuple[type[forms.Field], dict[str, Any]]:
    """The form field for values of a column, and its options."""
    if column.choices:
        return Choice, {"choices": column.flatchoices}
    for cls, kind, options in OF_COLUMNS:
        if isinstance(column, cls):
            return kind, options
    return Text, {}


def _moment(value: Any, field: forms.Field, advice: str) -> datetime.datetime | None:
    if value in field.empty_values:
        return None
    try:
        moment = parse_datetime(str(value))
    except ValueError:
        moment = None
    if moment is None:
        raise ValidationError(advice)
    return moment


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity, which JSON does not have
