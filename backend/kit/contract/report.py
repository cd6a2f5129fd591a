"""What a check found, as lines for people, as JUnit for CI and as JSON.

Needs only Python 3.9's own library: it runs on a team's machine too.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

OK, SKIPPED, WARNING, FAILED = "ok", "skipped", "warning", "failed"
STATUSES = (OK, SKIPPED, WARNING, FAILED)


@dataclass(frozen=True)
class Result:
    """``check`` names the promise; ``fix`` says what to do, empty where all is well.

    ``details`` are lines for who wants to know more, such as the size of each layer.
    """

    check: str
    status: str
    message: str
    fix: str = ""
    details: tuple[str, ...] = ()


class Impossible(Exception):  # noqa: N818  no error of this program: it could not begin
    """The checks cannot run at all: what is wrong, and what to do. Exit code 2."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"ERROR: {self.problem}\nFIX:   {self.fix}"


def failed(results: Iterable[Result]) -> bool:
    return any(result.status == FAILED for result in results)


def as_text(subject: str, results: list[Result]) -> str:
    """A line a check in the order in which they ran, below it what to do; then the verdict."""
    lines = []
    for result in results:
        lines.append(f"{result.status:<8} {result.check}: {result.message}")
        lines += [f"{'':<8} {detail}" for detail in result.details]
        if result.fix:
            lines.append(f"{'':<8} FIX: {result.fix}")
    counts = [f"{status}: {_count(results, status)}" for status in reversed(STATUSES)]
    verdict = "breaks the contract" if failed(results) else "keeps the contract"
    lines.append(f"{subject} {verdict}; {', '.join(counts)}")
    return "\n".join(lines)


def _count(results: list[Result], status: str) -> int:
    return sum(result.status == status for result in results)


def as_json(results: list[Result], facts: dict[str, object]) -> str:
    return json.dumps({"results": [asdict(result) for result in results], "facts": facts})


def from_json(document: dict[str, Any]) -> list[Result]:
    return [Result(**{**item, "details": tuple(item["details"])}) for item in document["results"]]


def as_junit(subject: str, results: list[Result]) -> str:
    """A test case a check: several things that one check says are one case, whose name stays."""
    cases: dict[str, list[Result]] = {}
    for result in results:
        cases.setdefault(result.check, []).append(result)
    worst = {name: max(found, key=_rank).status for name, found in cases.items()}
    suite = ElementTree.Element(
        "testsuite",
        name=subject,
        tests=str(len(cases)),
        failures=str(list(worst.values()).count(FAILED)),
        skipped=str(list(worst.values()).count(SKIPPED)),
        errors="0",
    )
    for name, found in cases.items():
        case = ElementTree.SubElement(suite, "testcase", classname="contract", name=name)
        _describe(case, worst[name], found)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _rank(result: Result) -> int:
    return STATUSES.index(result.status)


def _describe(case: ElementTree.Element, status: str, found: list[Result]) -> None:
    lines = []
    for result in found:
        lines += [f"{result.status}: {result.message}", *result.details]
        lines += [f"FIX: {result.fix}"] if result.fix else []
    said = _printable("\n".join(lines))
    if status in (FAILED, SKIPPED):
        kind = "failure" if status == FAILED else "skipped"
        about = ElementTree.SubElement(case, kind, message=said.partition("\n")[0])
        about.text = said
    else:
        ElementTree.SubElement(case, "system-out").text = said


def _printable(text: str) -> str:
    """Without the control characters that XML 1.0 has no way to write."""
    return "".join(sign for sign in text if sign in "\n\t" or ord(sign) >= 32)
