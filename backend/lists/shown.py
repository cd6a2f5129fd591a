"""Which columns a view shows as they are stored.

A client that can filter by a column, order by it, or choose the value that a page begins at can
find out its values by bisection, even if they are not shown. So by default, none of these is
possible for a column that is not shown, or that a team's code or a precision changes.
"""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import DecimalField, FloatField, Model
from django.http import Http404
from rest_framework import ISO_8601, relations, serializers
from rest_framework.exceptions import APIException
from rest_framework_gis.fields import GeometryField

# What changes a value on its way out. A subclass with its own does not show the stored value.
FIELD_HOOKS: tuple[str, ...] = ("to_representation", "get_attribute", "use_pk_only_optimization")
FIELD_HOOKS += ("quantize", "enforce_timezone", "default_timezone")
SERIALIZER_HOOKS = ("to_representation", "get_properties")
# Where a serializer can choose its fields by the request.
FIELDS_HOOKS = ("__init__", "get_fields", "fields", "get_field_names", "build_field")
LIBRARIES = ("rest_framework.", "rest_framework_gis.", "backend.geo.")
# The get_serializer() of these only creates what get_serializer_class() returns.
VIEWS = ("rest_framework.", "backend.geo.", "backend.lists.", "backend.tables.")
# What a format must contain, so that different values look different.
WHOLE = {
    serializers.DateTimeField: set("YmdHMS"),
    serializers.DateField: set("Ymd"),
    serializers.TimeField: set("HMS"),
}
# Decimals of degrees that hide nothing: 10 cm, https://www.rfc-editor.org/rfc/rfc7946#section-11.2
EXACT = 6


def unchanged(view: Any) -> frozenset[str]:
    """The columns of the view's model that it shows to this request as they are stored.

    For actions other than list, the list must show them to this request too. An action may respond
    with only a number of rows, or its status may reveal which rows exist.
    """
    action = getattr(view, "action", "list")
    if action == "list":
        return _columns(view)
    listing = _list_of(view, action)
    return _columns(listing) & _columns(view) if listing is not None else frozenset()


def key_is_unchanged(view: Any, model: type[Model]) -> bool:
    """Whether the view shows the primary key of its rows as it is stored."""
    pk, columns = model._meta.pk, unchanged(view)
    parts = getattr(pk, "fields", (pk,)) if "pk" not in columns else ()
    return all(not columns.isdisjoint((part.name, part.attname)) for part in parts)


def is_blurred(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Whether a geometry is rounded to hide its exact place."""
    precision = getattr(field, "precision", None)
    return precision is not None and not (isinstance(precision, int) and precision >= EXACT)


def definer(cls: type, method: str) -> type | None:
    """The class among the bases of ``cls`` that defines ``method`` itself."""
    return next((base for base in cls.__mro__ if method in vars(base)), None)


def hook_of_a_team(cls: type, hooks: tuple[str, ...]) -> str | None:
    """The first hook that a class outside the libraries defines. None if there is none."""
    return _hook_of_a_team(cls, hooks)


@functools.lru_cache(maxsize=1024)  # a view can create a class for each request
def _hook_of_a_team(cls: type, hooks: tuple[str, ...]) -> str | None:
    for hook in hooks:
        owner = definer(cls, hook)
        if owner is not None and not owner.__module__.startswith(LIBRARIES):
            return f"{owner.__name__}.{hook}() is Python code"
    return None


def of_one_row(serializer: Any) -> tuple[Any, str | None]:
    """The serializer of a row, and the team's code that changes what is made of the rows."""
    many = getattr(getattr(serializer, "Meta", None), "list_serializer_class", None)
    if isinstance(serializer, serializers.ListSerializer):
        many, serializer = type(serializer), serializer.child
    changed = hook_of_a_team(type(serializer), SERIALIZER_HOOKS)
    if many is not None:
        changed = hook_of_a_team(many, ("to_representation",)) or changed
    return serializer, changed


def _list_of(view: Any, action: str | None) -> Any:
    """The view, as if it were asked for its list. None if this request cannot have the list."""
    if not hasattr(view, "list"):
        return None
    listing = copy.copy(view)
    listing.action = "list"
    # The arguments of @action(...) apply to that action alone.
    for name in getattr(getattr(view, action or "", None), "kwargs", ()):
        vars(listing).pop(name, None)
    if getattr(view, "swagger_fake_view", False):
        return listing
    try:
        listing.check_permissions(listing.request)
    except (APIException, PermissionDenied, Http404):
        return None
    return listing


def _columns(view: Any) -> frozenset[str]:
    """Includes fields that this request leaves out with ``?fields=``."""
    if not hasattr(view, "get_serializer"):
        return frozenset()
    asked = copy.copy(view)
    asked.with_all_fields = True
    try:
        makers = [cls for cls in type(view).__mro__ if "get_serializer" in vars(cls)]
        if all(cls.__module__.startswith(VIEWS) for cls in makers):
            cls = asked.get_serializer_class()
            if not hook_of_a_team(cls, FIELDS_HOOKS):
                return _columns_of_class(cls)
        return _columns_of(asked.get_serializer())
    # Whatever the team's code raises. An action without a serializer does not need to have one.
    except Exception:  # noqa: BLE001
        return frozenset()


@functools.lru_cache(maxsize=512)  # classes, which can be created for a single request
def _columns_of_class(cls: type) -> frozenset[str]:
    return _columns_of(cls())


def _columns_of(serializer: Any) -> frozenset[str]:
    serializer, changed = of_one_row(serializer)
    if changed or not isinstance(serializer, serializers.Serializer):
        return frozenset()
    meta = getattr(serializer, "Meta", None)
    fields = dict(serializer.fields)
    fields.pop(getattr(meta, "bbox_geo_field", None) or "", None)  # shown as its box
    model = getattr(meta, "model", None)
    return frozenset(filter(None, (_column(field, model) for field in fields.values())))


def _column(field: serializers.Field[Any, Any, Any, Any], model: type[Model] | None) -> str | None:
    """The column whose values a field shows as they are stored."""
    child = getattr(field, "child", field)
    if field.write_only or any(hook_of_a_team(type(each), FIELD_HOOKS) for each in (field, child)):
        return None
    if isinstance(field, relations.HyperlinkedRelatedField):
        name = None if hook_of_a_team(type(field), ("get_url",)) else field.lookup_field
        return name if field.source == "*" or name != "pk" else field.source
    if isinstance(field, relations.RelatedField):
        is_key = isinstance(field, relations.PrimaryKeyRelatedField) and field.pk_field is None
        return field.source if is_key else None
    whole = field.source == "*" or isinstance(field, serializers.BaseSerializer)
    if whole or _is_coarser(field, model):
        return None
    return field.source


def _is_coarser(field: serializers.Field[Any, Any, Any, Any], model: type[Model] | None) -> bool:
    """Whether the field shows different values of the column as the same."""
    if isinstance(field, GeometryField):
        return is_blurred(field)
    whole = next((WHOLE[kind] for kind in WHOLE if isinstance(field, kind)), set())
    shape = getattr(field, "format", None)
    if whole and shape not in (None, ISO_8601):
        return not whole <= set(re.findall("%([A-Za-z])", shape))
    column = _model_field(model, field.source or "")
    if isinstance(column, (DecimalField, FloatField)) and isinstance(
        field, serializers.IntegerField
    ):
        return True
    places, stored = (getattr(each, "decimal_places", None) for each in (field, column))
    return places is not None and (stored is None or places < stored)


def _model_field(model: type[Model] | None, name: str) -> Any:
    try:
        return None if model is None else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
