"""Serializers as definitions: one for bodies, one for changes, one for responses.

drf-yasg has one definition for all of them. It says that clients must send read-only fields, that
PATCH requires every field, and that responses contain passwords.
"""

from __future__ import annotations

import enum
from typing import Any

from drf_yasg import openapi
from drf_yasg.inspectors import FieldInspector, NotHandled
from drf_yasg.inspectors.field import ReferencingSerializerInspector
from drf_yasg.utils import get_serializer_class, get_serializer_ref_name
from rest_framework import serializers

from backend.openapi.fields import as_answered, with_blank

_ROLE = "_documented_as"  # the attribute of a serializer for its role


class Role(enum.Enum):
    """What a serializer is used for. The value is the format of the definition's name."""

    ANSWER = "{}"
    PARTIAL_ANSWER = "Sparse{}"  # ?fields= leaves out other fields
    BODY = "{}Request"
    PATCH = "Patched{}Request"

    @property
    def is_sent(self) -> bool:
        return self in (Role.BODY, Role.PATCH)

    @property
    def has_required(self) -> bool:
        return self in (Role.ANSWER, Role.BODY)


def as_role(serializer: Any, role: Role) -> Any:
    """``serializer``, marked so that it and everything nested in it is documented in that role."""
    if isinstance(serializer, serializers.BaseSerializer):
        setattr(serializer, _ROLE, role)
    return serializer


def role_of(field: serializers.Field[Any, Any, Any, Any]) -> Role:
    return getattr(field.root, _ROLE, Role.ANSWER)


class RoleInspector(ReferencingSerializerInspector):
    """A serializer as an object with the fields of its role."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if swagger_object_type is not openapi.Schema:
            return NotHandled
        if not self.is_mine(field):
            return NotHandled
        name = self.definition_name(field)
        if not name or not use_references:
            return _any_object() if _nests_itself(field) else self.describe(field, **kwargs)
        definitions = self.components.with_scope(openapi.SCHEMA_DEFINITIONS)
        known = definitions.getdefault(name)
        if known is None and _nests_itself(field):
            # Its definition is still in progress, around this field.
            return openapi.SchemaRef(definitions, name, ignore_unresolved=True)
        known = known or definitions.setdefault(name, lambda: self.describe(field))
        if getattr(known, "_NP_serializer", None) is not get_serializer_class(field):
            # Another serializer has this name. drf-yasg would respond with a 500 for the document.
            return _any_object() if _nests_itself(field) else self.describe(field, **kwargs)
        return openapi.SchemaRef(definitions, name)

    def is_mine(self, field: Any) -> bool:
        return isinstance(field, serializers.Serializer)

    def definition_name(self, serializer: serializers.Serializer[Any]) -> str | None:
        name = get_serializer_ref_name(serializer)
        return name and role_of(serializer).value.format(name)

    def describe(self, serializer: serializers.Serializer[Any], **kwargs: Any) -> openapi.Schema:
        """The schema itself."""
        make, _ = self._get_partial_types(serializer, openapi.Schema, True, **kwargs)
        properties, required = self.members(serializer)
        made = make(
            use_field_title=False,
            type=openapi.TYPE_OBJECT,
            properties=properties,
            required=required or None,
        )
        made._NP_serializer = get_serializer_class(serializer)
        return made

    def members(
        self, serializer: serializers.Serializer[Any]
    ) -> tuple[dict[str, openapi.Schema], list[str]]:
        """The schemas of the fields by name, and the names that are always present."""
        role = role_of(serializer)
        properties, required = {}, []
        for field_name, child in serializer.fields.items():
            if child.read_only if role.is_sent else child.write_only:
                continue
            options = {"read_only": True} if child.read_only else {}
            schema = self.probe_field_inspectors(child, openapi.Schema, True, **options)
            if schema is None:  # a HiddenField
                continue
            name = self.get_property_name(field_name)
            schema = with_blank(schema, child)
            properties[name] = schema if role.is_sent else as_answered(schema, child)
            if child.required and role.has_required:
                required.append(name)
        return properties, required


class RelatedRowInspector(FieldInspector):
    """A row of another list, which ``?expand=`` adds (backend.tables.related_rows)."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if swagger_object_type is not openapi.Schema or not hasattr(field, "row_serializer"):
            return NotHandled
        row = as_role(field.row_serializer(), Role.ANSWER)
        return openapi.Schema(
            type=openapi.TYPE_OBJECT,
            all_of=[self.probe_field_inspectors(row, openapi.Schema, use_references)],
            description=field.help_text,
            read_only=True,
        )


def _nests_itself(serializer: serializers.BaseSerializer[Any]) -> bool:
    """Whether it is inside one of its own class, such as a category inside its parent."""
    above = serializer.parent
    while above is not None:
        if type(above) is type(serializer):
            return True
        above = above.parent
    return False


def _any_object() -> openapi.Schema:
    return openapi.Schema(type=openapi.TYPE_OBJECT)
