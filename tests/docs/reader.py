"""A reader who follows a page literally."""

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
# The variables of this machine that a reader keeps. Others could configure the application.
KEPT = """PATH HOME LANG TMPDIR DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT
http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY""".split()
# Compose names a project after its folder. A PREFIX, if there is one, separates the projects of
# test runs that share an engine.
TERMINAL = """\
trap 'pwd >"$NOTES/where"' EXIT
[[ -z $PREFIX ]] || trap 'export COMPOSE_PROJECT_NAME=$PREFIX-${PWD##*/}
echo "$COMPOSE_PROJECT_NAME" >>"$NOTES/projects"' DEBUG
"""


@dataclass
class Reader:
    """Copies every block of a page into files or a terminal.

    ``instead`` maps texts of a page to their replacements, such as a free port.
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
                        f"{snippet.place} says\n{text}\nbut the output is\n{self.printed}"
                    )

    def write(self, snippet: snippets.Snippet, text: str) -> None:
        file = self.folder / snippet.argument
        if snippet.kind == "append":
            text = f"{file.read_text(encoding='utf-8')}\n{text}"
        file.write_text(text, encoding="utf-8")

    def run(self, snippet: snippets.Snippet, text: str) -> None:
        """Run it in the folder where the previous block ended."""
        must_fail = snippet.kind == "run, fails"
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{TERMINAL}{text}"],
            cwd=self.folder,
            env={**kept, "NOTES": str(self.notes), "PREFIX": self.prefix, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # A terminal shows both, but here progress would come between the lines.
            stderr=subprocess.STDOUT if must_fail else subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.printed = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout)  # colors and other codes
        assert (done.returncode != 0) is must_fail, (
            f"{snippet.place}, exit code {done.returncode}:\n"
            f"{text}\n{done.stdout}\n{done.stderr or ''}"
        )
        self.folder = Path((self.notes / "where").read_text().strip())

    def projects(self) -> set[str]:
        """The compose projects that can exist: one per folder in which commands ran."""
        file = self.notes / "projects"
        return set(file.read_text().split()) if file.exists() else set()
