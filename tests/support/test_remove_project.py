"""Removing a compose project does not remove what only uses an image that compose built for it."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from tests.support.containers import IMAGE, Containers, docker, remove_project

pytestmark = pytest.mark.engine

COMPOSE = """
services:
  api:
    build: .
    image: {image}
    command: sleep 600
volumes:
  data:
"""


def test_only_containers_of_the_project_are_removed(containers: Containers, tmp_path: Path):
    project = f"test-{uuid.uuid4().hex[:12]}"
    image = f"{project}-api"
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\n")
    (tmp_path / "compose.yml").write_text(COMPOSE.format(image=image))
    file = ("--file", tmp_path / "compose.yml", "--project-name", project)
    docker("compose", *file, "up", "--build", "--detach", env=os.environ)
    other = containers.start("sleep", "600", image=image)
    remove_project(project)
    assert other.running
    label = f"label=com.docker.compose.project={project}"
    left = docker("ps", "--all", "--format", "{{.Names}}", "--filter", label).stdout.split()
    assert left == [other.name]
