"""Reads the fenced blocks of a Markdown page, and the comments that precede and describe them.

The comments are invisible to readers::

    <!-- file: trees/models.py -->     the block is that file
    <!-- append: .env -->              the block is added to that file
    <!-- run -->                       the block is run by bash
    <!-- run, fails -->                the same, and its exit code is not 0
    <!-- output -->                    the output of the previous block; `...` matches any text
    <!-- printed: wrong_password -->   the output of that function in tests/docs/provokers.py
    <!-- not run: why -->              the block is only checked for syntax
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

COMMENT = re.compile(
    r"<!-- (file|append|printed|not run): (.+) -->|<!-- (run|run, fails|output) -->"
)
FENCE = re.compile(r"( {0,3})(`{3,}|~{3,}) *(\S*)")


@dataclass
class Snippet:
    """One fenced block. ``kind`` is empty when no comment says what it is."""

    page: str
    line: int
    language: str
    text: str
    kind: str
    argument: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}, line {self.line}"


def read(page: Path, root: Path) -> list[Snippet]:
    """All fenced blocks of a page, in order."""
    blocks, lines = [], page.read_text(encoding="utf-8").splitlines()
    previous = ""  # the last line of text before the block
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        opening = FENCE.fullmatch(line)
        if opening is None:
            previous = line if line.strip() else previous
            continue
        start = number
        while number < len(lines) and lines[number].strip() != opening[2]:
            number += 1
        comment = COMMENT.fullmatch(previous.strip())
        blocks.append(
            Snippet(
                page=str(page.relative_to(root)),
                line=start,
                language=opening[3],
                text="".join(f"{each.removeprefix(opening[1])}\n" for each in lines[start:number]),
                kind=(comment[1] or comment[3]) if comment else "",
                argument=(comment[2] or "") if comment else "",
            )
        )
        number += 1
        previous = ""
    return blocks


def indented(page: Path) -> list[int]:
    """Line numbers of indented code blocks, which cannot name their language."""
    text = re.sub(
        r"^( {0,3})(`{3,}|~{3,}).*?^ {0,3}\2 *$",
        lambda block: "\n" * block[0].count("\n"),
        page.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    lines, numbers, in_list = text.splitlines(), [], False
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*([-*+]|\d+\.) ", line):
            in_list = True
        elif line.strip() and not line.startswith(" "):
            in_list = False
        deep = "      " if in_list else "    "
        if line.startswith(deep) and not lines[number - 2].strip():
            numbers.append(number)
    return numbers


def check_syntax(snippet: Snippet) -> None:
    """Raise if a block is not valid in its language."""
    match snippet.language:
        case "python":
            ast.parse(snippet.text)
        case "json":
            json.loads(snippet.text)
        case "yaml":
            yaml.safe_load(snippet.text)
        case "sh":
            done = subprocess.run(
                ["bash", "-n"], input=snippet.text, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def matches(expected: str, printed: str) -> bool:
    """Whether ``printed`` equals ``expected``, in which ``...`` matches any text and any lines."""
    lines = [line.rstrip() for line in expected.strip("\n").splitlines()]
    pattern = ".*?".join(re.escape(part) for part in "\n".join(lines).split("..."))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None
