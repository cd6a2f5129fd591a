"""``Meta.in_db`` on SQLite: reads, writes, relations, migrations, and the system checks."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import assert_two_lines, run, shell

SETTINGS = """
from backend.hacko_settings import *

INSTALLED_APPS += ["stops", "census"]
DATABASES = {
    alias: {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / f"{alias}.sqlite3"}
    for alias in ("default", "census")
}
"""

STOPS = """
from django.db import models

class Stop(models.Model):
    name = models.CharField(max_length=50)
"""

CENSUS = """
from django.db import models

class Tract(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        in_db = "census"

class Block(models.Model):
    tract = models.ForeignKey(Tract, models.CASCADE, related_name="blocks")
    neighbors = models.ManyToManyField("self")
    tracts = models.ManyToManyField(Tract, through="Overlap", related_name="overlapping")

    class Meta:
        in_db = "census"

class Overlap(models.Model):
    block = models.ForeignKey(Block, models.CASCADE)
    tract = models.ForeignKey(Tract, models.CASCADE)

    class Meta:
        in_db = "census"

class Urban(Tract):
    class Meta:
        proxy = True

class Base(models.Model):
    class Meta:
        abstract = True
        in_db = "census"

class Road(Base):
    class Meta(Base.Meta):
        verbose_name = "road"

class River(Base):
    pass

class City(Tract):
    people = models.IntegerField(default=0)
"""


FILES = {
    "local_settings/settings.py": SETTINGS,
    "stops/__init__.py": "",
    "stops/models.py": STOPS,
    "census/__init__.py": "",
    "census/models.py": CENSUS,
}


@pytest.fixture
def census(project: Path) -> Path:
    """A project with an app in ``default``, one in ``census``, and no migrations yet."""
    return write(project, FILES)


@pytest.fixture(scope="module")
def first_migrations(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project with its migrations, and no tables yet. Tests copy it."""
    folder = shutil.copytree(compiled, tmp_path_factory.mktemp("first") / "code")
    manage(write(folder, FILES), "makemigrations", "stops", "census")
    return folder


@pytest.fixture(scope="module")
def first_tables(first_migrations: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project with its tables. Tests copy it."""
    folder = shutil.copytree(first_migrations, tmp_path_factory.mktemp("tables") / "code")
    migrate(folder)
    return folder


@pytest.fixture
def with_migrations(first_migrations: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first_migrations, tmp_path / "code")


@pytest.fixture
def migrated(first_tables: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first_tables, tmp_path / "code")


def manage(project: Path, *arguments: str) -> str:
    done = run(project, "manage.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def migrate(project: Path, *aliases: str) -> None:
    """Migrate ``default`` and ``census``, or the given aliases in their order, in one process."""
    code = f"""
from django.core.management import call_command
for alias in {aliases or ("default", "census")}:
    call_command("migrate", database=alias, verbosity=0)
"""
    shell(project, code)


def tables(project: Path) -> tuple[set[str], set[str]]:
    """The tables of the project's own apps in ``default`` and in ``census``."""
    code = """
from django.db import connections
for alias in ("default", "census"):
    print("tables", *connections[alias].introspection.table_names())
"""
    default, census = (
        {name for name in line.split() if name.startswith(("stops_", "census_"))}
        for line in shell(project, code).splitlines()
    )
    return default, census


IN_CENSUS = {
    *("census_tract", "census_block", "census_block_neighbors", "census_overlap"),
    *("census_road", "census_river", "census_city"),
}


def test_models_are_migrated_written_read_and_related_in_their_own_database(migrated):
    assert tables(migrated) == ({"stops_stop"}, IN_CENSUS)

    code = """
from census.models import *
from stops.models import Stop
from django.db import connections
tract = Tract.objects.create(name="one")
block = Block.objects.create(tract=tract)
block.neighbors.add(Block.objects.create(tract=tract))
block.tracts.add(tract)
city = City.objects.create(name="two", people=3)
stop = Stop.objects.create(name="there")
print(tract._state.db, block._state.db, city._state.db, stop._state.db)
print(Tract.objects.all().db, Urban.objects.all().db, City.objects.all().db, Road.objects.all().db)
print(River.objects.all().db, Overlap.objects.all().db, Stop.objects.all().db)
print(tract.blocks.count(), block.neighbors.count())
print(block.tracts.get().name, tract.overlapping.count())
print(Urban.objects.filter(blocks__isnull=False).distinct().count(), City.objects.get().name)
print(Block.neighbors.through.objects.count(), Block.neighbors.through.objects.all().db)
print(Tract.objects.using("census").count())
try:
    Tract.objects.using("default").count()
except Exception as error:
    print(type(error).__name__)
"""
    assert shell(migrated, code).splitlines() == [
        "census census census default",
        "census census census census",
        "census census default",
        "2 1",
        "one 1",
        "1 two",
        "2 census",
        "2",
        "OperationalError",
    ]


def test_using_and_an_instances_own_database_count_for_models_without_in_db(migrated):
    code = """
from stops.models import Stop
from django.db import connections
with connections["census"].schema_editor() as editor:
    editor.create_model(Stop)
there = Stop.objects.using("census").create(name="there")
there.name = "changed"
there.save()
there.refresh_from_db()
print(Stop.objects.count(), there.name)
"""
    assert shell(migrated, code) == "0 changed"


def test_relation_across_databases_is_refused_and_within_one_allowed(census):
    code = """
from backend.router import ModelDatabaseRouter
from census.models import *
from stops.models import Stop
from django.contrib.auth.models import User, Group
allow = ModelDatabaseRouter().allow_relation
print(allow(Tract(), Stop()), allow(Stop(), Urban()))
print(allow(Tract(), City()), allow(User(), Group()))
"""
    # None leaves two models without in_db to Django's own rule, or to a router of the team.
    assert shell(census, code) == "False False\nTrue None"


def test_makemigrations_is_stable_when_in_db_is_added_changed_or_removed(with_migrations):
    taken_away = CENSUS.replace('in_db = "census"', "pass")
    for models in (CENSUS, CENSUS.replace('in_db = "census"', 'in_db = "default"'), taken_away):
        write(with_migrations, {"census/models.py": models})
        assert "No changes detected" in manage(
            with_migrations, "makemigrations", "--check", "--dry-run"
        )
    # Migrations from before in_db was added.
    for file in (with_migrations / "census/migrations").glob("0*.py"):
        text = file.read_text()
        file.write_text(text.replace("'in_db': 'census',", ""))
        assert "in_db" in text
        assert "in_db" not in file.read_text()
    write(with_migrations, {"census/models.py": CENSUS})
    assert "No changes detected" in manage(
        with_migrations, "makemigrations", "--check", "--dry-run"
    )
    migrate(with_migrations)
    assert tables(with_migrations) == ({"stops_stop"}, IN_CENSUS)


def test_every_migration_of_a_model_follows_it_to_another_database(with_migrations):
    write(
        with_migrations,
        {"census/models.py": CENSUS.replace('in_db = "census"', 'in_db = "default"')},
    )
    migrate(with_migrations)
    assert tables(with_migrations) == (IN_CENSUS | {"stops_stop"}, set())


OPERATIONS = """
from django.db import migrations, models

def name_tracts(apps, schema_editor):
    Tract = apps.get_model("census", "Tract")
    # Without using(): the router treats a historical model like the current one.
    Tract.objects.create(name=f"made in {schema_editor.connection.alias}")

class Migration(migrations.Migration):
    dependencies = [("census", "0001_initial")]
    operations = [
        migrations.RunPython(name_tracts, migrations.RunPython.noop),
        migrations.RunSQL("CREATE TABLE census_by_sql (id integer)"),
        migrations.RunSQL("CREATE TABLE census_by_hint (id integer)", hints={"in_db": "default"}),
        migrations.CreateModel("Old", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("Old", "name", models.CharField(max_length=9, default="")),
        migrations.DeleteModel("Old"),
        # Models that no longer exist in the code, so only the migration names the database.
        migrations.CreateModel("Gone", [("id", models.BigAutoField(primary_key=True))],
            options={"in_db": "census"}),
        migrations.CreateModel("Lost", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddField("Tract", "code", models.IntegerField(default=0)),
        migrations.RenameField("Tract", "code", "number"),
        migrations.RemoveField("Tract", "number"),
    ]
"""


@pytest.mark.parametrize("made", ["with in_db", "before in_db was"])
def test_operations_without_a_model_run_once_where_the_apps_models_are_or_the_hint_says(
    with_migrations, made
):
    if made == "before in_db was":
        for file in (with_migrations / "census/migrations").glob("0*.py"):
            file.write_text(file.read_text().replace("'in_db': 'census',", ""))
    write(with_migrations, {"census/migrations/0002_data.py": OPERATIONS})
    migrate(with_migrations)
    default, in_census = tables(with_migrations)
    assert in_census == IN_CENSUS | {"census_by_sql", "census_gone"}
    assert default == {"stops_stop", "census_by_hint", "census_lost"}
    code = "from census.models import Tract; print(*Tract.objects.values_list('name', flat=True))"
    assert shell(with_migrations, code) == "made in census"


def test_data_migration_of_an_app_in_two_databases_runs_in_default(census):
    both = CENSUS + "\n\nclass Note(models.Model):\n    pass\n"
    write(census, {"census/models.py": both})
    manage(census, "makemigrations", "stops", "census")
    write(census, {"census/migrations/0002_data.py": OPERATIONS})
    # The router sends its rows to a table in `census`, which must exist first.
    migrate(census, "census", "default")
    default, in_census = tables(census)
    assert "census_by_sql" in default - in_census


def test_backwards_migrations_remove_the_tables(migrated):
    manage(migrated, "migrate", "--database", "census", "--verbosity", "0", "census", "zero")
    assert tables(migrated) == ({"stops_stop"}, set())


# ---------------------------------------------------------------------------
# Registration of in_db


def test_old_style_registration_in_a_models_file_still_works(census):
    old = "import django.db.models.options as options\n\n"
    old += "options.DEFAULT_NAMES = options.DEFAULT_NAMES + ('in_db',)\n"
    write(census, {"census/models.py": old + CENSUS})
    assert "no issues" in manage(census, "check")
    code = "from census.models import Tract; print(Tract.objects.all().db)"
    assert shell(census, code) == "census"


def test_in_db_works_with_any_order_of_installed_apps(census):
    apps = (
        'INSTALLED_APPS = ["census", "stops", "django.contrib.contenttypes", "django.contrib.auth"]'
    )
    write(census, {"local_settings/settings.py": SETTINGS + apps})
    code = "from census.models import Tract; print(Tract.objects.all().db)"
    assert shell(census, code) == "census"


def test_a_router_of_the_team_is_used_too(census):
    more = 'DATABASE_ROUTERS += ["census.router.Replica"]\n'
    router = """
class Replica:
    def db_for_read(self, model, **hints):
        return "census" if model._meta.model_name == "stop" else None
"""
    write(census, {"local_settings/settings.py": SETTINGS + more, "census/router.py": router})
    code = """
from stops.models import Stop
from census.models import Tract
from django.db import router
print(Stop.objects.all().db, Tract.objects.all().db, router.db_for_write(Tract))
"""
    assert shell(census, code) == "census census census"


# ---------------------------------------------------------------------------
# System checks


def check(project: Path, models: str) -> tuple[int, str]:
    write(project, {"census/models.py": models})
    done = run(project, "manage.py", "check")
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_correct_models_pass_the_checks(census):
    assert check(census, CENSUS) == (0, "System check identified no issues (0 silenced).")


def test_unknown_alias_is_an_error_with_a_suggestion(census):
    code, output = check(census, CENSUS.replace('in_db = "census"', 'in_db = "cesnus"', 1))
    assert code == 1
    assert (
        "census.Tract: (backend.E001) Meta.in_db is 'cesnus', which is not in DATABASES. "
        "HINT: Did you mean 'census'? DATABASES contains 'default', 'census'. To add 'cesnus', "
        "set CESNUS_DATABASE_URL." in output
    )


def test_unknown_alias_stops_the_boot_and_names_the_models_line(census):
    write(census, {"census/models.py": CENSUS.replace('in_db = "census"', 'in_db = "cesnus"')})
    done = run(census, "-m", "backend.boot", "gunicorn", "backend.wsgi")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert f"census.Tract ({census}/census/models.py, line 4): Meta.in_db is 'cesnus'" in first
    assert "Did you mean 'census'?" in second


@pytest.mark.parametrize(
    "field",
    [
        "models.ForeignKey('stops.Stop', models.CASCADE)",
        "models.OneToOneField('stops.Stop', models.CASCADE)",
        "models.ManyToManyField('stops.Stop')",
    ],
)
def test_relation_across_databases_is_a_warning_that_names_both(census, field):
    code, output = check(census, CENSUS + f"    stop = {field}\n")
    assert code == 0
    assert (
        "census.City.stop: (backend.W001) The relation crosses databases: census.City is in "
        "'census', stops.Stop in 'default'." in output
    )
    assert output.count("backend.W001") == 1


def test_proxy_in_another_database_than_its_rows_is_an_error(census):
    wrong = CENSUS.replace("proxy = True", 'proxy = True\n        in_db = "default"')
    code, output = check(census, wrong)
    assert code == 1
    assert "census.Urban: (backend.E002) Meta.in_db is 'default', but its rows are in" in output


def test_multi_table_child_in_another_database_than_its_parent_is_an_error(census):
    code, output = check(census, CENSUS + '\n    class Meta:\n        in_db = "default"\n')
    assert code == 1
    assert "census.City: (backend.E002)" in output
    assert "with those of census.Tract. HINT: Remove in_db here" in output


def test_geometry_on_plain_sqlite_is_an_error_that_names_the_ways_out(census):
    geometry = CENSUS.replace(
        "from django.db import models", "from django.contrib.gis.db import models"
    )
    code, output = check(census, geometry + "    shape = models.PointField()\n")
    assert code == 1
    assert "census.City.shape: (backend.E003)" in output
    assert "Use PostGIS (set POSTGRES_NAME" in output
    assert "or the development image, which has SpatiaLite." in output


def test_cache_in_a_database_is_routed_to_default(census: Path) -> None:
    """For a cache, Django passes routers a class that is not a model."""
    with (census / "local_settings/settings.py").open("a") as settings:
        backend = "django.core.cache.backends.db.DatabaseCache"
        settings.write(f'CACHES = {{"default": {{"BACKEND": "{backend}", "LOCATION": "kept"}}}}\n')
    manage(census, "createcachetable")
    manage(census, "createcachetable", "--database", "census")
    code = """
from django.core.cache import cache
from django.db import connections
from django.test import Client
cache.set("a", 1)
tables = {alias: connections[alias].introspection.table_names() for alias in connections}
document = Client(HTTP_HOST="localhost").get("/swagger/?format=openapi")
print(cache.get("a"), tables, document.status_code)
"""
    assert shell(census, code) == "1 {'default': ['kept'], 'census': []} 200"


START = """
from backend.boot import migrations
from backend.logs.ending import explained
from backend.doctor import databases
from backend.health.probes import database_states
from django.db import connections
with explained():
    print([(state.alias, state.state) for state in database_states()])
    found = [finding for one in databases.examine_all() for finding in one.findings]
    print(*[finding.message for finding in found if finding.level == "problem"])
    migrations.migrate(10)
"""
MOVED = "Database 'census' has no table 'stops_stop' (stops.Stop), although the migrations"


def test_a_model_that_in_db_moves_to_a_migrated_database_has_no_table_there(migrated: Path) -> None:
    (migrated / "stops/models.py").write_text(
        f'{STOPS}\n    class Meta:\n        in_db = "census"\n'
    )
    preamble = "import django; django.setup()\n"
    env = {"DJANGO_SETTINGS_MODULE": "backend.settings"}
    done = run(migrated, "-c", preamble + START, **env)
    assert done.returncode == 1, done.stdout
    assert_two_lines(done.stderr[done.stderr.rindex("ERROR: ") :], MOVED, "recorded there", "zero")
    states, problems = done.stdout.splitlines()[:2]
    assert states == "[('default', 'ok'), ('census', 'tables missing')]"
    assert problems.startswith(MOVED)
    assert "database 'census' is up to date" not in done.stdout
    for command in re.findall(r"manage.py ([^&;]+)", done.stderr.splitlines()[-1]):
        manage(migrated, *command.split())
    done = run(migrated, "-c", preamble + START, **env)
    assert done.returncode == 0, done.stderr
    assert "boot: database 'census' is up to date" in done.stdout
    # A model that no migration creates yet is not an error.
    with (migrated / "stops/models.py").open("a") as models:
        models.write("\nclass Line(models.Model):\n    stops = models.ManyToManyField(Stop)\n")
        models.write('\n    class Meta:\n        in_db = "census"\n')
    done = run(migrated, "-c", preamble + START, **env)
    assert done.returncode == 0, done.stderr
