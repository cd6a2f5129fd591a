"""Images built on this one, sound and broken, and the reports of check and bin/image-test."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.broken import write
from tests.support.containers import IMAGE, Containers, docker

LINE = re.compile(r"(ok|skipped|warning|failed) +([^:]+): (.*)")
IMAGE_TEST = ROOT / "bin" / "image-test"

# An API with one table and no geometry, so it runs on SQLite.
SOUND = {
    "trees/__init__.py": "",
    "trees/models.py": """
from django.db import models


class Tree(models.Model):
    name = models.CharField(max_length=100)
""",
    "trees/views.py": """
from rest_framework import serializers, viewsets

from trees.models import Tree


class TreeSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tree
        fields = ["id", "name"]


class TreeViewSet(viewsets.ModelViewSet):
    queryset = Tree.objects.order_by("id")
    serializer_class = TreeSerializer
""",
    "trees/migrations/__init__.py": "",
    "trees/migrations/0001_initial.py": """
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Tree",
            [
                ("id", models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                )),
                ("name", models.CharField(max_length=100)),
            ],
        ),
    ]
""",
    "trees/static/trees/trees.css": ".tree { fill: darkgreen }\n",
    "local_settings/settings.py": """\
from backend.hacko_settings import *

INSTALLED_APPS += ["trees"]
""",
    "local_settings/urls.py": """\
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from trees.views import TreeViewSet

router = DefaultRouter()
router.register("trees", TreeViewSet)
urlpatterns = [path("api/", include(router.urls))]
""",
    "Dockerfile": f"""\
FROM {IMAGE}
COPY trees ./trees
COPY local_settings ./local_settings
RUN python manage.py collectstatic --noinput
""",
}


@dataclass
class Report:
    """The parsed output of a report."""

    code: int
    text: str
    errors: str

    @property
    def results(self) -> list[tuple[str, str, str]]:
        """Status, check, message."""
        return [match.groups() for match in map(LINE.fullmatch, self.text.splitlines()) if match]

    def checks(self, status: str) -> set[str]:
        return {check for its_status, check, _ in self.results if its_status == status}

    def lines_of(self, check: str) -> str:
        """All lines of a check, including the fix."""
        lines, mine = [], False
        for line in self.text.splitlines():
            match = LINE.fullmatch(line)
            mine = match[2] == check if match else mine and line.startswith(" ")
            if mine:
                lines.append(line)
        return "\n".join(lines)


def check(image: str, *flags: str, arguments: tuple[str, ...] = ()) -> Report:
    """``docker run IMAGE check``, without a network."""
    done = docker(
        "run", "--rm", "--network", "none", *flags, image, "check", *arguments, check=False
    )
    return Report(done.returncode, done.stdout, done.stderr)


def image_test(*arguments: str | Path, program: Path = IMAGE_TEST) -> Report:
    command = [sys.executable, program, *arguments]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=300
    )
    return Report(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def images() -> Iterator[Containers]:
    """Builds images, and removes all of them at the end."""
    built = Containers()
    yield built
    built.clean()


@pytest.fixture(scope="module")
def sound(images: Containers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A child image without any fault. The broken images are built on it."""
    return images.build(write(tmp_path_factory.mktemp("sound"), SOUND))


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Runs checks concurrently, because they mostly wait."""
    with ThreadPoolExecutor(3) as workers:
        yield workers
