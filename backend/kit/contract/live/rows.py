"""A row for each empty table, because its page would show nothing, and users."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterator
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models, router, transaction

from backend.conf.findings import OK, Finding

PASSWORD = "only-for-this-check"  # noqa: S105  of users that are gone when it is printed
OURS = ("admin", "auth", "gis", "contenttypes", "sessions", "authtoken", "sites", "messages")
WKT = {
    "POINT": "POINT(-122.68 45.52)",
    "LINESTRING": "LINESTRING(-122.68 45.52, -122.67 45.53)",
    "POLYGON": "POLYGON((-122.68 45.52, -122.67 45.52, -122.67 45.53, -122.68 45.52))",
}
VALUES: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
    (models.BooleanField, True),
    (models.DateTimeField, datetime.datetime(2020, 1, 31, 12, tzinfo=datetime.UTC)),
    (models.DateField, datetime.date(2020, 1, 31)),
    (models.TimeField, datetime.time(12)),
    (models.DurationField, datetime.timedelta(hours=1)),
    (models.DecimalField, decimal.Decimal("0.5")),
    (models.FloatField, 0.5),
    (models.IntegerField, 1),
    (models.UUIDField, uuid.UUID(int=1)),
    (models.JSONField, {}),
    (models.GenericIPAddressField, "192.0.2.1"),
    (models.BinaryField, b"x"),
    (models.EmailField, "check@example.org"),
    (models.URLField, "https://example.org/"),
    (models.CharField, "check"),
    (models.TextField, "check"),
)


def fill() -> Iterator[Finding]:
    """Create a row in each empty table, and count the rows."""
    made, failed = 0, []
    for model in apps.get_models():
        if model._meta.app_label in OURS or model._meta.proxy or model._meta.swapped:
            continue
        try:
            if not model._default_manager.exists():
                row(model)
                made += 1
        except Exception:  # noqa: BLE001  of any model of a team's; its pages are empty then
            failed.append(model._meta.label)
    message = f"{made} empty tables got a row"
    if failed:
        message += f"; none could be created for {', '.join(sorted(failed))}: use --fixture"
    yield Finding(OK, "rows", message)


def row(model: type[models.Model], depth: int = 0) -> models.Model:
    """The model's first row, or a new one with all rows that it needs. Raises as the model does."""
    if (first := model._default_manager.first()) is not None:
        return first
    if depth > 5:
        raise RecursionError(f"{model._meta.label} needs a row that needs it")
    made = model()
    for column in model._meta.concrete_fields:
        if _needs_value(made, column):
            setattr(made, column.name, _value(column, depth))
    with transaction.atomic(using=router.db_for_write(model)):
        made.save()
    return made


def _needs_value(made: models.Model, column: models.Field[Any, Any]) -> bool:
    if isinstance(column, models.AutoField) or column.generated:
        return False
    if getattr(column, "auto_now", False) or getattr(column, "auto_now_add", False):
        return False
    if column.null and column.is_relation:
        return False
    return getattr(made, column.attname, None) in (None, "")


def _value(column: models.Field[Any, Any], depth: int) -> Any:
    if column.related_model is not None:
        return row(column.related_model, depth + 1)
    if column.choices:
        return column.flatchoices[0][0]
    if kind := getattr(column, "geom_type", None):
        return _shape(column, kind)
    value = next((value for kind, value in VALUES if isinstance(column, kind)), None)
    if value is None and hasattr(column, "base_field"):
        return []
    return value[: column.max_length] if isinstance(value, str) and column.max_length else value


def _shape(column: Any, kind: str) -> Any:
    from django.contrib.gis.geos import GEOSGeometry

    single = kind.removeprefix("MULTI")
    text = WKT.get(single, WKT["POINT"])
    if kind.startswith("MULTI"):
        text = f"{kind}({text.removeprefix(single)})"
    elif kind == "GEOMETRYCOLLECTION":
        text = f"{kind}({text})"
    shape = GEOSGeometry(text, srid=4326)
    if column.srid not in (4326, 0, -1):
        shape.transform(column.srid)
    shape.srid = column.srid if column.srid > 0 else None
    return shape


def user(name: str, *, is_superuser: bool = False) -> Any:
    """A user of the project's own model, with its required fields."""
    model = get_user_model()
    wanted = {
        # A field of the user model itself, not a relation that leads to it.
        field: _value(cast("models.Field[Any, Any]", model._meta.get_field(field)), 0)
        for field in model.REQUIRED_FIELDS
        if field != model.USERNAME_FIELD
    }
    if "email" in wanted:
        wanted["email"] = f"{name}@example.org"
    column = model._meta.get_field(model.USERNAME_FIELD)
    login = f"{name}@example.org" if isinstance(column, models.EmailField) else name
    manager = model._default_manager
    make = manager.create_superuser if is_superuser else manager.create_user
    return make(**{model.USERNAME_FIELD: login, "password": PASSWORD, **wanted})
