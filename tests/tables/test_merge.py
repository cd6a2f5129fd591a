"""What people wrote stays, and what changed in the database arrives, in the same file."""

from __future__ import annotations

import pytest

from backend.tables.project import merge, merge_file
from backend.tables.project.merge import Merged

MODELS = '''"""The tables of a database."""

from django.contrib.gis.db import models

from backend.tables import fields


class Crashes(models.Model):
    """Reported crashes since 2015"""

    ogc_fid = models.IntegerField(primary_key=True)
    class_field = models.CharField(verbose_name="class", db_column="class", blank=True, null=True)
    severity = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        managed = False
        db_table = '"city"."crashes"'
        ordering = ["ogc_fid"]


class Stops(models.Model):
    stop_id = models.TextField(primary_key=True)
    cost = fields.MoneyField()

    class Meta:
        managed = False
        db_table = '"city"."stops"'
'''
SERIALIZERS = """from rest_framework.serializers import ModelSerializer

from city import models


class CrashesSerializer(ModelSerializer):
    class Meta:
        model = models.Crashes
        fields = ["ogc_fid", "class", "severity"]
        extra_kwargs = {"class": {"source": "class_field"}}


class StopsSerializer(ModelSerializer):
    class Meta:
        model = models.Stops
        fields = ["stop_id", "cost"]
"""
VIEWS = """from backend.tables.viewsets import TableViewSet

from city import models, serializers


class CrashesViewSet(TableViewSet):
    queryset = models.Crashes.objects.all()
    serializer_class = serializers.CrashesSerializer


class StopsViewSet(TableViewSet):
    queryset = models.Stops.objects.all()
    serializer_class = serializers.StopsSerializer
"""
URLS = """from rest_framework.routers import DefaultRouter

from city import views

router = DefaultRouter()
router.register("crashes", views.CrashesViewSet, basename="crashes")
router.register("stops", views.StopsViewSet, basename="stops")

urlpatterns = router.urls
"""
APP = {"models.py": MODELS, "serializers.py": SERIALIZERS, "views.py": VIEWS, "urls.py": URLS}

SEVERITY = "    severity = models.DecimalField(max_digits=5, decimal_places=2)\n"
WIDER = SEVERITY.replace("max_digits=5", "max_digits=7")
SPEED = "    speed = models.IntegerField(blank=True, null=True)\n"
METHOD = "\n    def __str__(self):\n        return str(self.ogc_fid)\n"
ORDERING = '        ordering = ["ogc_fid"]\n'
PARKS = """

class Parks(models.Model):
    name = models.TextField()

    class Meta:
        managed = False
        db_table = '"city"."parks"'
"""


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """The text with replacements, each of which must apply once."""
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def merged(last: str, new: str, yours: str, **options) -> Merged:
    """The merge of one file."""
    name = "models.py"
    return merge.merge({name: last}, {name: new}, {name: yours}, **options)


def result(last: str, new: str, yours: str) -> str:
    """Its text, if there is no conflict."""
    one = merged(last, new, yours)
    assert not one.conflicts
    assert one.generated == {"models.py": new}
    return one.changes.get("models.py") or yours


def without(text: str, name: str) -> str:
    """A module without a class, or a list of URLs without a route."""
    blocks = text.removesuffix("\n").split("\n\n\n")
    if len(blocks) > 1:
        return "\n\n\n".join(each for each in blocks if f"class {name}" not in each) + "\n"
    return "".join(f"{line}\n" for line in text.splitlines() if f".{name}ViewSet" not in line)


def app_without(name: str) -> dict[str, str]:
    return {file: without(text, name) for file, text in APP.items()}


def test_same_code_changes_nothing():
    one = merge.merge(APP, APP, APP)
    assert one == Merged(generated=APP)


def test_without_edits_the_new_code_arrives_verbatim():
    new = changed(MODELS, (SEVERITY, WIDER + SPEED), ("import fields", "import fields, x"))
    assert result(MODELS, new, MODELS) == new


def test_with_edits_and_no_new_code_nothing_changes():
    yours = changed(MODELS, (SEVERITY, WIDER), ("since 2015", "of all years"))
    assert merged(MODELS, MODELS, yours).changes == {}


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (("Reported crashes since 2015", "Every crash"), (SEVERITY, WIDER)),
        ((ORDERING, ORDERING + METHOD), (SEVERITY, SEVERITY + SPEED)),
        ((SEVERITY, SEVERITY + METHOD), (SEVERITY, SEVERITY + SPEED)),
        ((SEVERITY, f"    # Of the police.\n{SEVERITY}"), (SEVERITY, WIDER)),
        (("class_field = ", "road_user = "), (SEVERITY, WIDER)),
        (
            (ORDERING, '        ordering = ["-ogc_fid"]\n'),
            ('"city"."crashes"', '"city"."all_crashes"'),
        ),
        ((SEVERITY, f'{SEVERITY[:-2]}, help_text="Worse"  )\n'), (ORDERING, "")),
        (('"""The tables of a database."""\n', ""), (SEVERITY, WIDER)),
        (
            ("\nfrom django", "\nimport json\n\nfrom django"),
            ("db import models", "db import models, x"),
        ),
    ],
    ids=[
        "edited docstring",
        "added method",
        "method where the column is added",
        "comment",
        "renamed attribute",
        "other line of Meta",
        "edited column, and a line removed",
        "removed docstring",
        "own import",
    ],
)
def test_what_you_wrote_and_what_changed_are_both_in_the_result(
    edit: tuple[str, str], change: tuple[str, str]
):
    both = changed(MODELS, edit, change)
    assert result(MODELS, changed(MODELS, change), changed(MODELS, edit)) == both


def test_both_add_to_an_import():
    head = "from backend.tables import fields"
    text = result(
        MODELS, changed(MODELS, (head, f"{head}, x")), changed(MODELS, (head, f"{head}, y"))
    )
    assert "\nfrom backend.tables import fields, x, y\n" in text


def test_a_hidden_column_stays_hidden_and_a_new_one_is_shown():
    names = 'fields = ["ogc_fid", "class", "severity"]'
    new = changed(SERIALIZERS, (names, 'fields = ["ogc_fid", "class", "severity", "speed"]'))
    yours = changed(SERIALIZERS, (names, 'fields = ["ogc_fid", "class"]'))
    assert '        fields = ["ogc_fid", "class", "speed"]\n' in result(SERIALIZERS, new, yours)


def test_arguments_of_the_same_column_merge():
    yours = changed(MODELS, (SEVERITY, SEVERITY.replace("=2)", '=2, help_text="0 to 100")')))
    new = changed(MODELS, (SEVERITY, WIDER.replace("=2)", "=2, null=True)")))
    expected = (
        "    severity = models.DecimalField(max_digits=7, decimal_places=2, null=True, help_text"
    )
    assert f'{expected}="0 to 100")\n' in result(MODELS, new, yours)


def test_a_value_that_becomes_too_long_gets_lines():
    long = [f"column_{number}" for number in range(6)]
    start = 'fields = ["stop_id", "cost"]'
    new = changed(SERIALIZERS, (start, f"fields = {['stop_id', 'cost', *long]}".replace("'", '"')))
    yours = changed(SERIALIZERS, (start, 'fields = ["stop_id", "cost", "mine"]'))
    lines = "".join(f'            "{name}",\n' for name in ("stop_id", "cost", *long, "mine"))
    assert f"        fields = [\n{lines}        ]\n" in result(SERIALIZERS, new, yours)


def test_a_reordered_file_keeps_its_order():
    head, crashes, stops = MODELS.removesuffix("\n").split("\n\n\n")
    yours = "\n\n\n".join([head, stops, crashes]) + "\n"
    new = changed(MODELS, (SEVERITY, WIDER)) + PARKS
    text = result(MODELS, new, yours)
    order = [line for line in text.splitlines() if line.startswith("class")]
    assert [line.partition("(")[0] for line in order] == [
        "class Stops",
        "class Parks",
        "class Crashes",
    ]
    assert WIDER in text


def test_a_new_table_is_appended():
    yours = changed(MODELS, (ORDERING, ORDERING + METHOD))
    assert result(MODELS, MODELS + PARKS, yours) == yours + PARKS


def test_a_formatter_with_other_lines_is_no_edit():
    wrapped = (
        "    severity = models.DecimalField(\n"
        "        max_digits=5,\n        decimal_places=2,\n    )\n"
    )
    yours = changed(
        MODELS, (SEVERITY, wrapped), ('(verbose_name="class", db', "(verbose_name='class', db")
    )
    text = result(MODELS, changed(MODELS, (SEVERITY, WIDER)), yours)
    assert WIDER in text
    assert "verbose_name='class'" in text


@pytest.mark.parametrize("end", ["", "\n\n# The end.\n", "\nEXTRA = 1"])
def test_any_end_of_a_file_stays(end: str):
    yours = MODELS.removesuffix("\n") + end
    text = result(MODELS, changed(MODELS, (SEVERITY, WIDER)), yours)
    assert WIDER in text
    assert text.removesuffix("\n").endswith(end.removesuffix("\n"))


def test_a_missing_newline_at_the_end_is_no_change():
    assert merged(MODELS, MODELS, MODELS.removesuffix("\n")).changes == {}


def test_a_dropped_table_is_removed_everywhere():
    one = merge.merge(APP, app_without("Stops"), APP)
    assert one.changes == app_without("Stops")
    assert one.generated == app_without("Stops")
    assert not one.conflicts


def test_imports_that_nothing_uses_any_longer_are_removed_and_others_stay():
    new = changed(without(MODELS, "Stops"), ("\nfrom backend.tables import fields\n", ""))
    assert result(MODELS, new, MODELS) == new
    yours = changed(MODELS, (SEVERITY, SEVERITY + "    mine = fields.NumericField()\n"))
    assert "\nfrom backend.tables import fields\n" in result(MODELS, new, yours)


def test_a_dropped_table_whose_view_you_edited_stays_whole():
    edited = changed(VIEWS, ("StopsSerializer\n", "StopsSerializer\n    page_size = 7\n"))
    yours = {**APP, "views.py": edited}
    one = merge.merge(APP, app_without("Stops"), yours)
    assert one.changes == {}
    assert [each.path for each in one.conflicts] == [("views.py", "StopsViewSet")]
    # It is said again, until you remove the code or keep it.
    assert one.generated == APP
    again = merge.merge(one.generated, app_without("Stops"), yours, keep_yours=True)
    assert not again.conflicts
    assert again.generated == app_without("Stops")
    kept = {**yours, **again.changes}
    assert "class Stops(" in kept["models.py"]
    assert "class StopsSerializer(" in kept["serializers.py"]


def test_a_dropped_table_that_another_file_uses_stays():
    other = {"reports.py": "from city.models import Stops\n\nprint(Stops)\n"}
    one = merge.merge(APP, app_without("Stops"), APP, others=other)
    assert one.changes == {}
    (conflict,) = [each for each in one.conflicts if each.path == ("models.py", "Stops")]
    assert conflict.problem == merge_file.USED


def test_a_conflict_leaves_the_table_as_it_is_in_all_files_and_others_merge():
    yours = {**APP, "models.py": changed(MODELS, (SEVERITY, SEVERITY.replace("=5", "=6")))}
    new = {
        **APP,
        "models.py": changed(
            MODELS, (SEVERITY, WIDER + SPEED), ("MoneyField()", "MoneyField(x=1)")
        ),
        "serializers.py": changed(
            SERIALIZERS, ('"severity"]', '"severity", "speed"]'), ('"cost"]', '"cost", "more"]')
        ),
    }
    one = merge.merge(APP, new, yours)
    (conflict,) = one.conflicts
    assert conflict.path == ("models.py", "Crashes", "severity", "max_digits")
    assert (conflict.line, conflict.yours, conflict.new) == (13, "max_digits=6", "max_digits=7")
    assert one.changes == {
        "models.py": changed(yours["models.py"], ("MoneyField()", "MoneyField(x=1)")),
        "serializers.py": changed(SERIALIZERS, ('"cost"]', '"cost", "more"]')),
    }
    # The next merge finds the same conflict again, and nothing else.
    result = {**yours, **one.changes}
    again = merge.merge(one.generated, new, result)
    assert again.conflicts == one.conflicts
    assert again.changes == {}
    # Your file with the new text settles it.
    settled = {**result, "models.py": result["models.py"].replace("=6", "=7")}
    after = merge.merge(one.generated, new, settled)
    assert not after.conflicts
    assert {**settled, **after.changes} == new
    # Or the option.
    kept = merge.merge(one.generated, new, result, keep_yours=True)
    assert not kept.conflicts
    assert kept.generated == new
    assert {**result, **kept.changes} == {**new, "models.py": new["models.py"].replace("=7", "=6")}


def test_a_renamed_class_whose_table_changed_is_a_conflict():
    yours = {file: text.replace("models.Crashes", "models.Crash") for file, text in APP.items()}
    yours["models.py"] = changed(MODELS, ("class Crashes(", "class Crash("))
    new = {
        **APP,
        "models.py": changed(MODELS, (SEVERITY, SEVERITY + SPEED)),
        "serializers.py": changed(SERIALIZERS, ('"severity"]', '"severity", "speed"]')),
    }
    one = merge.merge(APP, new, yours)
    assert [each.path for each in one.conflicts] == [("models.py", "Crashes")]
    assert one.conflicts[0].problem == merge_file.MISSING
    assert one.changes == {}


def test_a_class_that_you_removed_stays_removed():
    new = changed(MODELS, ("MoneyField()", "MoneyField(x=1)"))
    one = merged(MODELS, new, without(MODELS, "Stops"))
    assert one.changes == {}
    assert not one.conflicts
    assert one.missing == [("models.py", "Stops")]
    assert one.generated == {"models.py": new}


def test_a_file_that_you_removed_is_not_written_again():
    yours = {name: text for name, text in APP.items() if name != "urls.py"}
    new = {**APP, "urls.py": without(URLS, "Stops")}
    one = merge.merge(APP, new, yours)
    assert one.changes == {}
    assert one.missing == [("urls.py",)]
    assert one.generated == new
    assert merge.merge(one.generated, new, yours).missing == []


def test_a_new_file_is_written_unless_you_have_one_of_that_name():
    new = {**APP, "admin.py": "ADMIN = 1\n"}
    assert merge.merge(APP, new, APP).changes == {"admin.py": "ADMIN = 1\n"}
    one = merge.merge(APP, new, {**APP, "admin.py": "MINE = 1\n"})
    assert one.changes == {}
    assert [(each.path, each.problem) for each in one.conflicts] == [
        (("admin.py",), merge_file.BOTH_ADDED)
    ]
    assert one.generated == APP


def test_a_file_that_is_no_longer_generated_is_removed_unless_you_edited_it():
    last = {**APP, "admin.py": "ADMIN = 1\n"}
    assert merge.merge(last, APP, last).changes == {"admin.py": None}
    one = merge.merge(last, APP, {**last, "admin.py": "ADMIN = 2\n"})
    assert one.changes == {}
    assert [(each.path, each.problem) for each in one.conflicts] == [
        (("admin.py",), merge_file.GONE)
    ]


def test_both_added_the_same_name():
    yours = changed(MODELS, (SEVERITY, SEVERITY + "    speed = None\n"))
    one = merged(MODELS, changed(MODELS, (SEVERITY, SEVERITY + SPEED)), yours)
    (conflict,) = one.conflicts
    assert (conflict.path, conflict.problem) == (
        ("models.py", "Crashes", "speed"),
        merge_file.BOTH_ADDED,
    )
    assert one.changes == {}


def test_a_dropped_column_that_your_code_still_names_is_listed():
    edited = changed(VIEWS, ("CrashesSerializer\n", 'CrashesSerializer\n    order = "severity"\n'))
    new = {
        **APP,
        "models.py": changed(MODELS, (SEVERITY, "")),
        "serializers.py": changed(SERIALIZERS, (', "severity"]', "]")),
    }
    one = merge.merge(APP, new, {**APP, "views.py": edited})
    assert one.changes == {name: new[name] for name in ("models.py", "serializers.py")}
    assert one.stale == [(("models.py", "Crashes", "severity"), "views.py", 6)]


def test_a_comment_in_a_list_is_not_lost():
    names = 'fields = ["stop_id", "cost"]'
    lines = 'fields = [\n            "stop_id",  # the key\n            "mine",\n        ]'
    yours = changed(SERIALIZERS, (names, lines))
    one = merged(SERIALIZERS, changed(SERIALIZERS, ('"cost"]', '"cost", "more"]')), yours)
    assert one.changes == {}
    (conflict,) = one.conflicts
    assert conflict.yours == f"        {lines}\n"


def test_a_file_that_python_cannot_parse_is_an_error():
    with pytest.raises(SyntaxError):
        merged(MODELS, changed(MODELS, (SEVERITY, WIDER)), MODELS + "class\n")


def test_files_in_other_languages_are_replaced_or_left():
    last, new = {"help.html": "one\n"}, {"help.html": "two\n"}
    assert merge.merge(last, new, last).changes == new
    one = merge.merge(last, new, {"help.html": "mine\n"})
    assert one.changes == {}
    assert one.conflicts[0].path == ("help.html", "")
