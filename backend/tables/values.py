"""Form fields for the values that clients filter by: exactly what a column can have.

Anything else is a 400 that names the parameter. PostgreSQL's own error would be about its types.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.postgres.fields import HStoreField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Value
from django.db.models.functions import Cast
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_current_timezone, is_aware
from django_filters.fields import BaseCSVField
from django_filters.widgets import BaseCSVWidget

from backend.databases import local_times
from backend.lists.terms import split, unquoted
from backend.tables import fields

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
NOT_NUMBERS = ("NaN", "Infinity", "-Infinity")
END_OF_DAY = "24:00:00"
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
CLOCK = r"([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d){0,2})?)?"
# BC, after the year 9999, and infinity.
NO_DATE = re.compile(
    rf"-?infinity|\d{{4,7}}-\d\d-\d\d{CLOCK} BC|\d{{5,7}}-\d\d-\d\d{CLOCK}", re.ASCII
)
MOST_MONEY = Decimal("92233720368547758.07")
# https://www.postgresql.org/docs/current/datatype-numeric.html, far below its limits.
MOST_DIGITS = 1000


class Text(forms.CharField):
    """Any text, with the blanks at its ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)


class Flag(forms.NullBooleanField):
    """true or false. Django's own field ignores any other value."""

    class widget(forms.Select):  # noqa: N801  the name that Django reads
        def __init__(self, attrs: Any = None) -> None:
            super().__init__(attrs, [("", "---------"), ("true", "true"), ("false", "false")])

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        known = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
        if known is None:
            raise ValidationError("Write it as true or false.")
        return known


class Number(forms.DecimalField):
    """A number, NaN, or infinity."""

    special: models.Field[Any, Any] | None = models.FloatField()

    def to_python(self, value: Any) -> Any:
        if value in NOT_NUMBERS and self.special is not None:
            return Cast(Value(value), self.special)
        # Decimal() accepts 1_0, and the digits of every script.
        if value not in self.empty_values and not NUMBER.fullmatch(str(value).strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def run_validators(self, value: Any) -> None:
        if not isinstance(value, Cast):
            super().run_validators(value)

    def validate(self, value: Any) -> None:
        if value is None or isinstance(value, Cast):
            return
        super().validate(value)
        exponent = value.as_tuple().exponent
        if value.adjusted() > MOST_DIGITS or exponent < -MOST_DIGITS:
            raise ValidationError("This number has too many digits.")


class Exact(Number):
    """A number of a column that is exact: a comparison with a double would lose digits."""

    special = fields.NumericField()


class Money(Number):
    """An amount that PostgreSQL's money can have."""

    special = None

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

    def to_python(self, value: Any) -> Any:
        if has_no_date(value):
            return Cast(Value(value), models.DateTimeField())
        moment = _moment(value, self, "Write it in ISO 8601, such as 2024-07-01T12:30:00Z.")
        if moment is None or is_aware(moment):
            return moment
        return moment.replace(tzinfo=get_current_timezone())


class LocalMoment(forms.CharField):
    """A date and time of no time zone."""

    def to_python(self, value: Any) -> Any:
        if has_no_date(value):
            return Cast(Value(value), local_times.LocalDateTimeField())
        advice = "Write it in ISO 8601, without a time zone, such as 2024-07-01T12:30:00."
        moment = _moment(value, self, advice)
        if moment is not None and is_aware(moment):
            raise ValidationError(advice)
        return moment


class ZonedMoment(forms.CharField):
    """A date and time in ISO 8601. Without an offset, it is in the time zone of the column."""

    def __init__(self, *, timezone: ZoneInfo, **options: Any) -> None:
        super().__init__(**options)
        self.timezone = timezone

    def to_python(self, value: Any) -> Any:
        if has_no_date(value):
            return Cast(Value(value), local_times.LocalDateTimeField())
        moment = _moment(value, self, "Write it in ISO 8601, such as 2024-07-01T12:30:00-07:00.")
        return None if moment is None else local_times.local(moment, self.timezone)


class Day(forms.DateField):
    """A date in ISO 8601."""

    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **options)

    def to_python(self, value: Any) -> Any:
        if has_no_date(value):
            return Cast(Value(value), models.DateField())
        return super().to_python(value)


class Clock(forms.TimeField):
    def __init__(self, **options: Any) -> None:
        super().__init__(input_formats=["%H:%M:%S.%f", "%H:%M:%S", "%H:%M"], **options)

    def to_python(self, value: Any) -> Any:
        if value == END_OF_DAY:
            return Cast(Value(value), models.TimeField())
        return super().to_python(value)


class Bytes(forms.CharField):
    """Bytes as PostgreSQL writes them: ``\\x00ff``."""

    def to_python(self, value: Any) -> Any:
        try:
            return bytes.fromhex(value.removeprefix("\\x")) if value[:2] == "\\x" else None
        except ValueError:
            return None


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
OBJECTS = (fields.CompositeField, fields.HStoreField)  # which can be filtered as text, too
OF_COLUMNS: tuple[tuple[Any, type[forms.Field], dict[str, Any]], ...] = (
    (OBJECTS, Text, {}),
    (fields.MoneyField, Money, {}),
    (models.DecimalField, Exact, {}),
    (models.FloatField, Number, {}),
    (models.SmallIntegerField, Whole, {"most": 2**15 - 1}),
    (models.BigIntegerField, Whole, {"most": 2**63 - 1}),
    (models.IntegerField, Whole, {"most": 2**31 - 1}),
    (models.BooleanField, Flag, {}),
    (local_times.LocalDateTimeField, LocalMoment, {}),
    (models.DateTimeField, Moment, {}),
    (models.DateField, Day, {}),
    (models.TimeField, Clock, {}),
    (models.UUIDField, Uuid, {}),
    (models.BinaryField, Bytes, {}),
    (DOCUMENTS, Json, {}),
)


def of(column: models.Field[Any, Any]) -> tuple[type[forms.Field], dict[str, Any]]:
    """The form field for values of a column, and its options."""
    if column.choices:
        return Choice, {"choices": column.flatchoices}
    if isinstance(column, local_times.ZonedDateTimeField):
        return ZonedMoment, {"timezone": column.timezone}
    for cls, kind, options in OF_COLUMNS:
        if isinstance(column, cls):
            return kind, options
    return Text, {}


def has_no_date(value: Any) -> bool:
    """Whether a text is a date, or a date and time, that only PostgreSQL has, as it writes it."""
    return isinstance(value, str) and NO_DATE.fullmatch(value) is not None


def infinite(value: Any) -> Any:
    """PostgreSQL's infinity, for the last or the first value that Python has. None for others.

    A page shows infinity as that value.
    """
    if not isinstance(value, datetime.date):
        return None
    field: models.Field[Any, Any] = models.DateField()
    kind: type[datetime.date] = datetime.date
    if isinstance(value, datetime.datetime):
        field = models.DateTimeField() if is_aware(value) else local_times.LocalDateTimeField()
        kind, value = datetime.datetime, value.replace(tzinfo=None)
    end = {kind.max: "infinity", kind.min: "-infinity"}.get(value)
    return end and Cast(Value(end), field)


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
