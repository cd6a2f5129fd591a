"""What is listed: a place, what is wrong there, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backend.conf.errors import in_line
from backend.kit.upgrade import advice, installed


@dataclass(frozen=True, order=True)
class Finding:
    """``line`` counts from 1, in the file as it is after the rewriting.

    A note is good to know; it is nothing to do, and does not make ``--check`` fail.
    """

    path: str
    line: int
    problem: str
    fix: str
    note: bool = False

    def __str__(self) -> str:
        return f"{in_line(self.path)}, line {self.line}: {self.problem}\n    FIX: {self.fix}"


def gone(path: str, line: int, name: str, for_advice: str) -> Iterator[Finding]:
    """One finding when a full name is not there any more, with the advice for it."""
    dead = advice.DEAD_IMPORTS.get(name.partition(".")[0])
    if dead or not installed.exists(name):
        fix = advice.about(for_advice) or (
            "Look for its new place in the release notes of its package."
        )
        yield Finding(path, line, f"{dead or f'{name} no longer exists'}.", fix)
