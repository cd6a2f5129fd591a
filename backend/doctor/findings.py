"""What a check of ``manage.py doctor`` says."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARNING, PROBLEM = "ok", "warning", "problem"
LEVELS = (OK, WARNING, PROBLEM)


@dataclass(frozen=True)
class Finding:
    """``subject`` is the part that was looked at; ``fix`` what to do, empty where all is well."""

    level: str
    subject: str
    message: str
    fix: str = ""
