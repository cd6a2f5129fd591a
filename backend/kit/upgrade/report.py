"""The lists that ``upgrade`` and ``adopt`` print."""

from __future__ import annotations

from collections.abc import Iterable

from backend.conf.errors import in_line
from backend.conf.findings import PROBLEM, WARNING, Finding


def lists(findings: Iterable[Finding]) -> list[str]:
    """The lines about the findings, by file and line: first those that need a change."""
    findings = list(findings)
    lines = []
    for title, level in (("By hand:", PROBLEM), ("Good to know:", WARNING)):
        listed = [finding for finding in findings if finding.level == level]
        if listed:
            lines.append(title)
            for finding in listed:
                place = f"{in_line(finding.subject)}, line {finding.line}"
                lines += [f"  {place}: {finding.message}", f"      FIX: {finding.fix}"]
                lines += [f"        {line}".rstrip() for line in finding.details]
            lines.append("")
    return lines


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
