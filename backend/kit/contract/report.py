"""The results of the checks, as lines for people, as JUnit for CI, and as JSON.

Needs only Python 3.9's standard library, because it also runs on a team's machine.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Any

from backend.conf.findings import LEVELS, OK, PROBLEM, SKIPPED, WARNING, Finding, worst_of

# Their names in the report, in the order of LEVELS.
STATUSES = {OK: "ok", SKIPPED: "skipped", WARNING: "warning", PROBLEM: "failed"}


class Impossible(Exception):  # noqa: N818  not an error of this program: it could not begin
    """The checks cannot run at all. Says what is wrong, and what to do. Exit code 2."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"ERROR: {self.problem}\nFIX:   {self.fix}"


def failed(results: Iterable[Finding]) -> bool:
    return any(result.level == PROBLEM for result in results)


def as_text(subject: str, results: list[Finding]) -> str:
    """One line per check, in order, with its fix below, and then the verdict."""
    lines = []
    for result in results:
        lines.append(f"{STATUSES[result.level]:<8} {result.subject}: {result.message}")
        lines += [f"{'':<8} {detail}" for detail in result.details]
        if result.fix:
            lines.append(f"{'':<8} FIX: {result.fix}")
    counts = [f"{STATUSES[level]}: {_count(results, level)}" for level in reversed(LEVELS)]
    verdict = "breaks the contract" if failed(results) else "keeps the contract"
    lines.append(f"{subject} {verdict}; {', '.join(counts)}")
    return "\n".join(lines)


def _count(results: list[Finding], level: str) -> int:
    return sum(result.level == level for result in results)


def as_json(results: list[Finding], facts: dict[str, object]) -> str:
    document = [
        {
            "check": result.subject,
            "status": STATUSES[result.level],
            "message": result.message,
            "fix": result.fix,
            "details": result.details,
        }
        for result in results
    ]
    return json.dumps({"results": document, "facts": facts})


def from_json(document: dict[str, Any]) -> list[Finding]:
    levels = {status: level for level, status in STATUSES.items()}
    return [
        Finding(
            levels[item["status"]],
            item["check"],
            item["message"],
            item["fix"],
            details=tuple(item["details"]),
        )
        for item in document["results"]
    ]


def as_junit(subject: str, results: list[Finding]) -> str:
    """One test case per check. All results of a check are in one case, so its name is stable."""
    cases: dict[str, list[Finding]] = {}
    for result in results:
        cases.setdefault(result.subject, []).append(result)
    worst = {name: worst_of(findings) for name, findings in cases.items()}
    suite = ElementTree.Element(
        "testsuite",
        name=subject,
        tests=str(len(cases)),
        failures=str(list(worst.values()).count(PROBLEM)),
        skipped=str(list(worst.values()).count(SKIPPED)),
        errors="0",
    )
    for name, findings in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname="contract", name=name)
        _describe(case, worst[name], findings)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _describe(case: ElementTree.Element, level: str, findings: list[Finding]) -> None:
    lines = []
    for result in findings:
        lines += [f"{STATUSES[result.level]}: {result.message}", *result.details]
        lines += [f"FIX: {result.fix}"] if result.fix else []
    text = _printable("\n".join(lines))
    if level in (PROBLEM, SKIPPED):
        kind = "failure" if level == PROBLEM else "skipped"
        about = ElementTree.SubElement(case, kind, message=text.partition("\n")[0])
        about.text = text
    else:
        ElementTree.SubElement(case, "system-out").text = text


def _printable(text: str) -> str:
    """Remove the control characters that XML 1.0 cannot express."""
    return "".join(sign for sign in text if sign in "\n\t" or ord(sign) >= 32)
