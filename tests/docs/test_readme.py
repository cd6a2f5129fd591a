"""Follows the documentation word for word: every file is written, every command run, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs import snippets
from tests.publish.test_publishing import (  # noqa: F401  fixtures: a registry on loopback
    PASSWORD,
    USER,
    Registry,
    registry,
    registry_image,
)
from tests.support.containers import (
    LABEL,
    PUBLISHED,
    docker,
    free_port,
    remove_project,
)

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/hackoregon/backend-docker-django.git"
PATIENCE = 300  # seconds for one block
# Of this machine, and nothing that the application or compose would read.
KEPT = """PATH HOME LANG TMPDIR DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT
http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY""".split()


@dataclass
class Reader:
    """Somebody who copies every block of a page into files or a terminal.

    ``instead`` is what differs here from what the page says, such as a free port.
    """

    folder: Path
    notes: Path
    instead: Mapping[str, str]
    env: Mapping[str, str]
    printed: str = ""

    def follow(self, page: str) -> None:
        for snippet in snippets.read(ROOT / page, ROOT):
            text = snippet.text
            for said, here in self.instead.items():
                text = text.replace(said, here)
            match snippet.kind:
                case "run" | "run, fails":
                    self.run(snippet, text)
                case "file" | "append":
                    self.write(snippet, text)
                case "output":
                    assert snippets.matches(text, self.printed), (
                        f"{snippet.place} says\n{text}\nand what was printed is\n{self.printed}"
                    )

    def write(self, snippet: snippets.Snippet, text: str) -> None:
        file = self.folder / snippet.argument
        if snippet.kind == "append":
            text = f"{file.read_text(encoding='utf-8')}\n{text}"
        file.write_text(text, encoding="utf-8")

    def run(self, snippet: snippets.Snippet, text: str) -> None:
        """In the folder where the block before left the terminal."""
        where = self.notes / "where"
        must_fail = snippet.kind == "run, fails"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"trap 'pwd >{where}' EXIT\n{text}"],
            cwd=self.folder,
            env={name: os.environ[name] for name in KEPT if name in os.environ} | self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # A terminal shows both; here progress would come between the lines.
            stderr=subprocess.STDOUT if must_fail else subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.printed = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout)  # colours and the like
        assert (done.returncode != 0) is must_fail, (
            f"{snippet.place}, exit code {done.returncode}:\n"
            f"{text}\n{done.stdout}\n{done.stderr or ''}"
        )
        self.folder = Path(where.read_text().strip())


@pytest.fixture
def reader(tmp_path: Path, clone: Path) -> Iterator[Reader]:
    """In an empty folder, with a port and a compose project of its own."""
    folder, notes = tmp_path / "empty", tmp_path / "notes"
    folder.mkdir()
    notes.mkdir()
    port, project = str(free_port()), f"docs-{uuid.uuid4().hex[:12]}"
    yield Reader(
        folder,
        notes,
        instead={
            "localhost:8000": f"localhost:{port}",
            "127.0.0.1:8000:": f"127.0.0.1:{port}:",
            "/tmp/try": str(tmp_path / "try"),
        },
        env={
            "PORT": port,
            "COMPOSE_PROJECT_NAME": project,
            # The image under test keeps its name: it is the one that is published.
            "IMAGE": f"{project}-base",
            # The address is real, the repository behind it is this one.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{clone}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        },
    )
    remove_project(project)


def test_readme_works_as_it_says(reader: Reader, published_names: None) -> None:
    reader.follow("README.md")


def test_publishing_works_as_it_says(
    reader: Reader,
    registry: Registry,  # noqa: F811
    clone: Path,
    tmp_path: Path,
) -> None:
    """Against a registry on loopback, with a small image in the place of the real one."""
    small, tag = f"test-{uuid.uuid4().hex[:12]}:local", "20260131-102030-0a1b2c3"
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nLABEL name={small}\nCOPY Dockerfile /\n")
    docker("build", "--quiet", "--label", LABEL, "--tag", small, tmp_path)
    docker("login", "--username", USER, "--password-stdin", registry.address, input=PASSWORD)
    try:
        docker("tag", small, f"{registry.address}/{PUBLISHED}:{tag}")
        docker("push", "--quiet", f"{registry.address}/{PUBLISHED}:{tag}")
        reader.folder = clone
        reader.env = {
            **reader.env,
            "IMAGE": small,
            "DOCKER_USERNAME": USER,
            "DOCKER_PASSWORD": PASSWORD,
        }
        reader.instead = {
            PUBLISHED: f"{registry.address}/{PUBLISHED}",
            "DOCKER_REGISTRY=127.0.0.1:5000 ": f"DOCKER_REGISTRY={registry.address} ",
            "DOCKER_USERNAME=me DOCKER_PASSWORD=mine ": "",
        }
        reader.follow("docs/publishing.md")
        docker("build", "--quiet", "--file", clone / "pinned.Dockerfile", clone)
        assert registry.tags(PUBLISHED) == [tag, "latest"]
        assert "latest" in registry.tags(f"{PUBLISHED}-dev")
    finally:
        docker("logout", registry.address)
        docker("image", "rm", "--force", small, check=False)


def test_contributing_works_as_it_says(reader: Reader, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "backend", tmp_path / "code" / "backend")
    (tmp_path / "code" / "docs").mkdir()
    reader.folder = tmp_path / "code"
    reader.instead = {".venv-test/bin/python": sys.executable}
    reader.follow("CONTRIBUTING.md")
    for made in ("docs/environment.md", ".env.example"):
        assert (reader.folder / made).read_text() == (ROOT / made).read_text()


def test_an_exit_code_is_noticed_and_the_folder_kept(reader: Reader) -> None:
    snippet = snippets.Snippet("a page", 1, "sh", "", "run")
    with pytest.raises(AssertionError, match="a page, line 1, exit code 3"):
        reader.run(snippet, "exit 3\n")
    reader.run(snippet, "mkdir inside\ncd inside\n")
    reader.run(snippet, "echo here\n")
    assert reader.printed == "here\n"
    assert reader.folder.name == "inside"
