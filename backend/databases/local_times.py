"""Model fields for ``timestamp without time zone``."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.timezone import is_aware, is_naive, make_naive


class LocalDateTimeField(models.DateTimeField):  # type: ignore[type-arg]  # like its base
    """``timestamp without time zone``: a date and a time of day, of a zone that nothing tells."""

    def db_type(self, connection: Any) -> str:
        return "timestamp without time zone"

    def get_prep_value(self, value: Any) -> Any:
        # Not that of DateTimeField, which would add a zone. Forms of Django add one.
        moment = self.to_python(models.Field.get_prep_value(self, value))
        return moment if moment is None or is_naive(moment) else make_naive(moment)


class ZonedDateTimeField(LocalDateTimeField):
    """``timestamp without time zone``, of a zone that someone knows: ``America/Los_Angeles``.

    Values are aware, in that zone. Of an hour that occurs twice, they are in the first one.
    """

    def __init__(self, *args: Any, timezone: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.timezone = ZoneInfo(timezone)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "timezone": self.timezone.key}

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # A date that Python does not have is a text.
        is_moment = isinstance(value, datetime.datetime)
        return value.replace(tzinfo=self.timezone) if is_moment else value

    def get_prep_value(self, value: Any) -> Any:
        moment = self.to_python(models.Field.get_prep_value(self, value))
        return moment if moment is None else local(moment, self.timezone)


def local(moment: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """The date and time of day in ``zone``. A naive ``moment`` is already one."""
    own = moment.replace(tzinfo=zone)
    # In the hour that summer time leaves out, a conversion would lead to the next hour.
    if is_aware(moment) and moment.utcoffset() != own.utcoffset():
        own = moment.astimezone(zone)
    return own.replace(tzinfo=None)
