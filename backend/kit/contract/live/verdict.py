"""Errors in a response, and a short report of all errors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.conf.findings import OK, PROBLEM, SKIPPED, WARNING, Finding
from backend.kit.contract.live.client import Answer, Request, Site, User, shape
from backend.kit.contract.live.document import GEOJSON, JSON, Operation, mismatch

REFUSED = (401, 403)
THROTTLED = 429
GEO_JSON = "application/geo+json"
SHOWN = 50  # kinds of failures in the report, with one example of each


@dataclass
class Fault:
    """An error in one response. All errors of one ``kind`` are one finding."""

    kind: str
    message: str
    request: Request


@dataclass
class Tally:
    """The counts and errors of one user's requests."""

    user: User
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def counts(self) -> str:
        answered = sum(self.statuses[status] for status in self.statuses if 200 <= status < 400)
        refused = sum(self.statuses[status] for status in REFUSED)
        others = sum(self.statuses[status] for status in self.statuses if 400 <= status < 500)
        return (
            f"{self.statuses.total()} requests: {answered} answered, {refused} refused, "
            f"{others - refused} other 4xx, {self.statuses.total() - answered - others} failed"
        )


def results(site: Site, tallies: list[Tally]) -> list[Finding]:
    """A line of counts for each user, then one for each kind of failure of any user."""
    findings = [Finding(OK, each.user.name, each.counts()) for each in tallies]
    findings += _left_out(tallies)
    kinds: dict[str, list[tuple[Fault, User]]] = {}
    for tally in tallies:
        for fault in tally.faults:
            kinds.setdefault(fault.kind, []).append((fault, tally.user))
    findings += [_failure(site, same) for same in list(kinds.values())[:SHOWN]]
    if len(kinds) > SHOWN:
        message = f"{len(kinds) - SHOWN} more kinds of failures"
        fix = "Correct the failures above, and check again."
        findings.append(Finding(PROBLEM, "further", message, fix))
    return findings


def _left_out(tallies: list[Tally]) -> Iterable[Finding]:
    if names := set.intersection(*(each.left_out for each in tallies)):
        message = f"no row to request: {_some(sorted(names), 5)}"
        yield Finding(SKIPPED, "left out", message, "Load a fixture with a row: --fixture NAME")
    if throttled := sum(each.statuses[THROTTLED] for each in tallies):
        message = f"{throttled} requests were throttled, so they were not checked"
        fix = "For this check, raise the rates in DEFAULT_THROTTLE_RATES."
        yield Finding(WARNING, "throttled", message, fix)


def _failure(site: Site, same: list[tuple[Fault, User]]) -> Finding:
    (first, user), *_ = same
    request = first.request
    others = list(dict.fromkeys(each.request.target for each, _ in same))
    others.remove(request.target)
    names = ", ".join(dict.fromkeys(user.name for _, user in same))
    details = [request.curl(site, user), f"{len(same)} times, as {names}"]
    details += [f"a link of {request.linked_from}"] if request.linked_from else []
    details += [f"also {_some(others, 3)}"] if others else []
    name = f"{request.method} {request.target.partition('?')[0]}"
    return Finding(PROBLEM, name, first.message, details=tuple(details))


def _some(names: list[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def judged(
    request: Request, answer: Answer, operation: Operation | None, *, is_anonymous: bool
) -> Iterable[Fault]:
    """Errors in the response by the rules of HTTP and of the document."""
    if answer.error:
        yield Fault(answer.error, answer.error, request)
    elif answer.status >= 500:
        where = operation.path if operation else shape(request.target)
        yield Fault(f"{answer.status} {where}", f"{answer.status}", request)
    elif (
        request.linked_from and answer.status >= 400 and answer.status not in (*REFUSED, THROTTLED)
    ):
        kind = f"link {answer.status} {shape(request.target)}"
        yield Fault(kind, f"a link that leads to {answer.status}", request)
    elif operation is not None and answer.status != THROTTLED and request.method == "GET":
        yield from _documented(request, answer, operation, is_anonymous=is_anonymous)


def _documented(
    request: Request, answer: Answer, operation: Operation, *, is_anonymous: bool
) -> Iterable[Fault]:
    response, path = operation.response(answer.status), operation.path
    if response is None:
        message = f"{answer.status}, which the document does not mention"
        yield Fault(f"{message} {path}", message, request)
    if is_anonymous and operation.is_open and answer.status in REFUSED:
        message = f"{answer.status}, but the document says that it needs no login"
        yield Fault(f"{message} {path}", message, request)
    if is_anonymous and operation.is_open is False and answer.status < 400:
        message = f"{answer.status}, but the document says that it needs a login"
        yield Fault(f"{message} {path}", message, request)
    # An operation for tiles offers JSON only for its errors.
    offered = {*operation.produces} - ({JSON} if len(operation.produces) > 1 else set())
    if answer.status == 406 and request.accept in offered:
        message = f"406 for {request.accept}, which the document lists"
        yield Fault(f"{message} {path}", message, request)
    if answer.status == 200:
        yield from _body(request, answer, operation)


def _body(request: Request, answer: Answer, operation: Operation) -> Iterable[Fault]:
    kind = answer.media_type
    if kind == "text/html":
        return
    if kind not in {each.partition(";")[0].strip() for each in operation.produces}:
        message = f"{kind or 'no Content-Type'}, which the document does not mention"
        yield Fault(f"{message} {operation.path}", message, request)
    if kind not in (JSON, GEO_JSON) or not answer.is_whole:
        return
    try:
        value = answer.json()
    except ValueError as error:
        message = f"{kind} that is not JSON: {error}"
        yield Fault(f"no JSON {operation.path}", message, request)
        return
    wrong = operation.mismatch(value) if kind == JSON else mismatch(value, GEOJSON)
    if wrong:
        # The first of many rows, or of many values, represents all of them.
        place = re.sub(r"(?<=/)\d+(?=/|$)", "#", wrong.partition(": ")[0])
        message = f"it differs from the document at {wrong}"
        yield Fault(f"{place} {operation.path}", message, request)
