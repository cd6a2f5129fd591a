"""Somebody who reads a page and types what it says."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs import snippets

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/hackoregon/backend-docker-django.git"
PATIENCE = 300  # seconds for one block
# Of this machine, and nothing that the application or compose would read.
KEPT = """PATH HOME LANG TMPDIR DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT
http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY""".split()
# Compose calls a project after its folder. So does this, where there is a PREFIX, with that: others
# may test too.
TERMINAL = """\
trap 'pwd >"$NOTES/where"' EXIT
[[ -z $PREFIX ]] || trap 'export COMPOSE_PROJECT_NAME=$PREFIX-${PWD##*/}
echo "$COMPOSE_PROJECT_NAME" >>"$NOTES/projects"' DEBUG
"""


@dataclass
class Reader:
    """Copies every block of a page into files or a terminal.

    ``instead`` is what differs here from what the page says, such as a free port.
    """

    folder: Path
    notes: Path
    instead: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""
    printed: str = ""

    def follow(self, page: str, root: Path = ROOT) -> None:
        for snippet in snippets.read(root / page, root):
            text = snippet.text
            for text_of_page, here in self.instead.items():
                text = text.replace(text_of_page, here)
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
        must_fail = snippet.kind == "run, fails"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{TERMINAL}{text}"],
            cwd=self.folder,
            env={**kept, "NOTES": str(self.notes), "PREFIX": self.prefix, **self.env},
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
        self.folder = Path((self.notes / "where").read_text().strip())

    def projects(self) -> set[str]:
        """The compose projects there may be: one of each folder in which anything was typed."""
        file = self.notes / "projects"
        return set(file.read_text().split()) if file.exists() else set()
