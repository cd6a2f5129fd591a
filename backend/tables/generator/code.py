"""The files of a Django app for a plan: code that a team can take over and change."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from django.db import DEFAULT_DB_ALIAS

from backend.databases.identifiers import db_column, db_function, db_table
from backend.tables.catalog.relations import FUNCTION
from backend.tables.generator.plan import Call, Field, Plan, Table
from backend.tables.generator.references import Reference
from backend.tables.generator.types import BYTES, Declaration, literal
from backend.tables.generator.units import wrapped

WIDTH = 100
INDENT = "    "
ADMIN_COLUMNS = 6  # of a list in the admin
SEARCHED = ("text", "varchar", "bpchar", "citext")  # types of columns that the admin searches
NAMED = re.compile(r"(^|[ _])(name|title)$", re.IGNORECASE)


def files(plan: Plan, app: str) -> dict[str, str]:
    """The text of each file of the app, by its path."""
    if not (plan.tables or plan.calls):  # the tables can be created later
        empty = "urlpatterns = []\n"
        return {"__init__.py": "", "apps.py": _apps(app), "models.py": "", "urls.py": empty}
    written = {
        "__init__.py": "",
        "apps.py": _apps(app),
        "models.py": _models(plan),
        "serializers.py": _serializers(plan, app),
        "filters.py": _filters(plan, app),
        "views.py": _views(plan, app),
        "urls.py": _urls(plan, app),
        "admin.py": _admin(plan, app),
        "tests.py": _tests(app),
    }
    return {name: wrapped(text) for name, text in written.items()}


def _apps(app: str) -> str:
    words = app.rpartition(".")[2].split("_")
    name = "".join(word.capitalize() for word in words) + "Config"
    return f'''from django.apps import AppConfig


class {name}(AppConfig):
    name = "{app}"
'''


def _models(plan: Plan) -> str:
    classes = [_model(table) for table in plan.models]
    code = "\n\n\n".join(classes)
    imports = ["from django.contrib.gis.db import models"]
    if names := [n for n in ("DATABASE_DEFAULT", "WritableModel") if re.search(rf"\b{n}\b", code)]:
        imports.insert(0, f"from backend.tables.rows import {', '.join(names)}")
    if " SearchVectorField(" in code:
        imports.append("from django.contrib.postgres.search import SearchVectorField")
    if re.search(r"(?<!\w)fields\.", code):
        imports.insert(0, "from backend.tables import fields")
    return _module(
        '"""The tables of a database. Django reads them, and does not create or change them."""',
        "\n".join(imports) + "\n",
        classes,
    )


def _model(table: Table) -> str:
    base = "models.Model" if table.key else "fields.KeylessModel"
    named = db_table
    if table.relation.kind == FUNCTION:
        base, named = "fields.FunctionModel", db_function
    if table.writing.saves:
        base = "WritableModel"
    lines = [f"class {table.model}({base}):"]
    if comment := table.relation.comment:
        lines += [*docstring(comment), ""]
    if len(table.key) > 1:
        lines.append(_assigned("pk", Declaration("models.CompositePrimaryKey", _texts(table.key))))
    lines += [_assigned(each.name, _declared(each, table)) for each in table.fields]
    lines += _only(table)
    lines += ["", f"{INDENT}class Meta:"]
    meta: dict[str, object] = {}
    if table.alias != DEFAULT_DB_ALIAS:
        meta["in_db"] = table.alias
    meta |= {"managed": False, "db_table": named(table.relation.schema, table.relation.name)}
    if table.key:
        by_name = {each.name: each for each in table.fields}
        meta["ordering"] = [_attribute(by_name[name]) for name in table.key]
    meta["verbose_name"] = meta["verbose_name_plural"] = table.title
    lines += [f"{INDENT}{INDENT}{name} = {literal(value)}" for name, value in meta.items()]
    return "\n".join([*lines, *_str(table)])


def _str(table: Table) -> Iterator[str]:
    """What people call a row, if a column says so."""
    texts = [each for each in table.fields if each.column.type in SEARCHED and not each.to]
    for each in [each for each in texts if NAMED.search(each.column.name)][:1]:
        otherwise = " or str(self.pk)" if each.column.nullable else ""
        yield ""
        yield f"{INDENT}def __str__(self):"
        yield f"{INDENT}{INDENT}return self.{each.name}{otherwise}"


def _only(table: Table) -> Iterator[str]:
    """Fields that cannot be written later, or not at first."""
    for name, columns in (
        ("only_inserted", table.writing.fixed.difference(table.relation.key)),
        ("only_updated", table.writing.later),
    ):
        names = [literal(each.name) for each in table.fields if each.column.name in columns]
        if names:
            yield ""
            yield _listed(f"{INDENT}{name} = ", "[", names, "]")


def _declared(each: Field, table: Table) -> Declaration:
    made, column = each.declared, each.column
    is_key = table.key == (each.name,)
    named: dict[str, object] = {}
    if is_key and each.to:
        made = Declaration("models.OneToOneField", made.positional, made.named)
    if each.name != column.name:
        named["verbose_name"] = column.name
    if _attribute(each) != column.name:
        named["db_column"] = db_column(column.name)
    if is_key:
        named["primary_key"] = True
    elif (column.name,) in table.relation.unique and not column.nullable:
        named["unique"] = True
    if column.nullable and each.name not in table.key:
        # A blank text is not a label of an enum, but forms leave out a value with it.
        if column.kind != "e" or table.writing.saves:
            named["blank"] = True
        named["null"] = True
    has_default = table.writing.creates and column.name in table.writing.defaults
    if column.is_generated or (table.writing.saves and not table.writing.is_written(column.name)):
        named["editable"] = False
    elif has_default:
        named["blank"] = True
    if column.comment:
        # The admin does not escape it.
        named["help_text"] = html.escape(column.comment, quote=False)
    made = made.with_(**named)
    if has_default:
        return replace(made, named=(*made.named, ("db_default", "DATABASE_DEFAULT")))
    return made


def _attribute(each: Field) -> str:
    """The attribute of a row that has the value. To order by it does not read the other table."""
    return f"{each.name}_id" if each.to else each.name


def _serializers(plan: Plan, app: str) -> str:
    spatial = [table for table in plan.models if table.geometry]
    imports = []
    if len(spatial) < len(plan.models):
        imports.append("from rest_framework.serializers import ModelSerializer")
    if spatial:
        imports.append("from rest_framework_gis.serializers import GeoFeatureModelSerializer")
    if any(table.writing.saves for table in plan.tables):
        imports.insert(0, "from backend.tables.writing import WritableSerializer")
    return _module(
        '"""What the API shows of each table, under the names of the database."""',
        "\n".join([*imports, "", f"from {app} import models", ""]),
        [_serializer(table) for table in plan.models],
    )


def _serializer(table: Table) -> str:
    shown = [each for each in table.fields if _is_shown(each, table)]
    base = "GeoFeatureModelSerializer" if table.geometry else "ModelSerializer"
    if table.writing.saves:
        base = f"WritableSerializer, {base}"
    lines = [
        f"class {table.model}Serializer({base}):",
        f"{INDENT}class Meta:",
        f"{INDENT * 2}model = models.{table.model}",
    ]
    if table.geometry:
        lines.append(f"{INDENT * 2}geo_field = {literal(table.geometry.column.name)}")
        key = [each.column.name for each in table.fields if table.key == (each.name,)]
        lines.append(f"{INDENT * 2}id_field = {literal(key[0] if key else False)}")
    columns = [literal(each.column.name) for each in shown]
    lines.append(_listed(f"{INDENT * 2}fields = ", "[", columns, "]"))
    renamed = [
        f"{literal(each.column.name)}: {{{literal('source')}: {literal(each.name)}}}"
        for each in shown
        if each.name != each.column.name
    ]
    if renamed:
        lines.append(_listed(f"{INDENT * 2}extra_kwargs = ", "{", renamed, "}"))
    return "\n".join(lines)


def _is_shown(each: Field, table: Table) -> bool:
    """Whether any page shows a column. Only pages of single rows show bytes, other than a key."""
    is_of_row = each.column.type == BYTES and bool(table.key) and each.name not in table.key
    return each.is_listed or is_of_row


def _filters(plan: Plan, app: str) -> str:
    return _module(
        '"""Filters by every column: ``?column=``, ``?column__gte=``, ``?column__in=``."""',
        f"from backend.tables.filters import ColumnFilterSet\n\nfrom {app} import models\n",
        [_filter(table) for table in plan.models],
    )


def _filter(table: Table) -> str:
    fields = [literal(each.name) for each in table.fields if each.is_filtered]
    return "\n".join(
        [
            f"class {table.model}Filter(ColumnFilterSet):",
            f"{INDENT}class Meta:",
            f"{INDENT * 2}model = models.{table.model}",
            _listed(f"{INDENT * 2}fields = ", "[", fields, "]"),
        ]
    )


def _views(plan: Plan, app: str) -> str:
    bases = {_base(table) for table in plan.tables}
    head = ""
    if plan.calls:
        bases.add("KeylessTableViewSet")
        head = "from backend.tables.calls import FunctionMixin\n"
    if any(table.references for table in plan.tables):
        head += "from backend.tables.related import Related\n"
    head += f"from backend.tables.viewsets import {', '.join(sorted(bases))}\n"
    if written := {name for table in plan.tables for name in _written(table)}:
        head += f"from backend.tables.writing import {', '.join(sorted(written))}\n"
    if any(not table.is_public for table in plan.models):
        head += "from rest_framework.permissions import IsAuthenticated\n"
    head += f"\nfrom {app} import filters, models, serializers\n"
    views = [_view(table) for table in plan.tables] + [_call(call) for call in plan.calls]
    return _module('"""An endpoint for each table."""', head, views)


def _base(table: Table) -> str:
    return "TableViewSet" if table.key else "KeylessTableViewSet"


def _written(table: Table) -> list[str]:
    allowed = {
        "CreateMixin": table.writing.creates,
        "UpdateMixin": table.writing.updates,
        "DestroyMixin": table.writing.deletes,
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]


def _view(table: Table) -> str:
    lines = [f"class {table.model}ViewSet({', '.join([*_written(table), _base(table)])}):"]
    if table.description:
        lines += [*docstring(table.description), ""]
    return "\n".join([*lines, *_rows(table), *_referring(table)])


def _call(call: Call) -> str:
    function = call.function
    lines = [f"class {call.model}ViewSet(FunctionMixin, KeylessTableViewSet):"]
    if text := call.table.description if call.has_own_table else function.comment:
        lines += [*docstring(text), ""]
    arguments = [
        f"{literal(each.name)}: ({literal(each.type)}, {each.has_default})"
        for each in function.arguments
    ]
    if not call.has_own_table:
        lines.append(f"{INDENT}function = {literal(db_table(function.schema, function.name))}")
    lines.append(_listed(f"{INDENT}arguments = ", "{", arguments, "}"))
    return "\n".join([*lines, *_rows(call.table)])


def _rows(table: Table) -> list[str]:
    lines = [
        f"{INDENT}queryset = models.{table.model}.objects.all()",
        f"{INDENT}serializer_class = serializers.{table.model}Serializer",
        f"{INDENT}filterset_class = filters.{table.model}Filter",
    ]
    if not table.is_public:
        lines.append(f"{INDENT}permission_classes = [IsAuthenticated]")
    if table.references:
        related = [f"{literal(each.name)}: {_related(each)}" for each in table.references]
        lines.append(_listed(f"{INDENT}related = ", "{", related, "}"))
    return lines


def _related(reference: Reference) -> str:
    arguments = [literal(f"{reference.to}ViewSet"), *map(literal, reference.fields)]
    if reference.targets:
        arguments.append(f"to=[{', '.join(map(literal, reference.targets))}]")
    return f"Related({', '.join(arguments)})"


def _referring(table: Table) -> Iterator[str]:
    """Lists of the rows that refer to a row. Only a row with its own page has links to them."""
    if table.referring and table.key:
        lists = [
            f"{literal(each.title)}: {literal(f'{each.model}ViewSet.{each.name}')}"
            for each in table.referring
        ]
        yield _listed(f"{INDENT}related_lists = ", "{", lists, "}")


def _urls(plan: Plan, app: str) -> str:
    lines = [
        "from rest_framework.routers import DefaultRouter",
        "",
        f"from {app} import views",
        "",
        "router = DefaultRouter()",
    ]
    # The first pattern that matches a URL counts.
    for each in sorted(plan.endpoints, key=lambda one: -one.route.count("/")):
        base = each.route.replace("/", "-")
        arguments = [literal(each.route), f"views.{each.model}ViewSet"]
        arguments.append(f"basename={literal(base)}")
        lines.append(_listed("router.register", "(", arguments, ")"))
    return "\n".join([*lines, "", "urlpatterns = router.urls", ""])


def _admin(plan: Plan, app: str) -> str:
    shown = [table for table in plan.tables if len(table.key) == 1]
    if not shown:
        return ""
    return _module(
        '"""The tables in the admin: those with a key of one column."""',
        "from backend.tables.admin import TableAdmin\nfrom django.contrib import admin\n\n"
        f"from {app} import models\n",
        [_admin_class(table, shown) for table in shown],
    )


def _admin_class(table: Table, shown: Collection[Table]) -> str:
    columns = [each for each in table.fields if each.is_listed and not each.is_geometry]
    names = [literal(each.name) for each in columns[:ADMIN_COLUMNS]]
    return "\n".join(
        [
            f"@admin.register(models.{table.model})",
            f"class {table.model}Admin(TableAdmin):",
            _listed(f"{INDENT}list_display = ", "[", names, "]"),
            *_admin_writing(table, shown),
        ]
    )


def _admin_writing(table: Table, shown: Collection[Table]) -> Iterator[str]:
    """What people can do, and how they find the row that a foreign key leads to."""
    if any(each.to == table.model for one in shown if one.writing.saves for each in one.fields):
        texts = [each.name for each in table.fields if each.column.type in SEARCHED]
        texts = [name for name in texts if name not in table.key]
        names = [literal(name) for name in (*table.key, *texts[:1])]
        yield _listed(f"{INDENT}search_fields = ", "[", names, "]")
    models = [each.model for each in shown]
    if table.writing.saves and (
        chosen := [literal(each.name) for each in table.fields if each.to in models]
    ):
        yield _listed(f"{INDENT}autocomplete_fields = ", "[", chosen, "]")
    allowed = {
        "can_add": table.writing.creates,
        "can_change": table.writing.updates,
        "can_delete": table.writing.deletes,
    }
    yield from (f"{INDENT}{name} = True" for name, is_allowed in allowed.items() if is_allowed)


def _tests(app: str) -> str:
    return f'''"""The parts fit together. ``manage.py inspectapi --check`` asks the database."""

from django.test import SimpleTestCase

from {app}.urls import router


class ApiTests(SimpleTestCase):
    def test_every_filter_and_field_is_a_column(self):
        for route, view, _ in router.registry:
            with self.subTest(route):
                columns = {{field.name for field in view.queryset.model._meta.get_fields()}}
                shown = {{field.source for field in view.serializer_class().fields.values()}}
                self.assertLessEqual(shown, columns)
                self.assertTrue(view.filterset_class.base_filters)
'''


def _module(doc: str, imports: str, classes: Sequence[str]) -> str:
    return "\n\n\n".join([f"{doc}\n\n{imports}".rstrip("\n"), *classes]) + "\n"


def docstring(text: str, indent: str = INDENT) -> Iterator[str]:
    """The lines of a docstring with any text, as plain text in HTML."""
    text = html.escape(text, quote=False).strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    if text.endswith('"') and not text.endswith('\\"'):
        text = f'{text[:-1]}\\"'
    first, *others = [line.rstrip() for line in text.split("\n")]
    yield f'{indent}"""{first}' + ("" if others else '"""')
    for line in others:
        yield f"{indent}{line}" if line else ""
    if others:
        yield f'{indent}"""'


def _assigned(name: str, declared: Declaration) -> str:
    arguments = [*declared.positional, *(f"{key}={value}" for key, value in declared.named)]
    return _listed(f"{INDENT}{name} = {declared.cls}", "(", arguments, ")")


def _listed(before: str, opened: str, items: Sequence[str], closed: str) -> str:
    """On one line if it fits, and otherwise an item on each line, as formatters write it."""
    line = f"{before}{opened}{', '.join(items)}{closed}"
    if len(line) <= WIDTH:
        return line
    indent = before[: len(before) - len(before.lstrip())]
    inner = indent + INDENT
    one = f"{inner}{', '.join(items)}"
    if opened == "(" and len(one) <= WIDTH:
        return f"{before}{opened}\n{one}\n{indent}{closed}"
    lines = [f"{inner}{item}," for item in items]
    return "\n".join([f"{before}{opened}", *lines, f"{indent}{closed}"])


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(literal, values))
