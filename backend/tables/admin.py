"""Tables in the admin, to look at, and to change what the role of the database may change."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import DatabaseError, models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from rest_framework.exceptions import APIException

from backend.databases.identifiers import column_name
from backend.databases.stored_types import as_text
from backend.tables import write_errors
from backend.tables.filters import by_value

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin


class RowList(ChangeList):
    """A list with NaN and infinity of a numeric, which Django cannot write.

    It does not join the tables that foreign keys lead to: Django would leave out rows whose row
    there the role cannot see.
    """

    def apply_select_related(self, qs: QuerySet[Any]) -> QuerySet[Any]:
        relations = [each.name for each in self.lookup_opts.concrete_fields if each.is_relation]
        return qs.prefetch_related(*(name for name in relations if name in self.list_display))

    def get_ordering_field(self, field_name: Any) -> Any:
        term = super().get_ordering_field(field_name)
        return by_value(self.model, term) if isinstance(term, str) else term

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        for row in self.result_list:
            _with_words(row)


def _with_words(row: Any) -> Any:
    for name, value in vars(row).items():
        if isinstance(value, Decimal) and not value.is_finite():
            setattr(row, name, str(value))
    return row


class TableAdmin(_Admin):
    """A page for each row. What the role may not do, nobody can do here."""

    can_add = can_change = can_delete = False
    # Counting a large table again takes as long as showing it.
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.can_add and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.can_delete and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A form sends back the text that PostgreSQL writes.
        rows: QuerySet[Any] = as_text(super().get_queryset(request))
        return rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RowList

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(request, *args, **kwargs)
        return row and _with_words(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return [*self.readonly_fields, *getattr(self.model, "only_updated", ())]
        # With another key, it would be another row.
        fixed = (self.opts.pk.name, *getattr(self.model, "only_inserted", ()))
        return list(dict.fromkeys((*self.readonly_fields, *fixed)))

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        # An empty text is not a value of other types, such as inet.
        if isinstance(db_field, models.TextField) and db_field.null and not db_field.choices:
            kwargs["empty_value"] = None
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_form(self, request: Any, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)
        for name in () if change else form.fields:
            column: models.Field[Any, Any] = self.opts.get_field(name)  # type: ignore[assignment]
            if column.has_db_default() and form.cleaned_data.get(name) in (None, ""):
                setattr(row, column.attname, column.get_default())
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save(force_insert=True)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DatabaseError as error:
            return self._refused(request, error)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().delete_view(request, *args, **kwargs)
        except DatabaseError as error:
            return self._refused(request, error)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changelist_view(request, *args, **kwargs)
        except DatabaseError as error:
            return self._refused(request, error)

    def _refused(self, request: HttpRequest, error: DatabaseError) -> HttpResponse:
        """The page again, with what the database says about a row that it does not accept."""
        names = {column_name(field.column) for field in self.opts.concrete_fields if field.column}
        answer = write_errors.explained(error, self.model, request.POST.dict(), names)
        if request.method != "POST" or not isinstance(answer, APIException):
            raise error
        self.message_user(request, _in_words(answer.detail), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


def _in_words(detail: Any) -> str:
    if not isinstance(detail, dict):
        return str(detail)
    return " ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in detail.items())
