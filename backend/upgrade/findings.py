"""What is listed: a place, what is wrong there, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


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
        return f"{self.path}, line {self.line}: {self.problem}\n    FIX: {self.fix}"
