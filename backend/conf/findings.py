"""Findings: the results of checks of a project, an image, or a running API.

``manage.py doctor``, ``check``, ``bin/image-test``, and ``upgrade`` report them. This module needs
only Python 3.9's standard library, like ``backend.kit.contract.outside``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# From the best to the worst.
OK, SKIPPED, WARNING, PROBLEM = "ok", "skipped", "warning", "problem"
LEVELS = (OK, SKIPPED, WARNING, PROBLEM)


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was checked. ``fix`` says what to do, and is empty if nothing is wrong.

    ``line`` counts from 1, if the subject is a file. ``details`` are lines with more information,
    such as the size of each layer.
    """

    level: str
    subject: str
    message: str
    fix: str = ""
    line: int = 0
    details: tuple[str, ...] = ()


def worst_of(findings: Iterable[Finding]) -> str:
    """The worst level of the findings."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)
