"""Readers of the documentation, each in its own empty folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.reader import REPOSITORY, Reader
from tests.support.containers import docker, free_port, remove_project


@pytest.fixture(scope="module")
def new_reader(
    tmp_path_factory: pytest.TempPathFactory, clone: Path
) -> Iterator[Callable[[], Reader]]:
    """Makes readers, each with its own ports, and removes what they started at the end."""
    readers = []

    def new() -> Reader:
        base = tmp_path_factory.mktemp("reader")
        for name in ("empty", "notes"):
            (base / name).mkdir()
        port, proxy, prefix = free_port(), free_port(), f"docs-{uuid.uuid4().hex[:12]}"
        instead = {
            "localhost:8000": f"localhost:{port}",
            "localhost:8080": f"localhost:{proxy}",
            "127.0.0.1:8000:": f"127.0.0.1:{port}:",
            "--publish 8000:": f"--publish 127.0.0.1:{port}:",
            "/tmp/try": str(base / "try"),
            "my-project": f"{prefix}-project",
            "my-api:v1": f"{prefix}:v1",
            "city-": f"{prefix}-city-",
        }
        env = {
            # The first is for bin/up, the others are for the compose files of startproject.
            "PORT": str(port),
            "API_PORT": str(port),
            "PROXY_PORT": str(proxy),
            "POSTGRES_PORT": str(free_port()),
            # A separate name, because the image under test has the published name.
            "IMAGE": f"{prefix}-base",
            # Git clones this repository instead of the published one.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{clone}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }
        readers.append(Reader(base / "empty", base / "notes", instead, env, prefix))
        return readers[-1]

    yield new
    for reader in readers:
        for project in reader.projects():
            remove_project(project)
        of_city = [f"{reader.prefix}-city-{name}" for name in ("api", "db")]
        docker("rm", "--force", "--volumes", f"{reader.prefix}-project", *of_city, check=False)
        docker("network", "rm", "--force", f"{reader.prefix}-city-network", check=False)
        images = reader.env["IMAGE"], f"{reader.prefix}:v1", f"{reader.prefix}-project"
        docker("image", "rm", "--force", *images, check=False)


@pytest.fixture
def reader(new_reader: Callable[[], Reader]) -> Reader:
    return new_reader()
