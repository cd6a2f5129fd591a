"""What a look at a project, an image or what runs has found.

``manage.py doctor``, ``check``, ``bin/image-test`` and ``upgrade`` list these. Needs only Python
3.9's own library, as ``backend.kit.contract.outside`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# The worst last.
OK, SKIPPED, WARNING, PROBLEM = "ok", "skipped", "warning", "problem"
LEVELS = (OK, SKIPPED, WARNING, PROBLEM)


@dataclass(frozen=True)
class Finding:
    """``subject`` is what was looked at; ``fix`` says what to do, empty where all is well.

    ``line`` counts from 1, where the subject is a file. ``details`` are lines for who wants to know
    more, such as the size of each layer.
    """

    level: str
    subject: str
    message: str
    fix: str = ""
    line: int = 0
    details: tuple[str, ...] = ()


def worst_of(findings: Iterable[Finding]) -> str:
    """The worst level among them."""
    return max((finding.level for finding in findings), key=LEVELS.index, default=OK)
