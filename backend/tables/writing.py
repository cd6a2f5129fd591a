"""Writes rows, behind REST framework's permissions. Put what the role may do before the view set:

class PermitsViewSet(CreateMixin, UpdateMixin, DestroyMixin, TableViewSet):
    ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connections, models, router, transaction
from django.http import Http404
from rest_framework import mixins, permissions, serializers, status, viewsets
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.tables import keys, write_errors

if TYPE_CHECKING:
    _Serializer = serializers.ModelSerializer[Any]
    _ViewSet = viewsets.GenericViewSet[Any]
else:
    _Serializer = serializers.ModelSerializer
    _ViewSet = object

FIXED = "This is the key of the row, which cannot be changed. Create another row."
UNCHANGED = "The database does not let you write this row."


class WritableSerializer(_Serializer):
    """Accepts what the database accepts. Put it before the serializer's class."""

    def get_extra_kwargs(self) -> dict[str, dict[str, Any]]:
        known = super().get_extra_kwargs()
        model: Any = self.Meta.model
        is_new = self.instance is None
        closed = model.only_updated if is_new else model.only_inserted
        key = {part.name for part in keys.fields(model)}
        for name in self.Meta.fields:
            options = known.setdefault(name, {})
            column = model._meta.get_field(options.get("source", name))
            if not column.editable or (column.name in closed and column.name not in key):
                options["read_only"] = True
                continue
            if column.has_db_default() or (column.name in key and not is_new):
                options["required"] = False
            is_text = isinstance(column, (models.CharField, models.TextField))
            if is_text and column.choices:
                options["allow_blank"] = False
            elif is_text:
                options |= {"allow_blank": True, "trim_whitespace": False}
        return known

    def to_internal_value(self, data: Any) -> Any:
        # The id of a feature is its key. The library ignores it.
        name = getattr(self.Meta, "id_field", None)
        is_feature = isinstance(self, GeoFeatureModelSerializer) and isinstance(data, dict)
        if is_feature and name and "id" in data and isinstance(data.get("properties"), dict):
            data = {**data, "properties": {name: data["id"], **data["properties"]}}
        return super().to_internal_value(data)

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """Raises ValidationError for another key, and PermissionDenied if no row is changed."""
        for part in keys.fields(type(instance)):
            given = validated_data.pop(part.name, getattr(instance, part.name))
            if given != getattr(instance, part.name):
                shown = next(
                    name for name, field in self.fields.items() if field.source == part.name
                )
                raise ValidationError({shown: [FIXED]})
        for name, value in validated_data.items():
            setattr(instance, name, value)
        try:
            instance.save(update_fields=list(validated_data))
        except DatabaseError as error:
            if error.__cause__ is not None:
                raise
            raise PermissionDenied(UNCHANGED) from None  # row-level security, or a trigger
        return instance


class _WriteMixin(_ViewSet):
    """Nobody writes without a login, also if the project's own permissions would allow it."""

    permission_classes: Sequence[Any] = (
        *api_settings.DEFAULT_PERMISSION_CLASSES,
        permissions.IsAuthenticatedOrReadOnly,
    )

    def handle_exception(self, exc: Exception) -> Response:
        is_write = self.request.method not in permissions.SAFE_METHODS
        if is_write and isinstance(exc, DatabaseError):
            serializer: Any = self.get_serializer()
            fields = serializer.fields
            exc = write_errors.explained(exc, self._model(), self.request.data, fields)
        return super().handle_exception(exc)

    def _model(self) -> type[models.Model]:
        view: Any = self
        model: type[models.Model] = view.queryset.model
        return model

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """A transaction in which deferred constraints are checked, too."""
        using = router.db_for_write(self._model())
        with transaction.atomic(using=using):
            yield
            connections[using].check_constraints()

    def stored(self, serializer: Any) -> Any:
        """The row as the view shows it, with defaults and what triggers have changed."""
        view: Any = self
        name = self.lookup_url_kwarg or self.lookup_field
        self.kwargs[name] = self.written_key(serializer.instance)
        try:
            return view.shown(self.get_object())
        except Http404:  # row-level security can hide a row from its author
            return serializer.data

    def written_key(self, row: Any) -> str:
        """The key of a row as it is in its address."""
        key = [getattr(row, part.attname) for part in keys.fields(type(row))]
        actions: Sequence[Any] = self.get_extra_actions()
        return keys.written(key, {action.url_path for action in actions})


class CreateMixin(_WriteMixin, mixins.CreateModelMixin):
    """POST adds a row."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with self.written():
            self.perform_create(serializer)
        data = self.stored(serializer)
        name = self.lookup_url_kwarg or self.lookup_field
        address = self.reverse_action("detail", kwargs={name: self.kwargs[name]})
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": address})


class UpdateMixin(_WriteMixin, mixins.UpdateModelMixin):
    """PUT and PATCH change a row, but not its key."""

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        partial = kwargs.pop("partial", False)
        serializer = self.get_serializer(self.get_object(), data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        with self.written():
            self.perform_update(serializer)
        return Response(self.stored(serializer))


class DestroyMixin(_WriteMixin, mixins.DestroyModelMixin):
    """DELETE removes a row."""

    def perform_destroy(self, instance: Any) -> None:
        """Raises PermissionDenied if the database keeps the row."""
        with self.written():
            count, _ = instance.delete()
        if not count:
            raise PermissionDenied(UNCHANGED)
