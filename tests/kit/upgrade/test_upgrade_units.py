"""What `upgrade` rewrites, what it lists, and what it refuses to overwrite."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.conf.findings import WARNING, Finding
from backend.kit.startproject.__main__ import main as startproject
from backend.kit.upgrade.__main__ import main
from backend.kit.upgrade.git import Index
from backend.kit.upgrade.rules import advice, requirements, rewrites
from backend.kit.upgrade.run import Run
from backend.kit.upgrade.source import Edit, Source
from tests.kit.upgrade.by_hand import BY_HAND, MAKEMIGRATIONS, git, move_data
from tests.kit.upgrade.conftest import copy_of_old_project

ROOT = Path(__file__).resolve().parents[3]
GIS = "from django.contrib.gis.db import models\n"
OS = "import os\n"
WORDS = '("true", "on", "ok", "y", "yes", "1")'
PLACE = "P = os.path.join('/code/src_files', 'x.json')\n"
SETUP = "from setuptools import setup\n"
FROM = "FROM hackoregoncivic/backend-docker-django"


def findings(project: Path, *, notes: bool = False) -> list[Finding]:
    listed = Run(project, Index.of(project)).result().findings
    return [finding for finding in listed if (finding.level == WARNING) is notes]


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, newline="")
    return folder


# --- The list is complete, and nothing else is on it --------------------------------------


def test_each_listed_place_is_corrected_by_its_edit_and_none_is_left(tmp_path: Path):
    project = copy_of_old_project(tmp_path)
    assert main([str(project)]) == 0
    git(project, "add", "--all")
    listed = findings(project)
    everything = [*BY_HAND, *MAKEMIGRATIONS]
    for finding in listed:
        assert [edit for edit in everything if edit.mends(finding)], finding
    for edit in everything:
        assert [finding for finding in listed if edit.mends(finding)], edit
    left = len(listed)
    for edit in BY_HAND:
        edit.apply(project)
        listed = findings(project)
        assert not [finding for finding in listed if edit.mends(finding)]
        assert len(listed) < left, edit
        left = len(listed)
    move_data(project)
    for finding in findings(project):
        assert any(edit.mends(finding) for edit in MAKEMIGRATIONS), finding
    assert [note.line for note in findings(project, notes=True)] == [28]  # health_check.db


@pytest.mark.parametrize(
    "project", ["tests/downstream/project", "tests/support/places_project", "bench/ours"]
)
def test_a_project_of_today_has_nothing_to_do(project: str, capsys: pytest.CaptureFixture):
    assert main(["--check", str(ROOT / project)]) == 0
    assert capsys.readouterr().out.strip().endswith("Nothing to do.")


def test_a_project_of_startproject_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture):
    startproject(["my-api", "--database", "census", "--into", str(tmp_path)])
    assert main(["--check", str(tmp_path / "my-api")]) == 0
    assert capsys.readouterr().out.strip().endswith("Nothing to do.")


# --- Rewriting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "urls.py",
            "from django.conf.urls import url, include  # ours\nurlpatterns = [url(r'^ä$', x), "
            "url(y)]\n",
            "from django.urls import re_path, include  # ours\nurlpatterns = [re_path(r'^ä$', "
            "x), re_path(y)]\n",
        ),
        (
            "urls.py",
            "from django.conf.urls import (\n    handler404,\n    url,\n)\nurl('a', b)\n",
            "from django.urls import re_path\nfrom django.conf.urls import (\n    "
            "handler404,\n)\nre_path('a', b)\n",
        ),
        (
            "a/settings.py",
            "import os\nDEBUG = int(os.environ.get('DEBUG', default=0)) == 1\n",
            'import os\nDEBUG = os.environ.get("DEBUG", "").lower() in ("true", "on", "ok", "y", '
            '"yes", "1")\n',
        ),
        (
            "a/settings.py",
            "if a:\n    DEFAULT_FILE_STORAGE: str = 'b.C'\n",
            'if a:\n    STORAGES = {"default": {"BACKEND": \'b.C\'}, "staticfiles": {"BACKEND": '
            '"django.contrib.staticfiles.storage.StaticFilesStorage"}}\n',
        ),
        (
            "a/settings.py",
            "CORS_ORIGIN_WHITELIST = ('a.org:80', 'http://b')\nCSRF_TRUSTED_ORIGINS = ['.a.org']\n",
            "CORS_ORIGIN_WHITELIST = ('http://a.org:80', 'https://a.org:80', 'http://b')\n"
            "CSRF_TRUSTED_ORIGINS = ['https://*.a.org']\n",
        ),
        (
            "a/admin.py",
            "from django.contrib.gis.admin import GeoModelAdmin\nfrom django.contrib.gis import "
            "admin\nclass A(admin.OSMGeoAdmin):\n    x = 1\n",
            "from django.contrib.gis.admin import GISModelAdmin as GeoModelAdmin\nfrom "
            "django.contrib.gis import admin\nclass A(admin.GISModelAdmin):\n    x = 1\n",
        ),
        (  # the name means something else inside a function
            "urls.py",
            "from django.conf.urls import url\ndef f(url=None):\n    return g(url)\nurl('a', b)\n",
            "from django.urls import re_path as url\ndef f(url=None):\n    return "
            "g(url)\nurl('a', b)\n",
        ),
        (
            "urls.py",
            "from django.conf.urls import url as u\nu('a', b)\n",
            "from django.urls import re_path as u\nu('a', b)\n",
        ),
        (  # path() would pass a number to the view, instead of text
            "urls.py",
            "from django.conf.urls import url\nurl(r'^(?P<year>[0-9]+)/$', b)\n",
            "from django.urls import re_path\nre_path(r'^(?P<year>[0-9]+)/$', b)\n",
        ),
        ("urls.py", "def url(a):\n    return a\nurl('a')\n", None),
        (
            "urls.py",
            "from django.conf.urls import *\nurlpatterns = [url('a', include(b))]\n",
            "from django.urls import re_path\nfrom django.conf.urls import *\n"
            "urlpatterns = [re_path('a', include(b))]\n",
        ),
        (  # the name may come from the other module
            "urls.py",
            "from django.conf.urls import *\nfrom a import *\nurl('a', b)\n",
            "from django.urls import re_path as url\nfrom django.conf.urls import *\n"
            "from a import *\nurl('a', b)\n",
        ),
        ("urls.py", "from django.conf.urls import *\nfrom .a import url\nurl('a', b)\n", None),
        ("urls.py", "from django.conf.urls import *\ndef url():\n    pass\nurl()\n", None),
        (
            "app/models.py",
            f"{GIS}class A(models.Model):\n    b = models.NullBooleanField(default=(None))  # "
            "why\n",
            f"{GIS}class A(models.Model):\n"
            "    b = models.BooleanField(default=(None), null=True, blank=True)  # why\n",
        ),
        (
            "app/other.py",
            "from django.db import models\nA = models.NullBooleanField(blank=False, null=True)\n",
            "from django.db import models\nA = models.BooleanField(blank=False, null=True)\n",
        ),
        ("app/migrations/0001.py", f"{GIS}A = models.NullBooleanField()\n", None),
        (
            "app/models.py",
            f"{GIS}A = models.OneToOneField('self',)\nB = models.ForeignKey(A, models.SET_NULL)\n",
            f"{GIS}A = models.OneToOneField('self', on_delete=models.CASCADE,)\n"
            "B = models.ForeignKey(A, models.SET_NULL)\n",
        ),
        (
            "urls.py",
            "r.register(r'a', A,\n    base_name='a')  # base_name='b'\n",
            "r.register(r'a', A,\n    basename='a')  # base_name='b'\n",
        ),
        (
            "views.py",
            "if not request.is_ajax() and x.is_ajax():\n    y = self.request.is_ajax()\n",
            'if not (request.headers.get("x-requested-with") == "XMLHttpRequest") and '
            "x.is_ajax():\n"
            '    y = self.request.headers.get("x-requested-with") == "XMLHttpRequest"\n',
        ),
        (
            "settings.py",
            f"{OS}DEBUG = bool(os.environ.get('DEBUG'))\n",
            f'{OS}DEBUG = os.environ.get("DEBUG", "").lower() in {WORDS}\n',
        ),
        (
            "settings.py",
            f"{OS}DEBUG = os.getenv('DEBUG', True)\n",
            f'{OS}DEBUG = os.getenv("DEBUG", "true").lower() in {WORDS}\n',
        ),
        (
            "settings.py",
            f"{OS}if a:\n    DEBUG: bool = bool(os.getenv('DEBUG'))\nelse:\n    DEBUG = True\n",
            f'{OS}if a:\n    DEBUG: bool = os.getenv("DEBUG", "").lower() in {WORDS}\n'
            "else:\n    DEBUG = True\n",
        ),
        (
            "settings.py",
            f"{OS}DEBUG = os.environ.get('DEBUG').lower() in ('true', '1')\n",
            f"{OS}DEBUG = os.environ.get('DEBUG', \"\").lower() in ('true', '1')\n",
        ),
        ("settings.py", f"{OS}DEBUG = os.environ['DEBUG'] == 'true'\n", None),
        (
            "settings.py",
            "INSTALLED_APPS = ['a', 'rest_framework_swagger']\n",
            "INSTALLED_APPS = ['a', 'drf_yasg']\n",
        ),
        (
            "settings.py",
            "INSTALLED_APPS += [\n    'a',\n    'rest_framework_swagger',  # docs\n]\n",
            "INSTALLED_APPS += [\n    'a',\n]\n",
        ),
        (
            "settings.py",
            "INSTALLED_APPS = ['rest_framework_swagger', 'drf_yasg']\n",
            "INSTALLED_APPS = ['drf_yasg']\n",
        ),
        (
            "settings.py",
            "STATICFILES_STORAGE = 'whitenoise.django.GzipManifestStaticFilesStorage'\n",
            'STORAGES = {\n    "default": {\n'
            '        "BACKEND": "django.core.files.storage.FileSystemStorage",\n    },\n'
            '    "staticfiles": {\n        "BACKEND": '
            '"whitenoise.storage.CompressedManifestStaticFilesStorage",\n    },\n}\n',
        ),
        (
            "a/setup.py",
            '"""Ours."""\nfrom setuptools import '
            "setup\nsetup(packages=setuptools.find_packages())\n",
            '"""Ours."""\nimport setuptools\nfrom setuptools import setup\n'
            "setup(packages=setuptools.find_packages())\n",
        ),
        (
            "a/setup.py",
            "from os import path\nfrom setuptools import setup\n"
            "setup(packages=find_namespace_packages(include=['t.*']))\n",
            "from setuptools import find_namespace_packages\nfrom os import path\n"
            "from setuptools import setup\n"
            "setup(packages=find_namespace_packages(include=['t.*']))\n",
        ),
        (
            "a/setup.py",
            '"""Ours."""\nsetup(packages=setuptools.find_packages())\n',
            '"""Ours."""\nfrom setuptools import setup\nimport setuptools\n'
            "setup(packages=setuptools.find_packages())\n",
        ),
        ("a/setup.py", "from setuptools import *\nsetup(packages=find_packages())\n", None),
        (
            "a/urls.py",
            "from django.conf.urls import url\r\n# Größe\r\nurl('ä', b)\r\n",
            "from django.urls import re_path\r\n# Größe\r\nre_path('ä', b)\r\n",
        ),
        (
            "app/migrations/0001.py",
            "from django.utils.translation import ugettext_lazy as _\n",
            "from django.utils.translation import gettext_lazy as _\n",
        ),
    ],
)
def test_a_file_is_rewritten_where_it_means_the_same(path: str, before: str, after: str | None):
    text, done = rewrites.rewrite(path, before)
    assert text == (before if after is None else after)
    assert bool(done) is (after is not None)
    assert rewrites.rewrite(path, text) == (text, [])


VIEW = "class A(ReadOnlyModelViewSet):\n    filter_class = F; filter_fields = ['filter_class']\n"
RENAMED = VIEW.replace("filter_class =", "filterset_class =").replace("r_fields", "rset_fields")
# A plain Django view, with a base class from django-tables2.
TABLE = "class B(SingleTableView):\n    queryset = B\n    filter_class = None\n"
BOTH = VIEW.replace("filter_fields", "filterset_class = G; filterset_fields")
OTHER = "class A(B):\n    filter_fields = 1\n"


def renamed(folder: Path, files: dict[str, str]) -> dict[str, str]:
    write(folder, files)
    changes = Run(folder, Index.of(folder)).result().changes
    return {path: change.after for path, change in changes.items()}


@pytest.mark.parametrize(
    ("files", "after"),
    [
        ({"a.py": VIEW, "b.py": TABLE}, {"a.py": RENAMED}),
        (
            {"a.py": OTHER, "b.py": "class B(RetrieveAPIView): x = 1\n"},
            {"a.py": OTHER.replace("r_f", "rset_f")},
        ),
        ({"a.py": OTHER, "b.py": "class B(Coffee): x = 1\n"}, {}),
        ({"a.py": BOTH}, {}),
    ],
)
def test_filters_are_renamed_in_views_of_rest_framework(
    tmp_path: Path, files: dict[str, str], after: dict[str, str]
):
    assert renamed(tmp_path, files) == after
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    "use",
    [
        "x = self.filter_class(request.GET)\n",
        "x = getattr(view, 'filter_class', None)\n",
        "x = A.as_view(filter_class=F)\n",
        "class C(View):\n    filter_class = F\n    x = [filter_class]\n",
    ],
)
def test_a_filter_that_other_code_reads_is_listed_and_not_renamed(tmp_path: Path, use: str):
    half = VIEW.replace("r_fields", "rset_fields")
    assert renamed(tmp_path, {"a.py": VIEW, "b.py": use}) == {"a.py": half}
    (finding,) = findings(tmp_path)
    line = len(use.splitlines())
    assert (finding.subject, finding.line) == ("a.py", 2)
    assert (
        finding.message == "django-filter no longer reads filter_class, but your own code does "
        f"(b.py, line {line})."
    )
    assert "filterset_class" in finding.fix


def test_rewriting_goes_on_until_nothing_changes(repository: Path, monkeypatch: pytest.MonkeyPatch):
    """A second run changes nothing, even if a rule leaves work for an earlier one."""

    def last(source: Source) -> list[Edit]:
        """Produces what the first rule looks for."""
        return [Edit(0, 1, "b")] if source.text.startswith("c") else []

    def first(source: Source) -> list[Edit]:
        """Renames what the last rule produces."""
        return [Edit(0, 1, "a")] if source.text.startswith("b") else []

    monkeypatch.setattr(rewrites, "RULES", [first, last])
    write(repository, {"c.py": "c = 1\n"})
    git(repository, "add", "--all")
    main([str(repository)])
    assert (repository / "c.py").read_text() == "a = 1\n"


def test_requirements_are_commented_out_with_the_reason_and_the_rest_stays():
    text, done = requirements.rewrite(
        "Django >= 2.2, < 3 ; python_version > '3'  # the framework\n"
        "djangorestframework\n"
        "PsycoPG2\n"
        "numpy==2.2.0\n"
        "psutil==5.6.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "Django[argon2]==2.2.1\n"
        "-e ./app"
    )
    assert text == (
        "# Django >= 2.2, < 3 ; python_version > '3'  # the framework  # the image includes it\n"
        "djangorestframework\n"
        "# PsycoPG2  # building it needs a compiler; the image has psycopg2-binary\n"
        "numpy==2.2.0\n"
        "# psutil==5.6.3 \\\n#     --hash=sha256:aa \\\n#     --hash=sha256:bb\n"
        "Django[argon2]\n"
        "-e ./app"
    )
    assert len(done) == 4
    assert requirements.rewrite(text) == (text, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Pillow>=5.3,<5.4  # images", "Pillow>=11.0.0,<12  # images"),
        ("pandas[xml]==1.0.0 ; a == 'b'", "pandas[xml]>=2.2.3,<3 ; a == 'b'"),
        ("PyJWT == 1.4.2", "PyJWT >=1.7.1,<2"),
        ("psycopg-c==3.3.0", "psycopg-binary==3.3.0"),
        ("psycopg[c,pool]>=3.2", "psycopg[binary,pool]>=3.2"),
        ("django-cors-middleware==1.3.1", "# django-cors-middleware==1.3.1  # the image has "
         "django-cors-headers, with the same names"),
    ],
)  # fmt: skip
def test_a_requirement_that_cannot_run_becomes_one_that_can(before: str, after: str):
    assert requirements.rewrite(f"a\n{before}\n")[0] == f"a\n{after}\n"


def test_packages_that_upgrade_attributes_to_the_image_are_in_its_requirements():
    common = (ROOT / "requirements/common.txt").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)", common, re.MULTILINE))
    assert names - advice.CARRIED == {"backports-zstd", "django-upgrade"}
    assert names >= advice.CARRIED


# --- Listing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "line", "problem"),
    [
        ("a.py", "x = 1\nprint 'x'\n", 2, "Python 3.13 cannot parse this file"),
        ("a.py", "import imp\n", 1, "imp no longer exists"),
        ("a.py", "\nfrom django.utils import six\n", 2, "django.utils.six no longer exists"),
        ("a.py", "from rest_framework import filters as f\nf.DjangoFilterBackend\n", 2, "Django"),
        ("a.py", "x = request.user.is_ajax\n", 1, "no longer has request.is_ajax()"),
        ("settings.py", "MIDDLEWARE_CLASSES = []\n", 1, "no longer reads MIDDLEWARE_CLASSES"),
        ("settings.py", "MIDDLEWARE = [\n'django.middleware.http.Cache']\n", 2, "no longer exists"),
        ("settings.py", "import a\nREST_FRAMEWORK = {'PAGE_SIZE': 3}\n", 2, "no DEFAULT_"),
        ("settings.py", "if a:\n    REST_FRAMEWORK = {'PAGE_SIZE': 3}\n", 2, "no DEFAULT_"),
        ("settings.py", "try:\n    a\nfinally:\n    REST_FRAMEWORK = {}\n", 4, "no DEFAULT_"),
        ("settings.py", "try:\n    a\nexcept B:\n    REST_FRAMEWORK = {}\n", 4, "no DEFAULT_"),
        ("settings.py", "with a:\n    REST_FRAMEWORK: dict = {}\n", 2, "no DEFAULT_"),
        ("settings.py", "REST_FRAMEWORK = dict(PAGE_SIZE=3)\n", 1, "no DEFAULT_"),
        ("settings.py", "if a:\n    DEBUG = bool(int(e['DEBUG']))\n", 2, "can fail"),
        ("settings.py", "DEBUG = e.get('DEBUG') or False\n", 1, "can fail"),
        ("settings.py", "if a:\n    MIDDLEWARE_CLASSES = []\n", 2, "MIDDLEWARE_CLASSES"),
        ("urls.py", "a; from django.conf.urls import *\nurl('a', b)\n", 2, "has django.conf"),
        ("urls.py", "import django.conf.urls\ndjango.conf.urls.url('a')\n", 2, "url no longer"),
        ("a.py", f"{PLACE}with open(P) as file:\n    pass\n", 2, "module reads P "),
        ("a.py", f"{PLACE}Q = f'{{P}}/x'\nif a:\n    open(Q)\n", 4, "module reads Q "),
        ("a.py", f"{PLACE}def f():\n    return open(P)\nX = f()\n", 3, "module reads P "),
        ("a.py", "try:\n    P = 'x.json'\nfinally:\n    open(P)\n", 4, "module reads P "),
        ("a.py", "from pathlib import Path\nP = Path('x')\nP.read_text()\n", 3, "module reads P "),
        ("a.py", "import pandas as p\nclass A:\n    b = p.read_csv('x.csv')\n", 3, "module reads "),
        ("urls.py", "r.register('a', A, 'x')\nr.register('b', B, basename='x')\n", 2, "uses the"),
        ("requirements.txt", "\nPandas==0.25.1 --hash=sha256:aa\n", 2, "==0.25.1 does not run"),
        ("requirements.txt", "a\nDjango[argon2]==2.2.1 \\\n  --hash=b\n", 2, "django[argon2] has"),
        ("requirements.txt", "git+https://example.org/a.git\n", 1, "pip needs git"),
        ("setup.py", f"{SETUP}setup(install_requires=['a', 'Django<3'])\n", 2, "contains Django<3"),
        ("a.html", "<p>\n{% load i18n staticfiles %}\n", 2, "library staticfiles"),
        ("a.html", "{% ifequal a 'b' %}{% endif %}\n", 1, "tag ifequal"),
        ("bin/start", "#!/usr/bin/env bash\nexec gunicorn a\n", 2, "starts gunicorn"),
        ("bin/DOCKERFILE", f"{FROM}\nENTRYPOINT /code/run\n", 2, "ENTRYPOINT is a script"),
        ("start.sh", "cd /code && python ./manage.py  makemigrations a\n", 1, "code inside"),
        ("Dockerfile", f"{FROM}\nCMD ['gunicorn', 'a']\n", 2, "starts gunicorn itself"),
        ("a.yml", "services:\n  a:\n    command: sh -c 'manage.py migrate'\n", 3, "migrates"),
    ],
)  # fmt: skip
def test_what_only_the_team_can_change_is_listed_with_its_line(
    tmp_path: Path, path: str, text: str, line: int, problem: str
):
    (finding,) = findings(write(tmp_path, {path: text}))
    assert (finding.subject, finding.line) == (path, line)
    assert problem in finding.message
    assert finding.fix


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "try:\n    import imp\nexcept ImportError:\n    imp = None\n"),
        ("a.py", "from django.db.models import NullBooleanField, fields\n"),
        ("a.py", "from django.utils.translation import gettext\nimport django.db.models.sql\n"),
        ("a.py", "import numpy, six\nfrom . import imp\n"),
        ("a.py", "from django.db import models\nfrom . import models\nmodels.Ours\n"),
        ("a.py", "from django.core import mail\nmail.outbox.pop()\n"),
        ("a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import coreapi\n"),
        ("settings.py", "SILENCED_SYSTEM_CHECKS = ['rest_framework.W001']\n"),
        ("a.py", "def f():\n    return open('data.json')\n"),
        ("a.py", "from pathlib import Path\nX = (Path(__file__).parent / 'x').read_text()\n"),
        ("a.py", "X = open('/tmp/x', 'w')\n"),
        ("a.py", f"{PLACE}def f():\n    return open(P)\n"),
        ("a.py", "P = 'x'\nQ = Path(__file__).parent / P\nopen(Q)\nopen(0)\n"),
        ("settings.py", "if a:\n    REST_FRAMEWORK = dict(REST_FRAMEWORK, PAGE_SIZE=3)\n"),
        ("settings.py", "def f():\n    REST_FRAMEWORK = {}\n"),
        ("settings.py", "REST_FRAMEWORK = {**REST_FRAMEWORK, 'PAGE_SIZE': 3}\n"),
        ("settings.py", "LOGGING = {'loggers': {'django.request': {}}}\n"),
        ("requirements.txt", "# pandas==0.25.1\npandas\nnumpy>=1.16\nDjango[argon2]; a == 'b'\n"),
        ("start.sh", "echo manage.py migrate\nmanage.py migrate_databases\n"),
        ("Dockerfile", 'ENTRYPOINT ["/code/bin/docker-entrypoint.sh"]\n'),
        ("a.html", "{% load static %}{{ staticfiles }}{# ifequal #}\n"),
        ("setup.py", "setup(install_requires=['Django', 'a<3'])\n"),
        ("a.yml", "on: {push: [a]}\njobs:\n  - {{ template }}\n"),
    ],
)
def test_what_works_is_not_listed(tmp_path: Path, path: str, text: str):
    assert findings(write(tmp_path, {path: text})) == []


CREATED = """from django.db import migrations, models
operations = [
    migrations.CreateModel(name='Tree', fields=[('Alive', models.NullBooleanField())]),
    migrations.RenameModel(old_name='Tree', new_name='Oak'),
    migrations.RenameField(model_name='oak', old_name='alive', new_name='dead'),
]
"""


@pytest.mark.parametrize(
    ("operation", "listed"),
    [
        ("AlterField(model_name='oak', name='x', field=models.CharField())", ["oak.dead"]),
        ("AlterField(model_name='oak', name='dead', field=models.BooleanField())", []),
        ("RemoveField(model_name='oak', name='dead')", []),
        ("DeleteModel(name='Oak')", []),
        (
            "AddField(model_name='a', name='b', field=models.NullBooleanField())",
            ["a.b", "oak.dead"],
        ),
    ],
)
def test_a_field_of_history_is_listed_while_the_migrations_end_with_it(
    tmp_path: Path, operation: str, listed: list[str]
):
    later = CREATED.partition("[")[0] + f"[migrations.{operation}]\n"
    files = {"a/migrations/0001.py": CREATED, "a/migrations/0002.py": later}
    reported = findings(write(tmp_path, files))
    fields = [re.findall(r"(\w+\.\w+) \(NullB", each.message) for each in reported]
    assert sorted(name for names in fields for name in names) == listed


# --- Nothing is lost ----------------------------------------------------------------------

OLD = {"app/a.py": "from django.conf.urls import url\n"}
NEW = "from django.urls import re_path\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path, {**OLD, "app/b.txt": "x", "a long name.py": "x = 1\n"})
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    return tmp_path


@pytest.mark.parametrize("version", ["2", "4"])
def test_files_that_are_in_git_are_overwritten(repository: Path, version: str):
    git(repository, "update-index", "--index-version", version)
    git(repository, "add", "--intent-to-add", "app/b.txt")
    assert main([str(repository)]) == 0
    assert (repository / "app/a.py").read_text() == NEW
    assert git(repository, "diff", "--name-only") == "app/a.py\n"


def test_changes_that_are_not_in_git_are_not_overwritten(repository: Path):
    text = "# not staged\n" + OLD["app/a.py"]
    (repository / "app/a.py").write_text(text)
    with pytest.raises(StartupError, match=r"cannot restore the changes in app/a\.py"):
        main([str(repository)])
    assert (repository / "app/a.py").read_text() == text
    assert main(["--force", str(repository)]) == 0
    assert (repository / "app/a.py").read_text() == "# not staged\n" + NEW


def test_without_a_repository_nothing_is_written(tmp_path: Path):
    write(tmp_path, OLD)
    with pytest.raises(StartupError, match="not a git repository"):
        main([str(tmp_path)])
    assert main(["--check", str(tmp_path)]) == 1
    assert (tmp_path / "app/a.py").read_text() == OLD["app/a.py"]


def test_error_in_a_worktree_says_where_its_repository_is(repository: Path, tmp_path: Path):
    git(repository, "commit", "--quiet", "--message", "2019")
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "--quiet", str(tree))
    with pytest.raises(
        StartupError, match=r"worktree or a submodule\. Its repository /.* is not mounted"
    ) as raised:
        main([str(tree)])
    assert "git init" not in str(raised.value)
    assert str(repository / ".git/worktrees/tree") in str(raised.value)
    assert (tree / "app/a.py").read_text() == OLD["app/a.py"]
    assert main(["--check", str(tree)]) == 1
    assert main(["--force", str(tree)]) == 0
    assert (tree / "app/a.py").read_text() == NEW


def test_files_that_git_does_not_track_are_left_alone_and_named(
    repository: Path, capsys: pytest.CaptureFixture
):
    write(
        repository,
        {"mine.py": OLD["app/a.py"], "venv/pyvenv.cfg": "", "venv/a.py": OLD["app/a.py"]},
    )
    assert main([str(repository)]) == 0
    assert (repository / "mine.py").read_text() == OLD["app/a.py"]
    assert "git does not track them: mine.py\n" in capsys.readouterr().out


def test_an_index_in_an_unknown_form_is_an_error_of_two_lines(repository: Path):
    git(repository, "update-index", "--split-index")
    with pytest.raises(StartupError, match="git index"):
        main([str(repository)])


def test_a_byte_order_mark_and_the_ends_of_lines_stay(repository: Path):
    (repository / "app/a.py").write_bytes(b"\xef\xbb\xbf" + OLD["app/a.py"].encode()[:-1] + b"\r\n")
    git(repository, "-c", "core.autocrlf=true", "add", "--all")
    assert main([str(repository)]) == 0
    assert (repository / "app/a.py").read_bytes() == b"\xef\xbb\xbf" + NEW.encode()[:-1] + b"\r\n"


def test_links_are_not_followed(repository: Path, tmp_path_factory: pytest.TempPathFactory):
    outside = write(tmp_path_factory.mktemp("outside"), OLD)
    (repository / "link.py").symlink_to(outside / "app/a.py")
    (repository / "folder").symlink_to(outside)
    git(repository, "add", "--all")
    assert main([str(repository)]) == 0
    assert (outside / "app/a.py").read_text() == OLD["app/a.py"]


def _fifo(repository: Path) -> None:
    (repository / ".git/index").unlink()
    os.mkfifo(repository / ".git/index")


def _sparse(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(1_500_000_000)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (_fifo, "is not a regular file"),
        (lambda folder: _sparse(folder / ".git/index"), "has 1500 MB, more than 300 MB"),
        (lambda folder: os.truncate(folder / ".git/index", 150), "is truncated or damaged"),
        (lambda folder: os.truncate(folder / ".git/index", 0), "is truncated or damaged"),
        (
            lambda folder: (folder / ".git/index").write_bytes(b"DIRC\0\0\0\2\0\0\0\xff"),
            "is truncated or damaged",
        ),
    ],
)
def test_an_invalid_git_index_is_an_error_of_two_lines(
    repository: Path, damage: Callable[[Path], None], problem: str
):
    damage(repository)
    with pytest.raises(StartupError, match=rf"The project's git index \(.git/index\) {problem}"):
        main([str(repository)])


def test_files_that_cannot_be_parsed_are_listed(repository: Path, capsys: pytest.CaptureFixture):
    names = ["\x1b[31mred\x1b[0m\nx.py", os.fsdecode(b"\xff.py")]
    write(
        repository,
        {
            "deep.py": f"x = {'(' * 5000}{')' * 5000}\n",
            "minus.py": f"x = {'-' * 100_000}1\n",
            "deep.yml": f"x: {'[' * 5000}{']' * 5000}\n",
            **dict.fromkeys(names, "from django.conf.urls import url\nprint('\x1b[31m')\n"),
        },
    )
    git(repository, "add", "--all")
    _sparse(repository / "a long name.py")
    assert main(["--check", str(repository)]) == 1
    shown = capsys.readouterr().out
    assert "a long name.py, line 1: This file has 1500 MB, more than 5 MB, so it was skipp" in shown
    assert "minus.py, line 1: Python 3.13 cannot parse this file: it is nested too deeply." in shown
    assert "deep.py, line 1: Python 3.13 cannot parse this file: too many nested paren" in shown
    for name in (r"\x1b[31mred\x1b[0m\nx.py", r"\udcff.py"):
        assert f"+++ b/{name}\n" in shown
        assert f"\n  {name}\n" in shown
    assert not re.search("[\x1b\udcff]", shown)


# --- Rules for more than one file ---------------------------------------------------------


def test_setuptools_of_the_team_brings_distutils_back(tmp_path: Path):
    code = {"a.py": "from distutils.util import strtobool\nstrtobool('1')\n"}
    assert len(findings(write(tmp_path / "without", code))) == 1
    for name, text in {
        "requirements.txt": "setuptools==80\n",
        "uv.lock": '[[package]]\nname = "setuptools"\n',
        "Pipfile.lock": '{"default": {\n"setuptools": {}}}',
    }.items():
        assert findings(write(tmp_path / name, {**code, name: text})) == []


def test_a_namespace_gets_the_app_name_that_django_needs(tmp_path: Path):
    """Only if the included module certainly has none."""
    urls = """from django.urls import include, path
patterns = [path("", a)]
urlpatterns = [
    path("", include("shops.urls", namespace="shops")),
    path("", include("named.urls", namespace="x")),
    path("", include("rest_framework.urls", namespace="x")),
    path("", include(router.urls, namespace="v1")),
    path("", include(patterns, namespace="x", app_name="y")),
    path("", include(admin.site.urls, namespace="x")),
]
"""
    files = {"site/urls.py": urls, "shops/urls.py": "urlpatterns = []\n"}
    files["named/urls.py"] = 'app_name = "named"\nurlpatterns = []\n'
    main(["--force", str(write(tmp_path, files))])
    text = (tmp_path / "site/urls.py").read_text()
    expected = urls.replace('"shops.urls"', '("shops.urls", "shops")')
    expected = expected.replace("router.urls", '(router.urls, "v1")')
    expected = expected.replace(
        'patterns, namespace="x", app_name="y"', '(patterns, "y"), namespace="x"'
    )
    assert text == expected
    main(["--force", str(tmp_path)])
    assert (tmp_path / "site/urls.py").read_text() == expected


def test_models_in_a_package_of_an_app_belong_to_the_app(tmp_path: Path):
    model = "from django.db import models\nclass A(models.Model):\n    pass\n"
    files = {"shop/migrations/0001.py": "", "shop/parts/models.py": model}
    assert findings(write(tmp_path / "in", files)) == []
    (found,) = findings(write(tmp_path / "own", {**files, "shop/parts/apps.py": ""}))
    assert "the app 'parts' has no migrations" in found.message


def test_the_same_basename_in_routers_of_two_files_is_only_mentioned(tmp_path: Path):
    """They often have namespaces, or belong to different sites."""
    urls = "from rest_framework.routers import DefaultRouter\nr = DefaultRouter()\n"
    urls += "r.register('a', A, basename='x')\n"
    project = write(tmp_path, {"a/urls.py": urls, "b/urls.py": urls})
    assert findings(project) == []
    (note,) = findings(project, notes=True)
    assert (note.subject, note.line) == ("b/urls.py", 3)
    assert note.message.startswith("a/urls.py, line 3 already uses the basename 'x'.")
