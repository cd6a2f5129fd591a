"""The edits that a person makes in old_project after `upgrade`, one for each listed place."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.conf.findings import Finding

APPS = "hackoregon_trees"
MIGRATIONS = f"{APPS}/trees/migrations"


@dataclass(frozen=True)
class ByHand:
    """Corrects the findings in ``path`` that contain ``problem``, with pairs of old and new text.

    Without any pairs, the file is deleted.
    """

    path: str
    problem: str
    swaps: Sequence[tuple[str, str]] = ()

    def mends(self, finding: Finding) -> bool:
        return finding.subject == self.path and self.problem in finding.message

    def apply(self, project: Path) -> None:
        file = project / self.path
        if not self.swaps:
            file.unlink()
        for old, new in self.swaps:
            text = file.read_text()
            assert text.count(old) == 1, f"{old!r} in\n{text}"
            file.write_text(text.replace(old, new))


BY_HAND = [
    ByHand(
        "DOCKERFILE",
        "ENTRYPOINT is a script of your project",
        [
            ('\nENTRYPOINT [ "/code/src_files/bin/docker-entrypoint.sh" ]\n', ""),
            ("COPY bin /code/src_files/bin/\n", ""),
        ],
    ),
    # The image does everything that this script did. Its steps are listed one by one.
    ByHand("bin/docker-entrypoint.sh", ""),
    ByHand(
        "docker-compose.yml",
        "command is a script of your project",
        [("    command: ./bin/docker-entrypoint.sh\n", "")],
    ),
    ByHand(
        "docker-compose.yml",
        "mdillon/postgis:9.6",
        [("mdillon/postgis:9.6", "postgis/postgis:17-3.5")],
    ),
    ByHand(
        f"{APPS}/parks/models.py",
        "The module reads '/code/src_files/data/neighborhoods.json' while it is imported",
        [
            ("import json\n", "import json\nfrom pathlib import Path\n"),
            (
                "with open('/code/src_files/data/neighborhoods.json') as file:\n"
                "    NEIGHBORHOODS = json.load(file)\n",
                'FILE = Path(__file__).parent / "neighborhoods.json"\n'
                "NEIGHBORHOODS = json.loads(FILE.read_text())\n",
            ),
        ],
    ),
    ByHand(
        f"{APPS}/setup.py",
        "install_requires contains Django>=2.2,<3",
        [("        'Django>=2.2,<3',\n", "")],
    ),
    ByHand(
        f"{APPS}/trees/templates/trees/index.html",
        "library staticfiles no longer exists",
        [("load staticfiles", "load static")],
    ),
    ByHand(
        f"{APPS}/trees/__init__.py",
        "pkg_resources is missing",
        [
            ("import pkg_resources\n", "from importlib.metadata import version\n"),
            (
                "pkg_resources.get_distribution('hackoregon_trees').version",
                "version('hackoregon_trees')",
            ),
        ],
    ),
    ByHand(
        f"{APPS}/trees/filters.py",
        "coreapi is not in the image",
        [
            ("import coreapi\n", ""),
            ("coreapi.Field(", "dict("),
            ('                location="query",\n', '                **{"in": "query"},\n'),
            ('                type="string",\n', '                schema={"type": "string"},\n'),
        ],
    ),
    ByHand(
        f"{APPS}/trees/filters.py",
        "REST framework no longer calls get_schema_fields()",
        [("get_schema_fields", "get_schema_operation_parameters")],
    ),
    ByHand(
        f"{MIGRATIONS}/0002_spatialrefsys.py",
        "creates spatial_ref_sys",
        [
            (
                "'db_table': 'spatial_ref_sys',",
                "'db_table': 'spatial_ref_sys',\n                'managed': False,",
            )
        ],
    ),
    ByHand(
        f"{APPS}/trees/pre_existing_models.py",
        "creates spatial_ref_sys",
        [("db_table = 'spatial_ref_sys'", "db_table = 'spatial_ref_sys'\n        managed = False")],
    ),
    ByHand(
        f"{APPS}/trees/serializers.py",
        "unicode_to_repr no longer exists",
        [("from rest_framework.compat import unicode_to_repr\n", "")],
    ),
    ByHand(
        f"{APPS}/trees/urls.py",
        "already uses the basename 'tree'",
        [("(r'oaks', views.TreeViewSet)", "(r'oaks', views.TreeViewSet, basename='oak')")],
    ),
    ByHand(
        f"{APPS}/trees/views.py",
        "list_route no longer exists",
        [("import list_route", "import action"), ("@list_route()", "@action(detail=False)")],
    ),
    ByHand(f"{APPS}/trees/wsgi.py", "whitenoise.django no longer exists"),
    ByHand(
        "local_settings/gunicorn_conf.py",
        "gevent is not in the image",
        [("worker_class = 'gevent'\n", "")],
    ),
    ByHand(
        "local_settings/settings.py",
        "distutils.util no longer exists",
        [
            ("from distutils.util import strtobool\n", ""),
            (
                "bool(strtobool(os.environ.get('SHOW_EMPTY', 'no')))",
                "os.environ.get('SHOW_EMPTY', 'no').lower() == 'yes'",
            ),
        ],
    ),
    ByHand(
        "local_settings/settings.py",
        "STATIC_ROOT is in the code folder",
        [("STATIC_ROOT = os.path.join(BASE_DIR, 'staticfiles')\n", "")],
    ),
    ByHand(
        "local_settings/settings.py",
        "REST_FRAMEWORK replaces all of the image's settings",
        [
            (
                "REST_FRAMEWORK = {\n",
                'REST_FRAMEWORK = {\n    "DEFAULT_PERMISSION_CLASSES": '
                '["rest_framework.permissions.IsAuthenticatedOrReadOnly"],\n',
            )
        ],
    ),
    ByHand(
        "local_settings/settings.py",
        "rest_framework.schemas.coreapi.AutoSchema no longer exists",
        [('    "DEFAULT_SCHEMA_CLASS": "rest_framework.schemas.coreapi.AutoSchema",\n', "")],
    ),
    ByHand(
        "local_settings/urls.py",
        "rest_framework.documentation no longer exists",
        [
            ("from rest_framework.documentation import include_docs_urls\n", ""),
            ("    re_path(r'^trees/docs/', include_docs_urls(title='Trees API')),\n", ""),
        ],
    ),
    ByHand(
        "local_settings/urls.py",
        "rest_framework_swagger needs coreapi",
        [
            (
                "from rest_framework_swagger.views import get_swagger_view",
                "from backend.docs import swagger",
            ),
            ("schema_view = get_swagger_view(title='Trees API')\n\n", ""),
            ("schema_view),", "swagger),"),
        ],
    ),
]
# Findings that `manage.py makemigrations` corrects.
MAKEMIGRATIONS = [
    ByHand(f"{APPS}/parks/models.py", "the app 'parks' has no migrations"),
    ByHand(
        f"{MIGRATIONS}/0001_initial.py",
        "tree.evergreen (NullBooleanField), tree.details (JSONField)",
    ),
]


def move_data(project: Path) -> None:
    """Move the file that is read at import into the app that reads it."""
    (project / "data/neighborhoods.json").rename(project / f"{APPS}/parks/neighborhoods.json")


def git(project: Path, *arguments: str) -> str:
    """Run git on a project, whoever owns it, without this machine's hooks and signing."""
    options = ["-c", "safe.directory=*", "-c", "core.hooksPath=", "-c", "commit.gpgSign=false"]
    author = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    return subprocess.run(
        ["git", *options, *author, "-C", project, *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
