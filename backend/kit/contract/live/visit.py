"""All requests of one user: operations in every format, parameters, pages, and links."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from backend.kit.contract.live.client import Answer, Request, Site, User, links, shape
from backend.kit.contract.live.document import JSON, Document, Operation, query
from backend.kit.contract.live.verdict import Fault, Tally, judged

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
PAGES = ("/", "/health/", "/health/live", "/health/ready", "/admin/", "/swagger/", "/redoc/")
DOCUMENTS = ("/swagger.json", "/swagger.yaml")
AT_ONCE = 4  # parallel requests; an API has at least as many threads
SAME = 2  # links to follow that differ only in their keys, such as the rows of a list
MOST = 3_000  # links that one user follows

# The server's own reason for the failure of a request, by its X-Request-ID.
Explain = Callable[[str], str]


class Visit:
    """Sends requests as one user. Users share ``rows``: they request rows that others found."""

    def __init__(
        self,
        site: Site,
        user: User,
        document: Document | None,
        rows: dict[str, dict[str, Any]],
        explain: Explain,
    ) -> None:
        self.site, self.user, self.rows, self.explain = site, user, rows, explain
        self.operations = list(document.operations(site.prefix)) if document else []
        self.tally = Tally(user)
        self.asked: set[tuple[str, str, str]] = set()
        self.shapes: Counter[Any] = Counter()
        self.numbers = itertools.count()

    def everything(self, pages: Iterable[str], *, in_full: bool) -> Tally:
        """Request every operation in every format, and every page that a link leads to.

        ``in_full`` also requests the examples of all documented parameters, and each format in
        every form of the URL.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # Lists come first, because the other paths need keys of their rows.
            self.operations.sort(key=lambda each: (each.path.count("{"), each.path))
            for operation in self.operations:
                self._run(pool, operation, self._formats(operation))
            for operation in self.operations if in_full else ():
                self._run(pool, operation, self._addresses(operation))
                self._run(pool, operation, self._parameters(operation))
                self._choose(pool, operation)
            if self.user.sees_pages:
                self._follow(pool, pages)
        return self.tally

    # --- Documented operations

    def _run(
        self, pool: ThreadPoolExecutor, operation: Operation, asked: Iterable[tuple[Request, bool]]
    ) -> bool:
        """Send the requests, and return whether none of them was a 400."""
        accepted = True
        together = [each for each in asked if self._is_new(each[0])]
        answers = pool.map(lambda each: self._ask(each[0]), together)
        for (request, must_succeed), answer in zip(together, answers, strict=True):
            self._judge(request, answer, operation)
            if must_succeed and answer.status == 400:
                message = "400 for a value that the document gives"
                self.tally.faults.append(Fault(f"{message} {operation.path}", message, request))
            accepted = accepted and answer.status != 400
            self._remember(operation, answer)
        return accepted

    def _formats(self, operation: Operation) -> Iterator[tuple[Request, bool]]:
        path = self._path(operation)
        if path is None:
            self.tally.left_out.add(operation.path)
            return
        few = self._few(operation)
        pages = [BROWSER] if self.user.sees_pages else []
        for accept in (JSON, *pages, *operation.produces):
            yield Request(path + query(few), accept=accept), False
        for method in ("HEAD", "OPTIONS"):
            yield Request(path + query(few if method == "HEAD" else {}), method), False

    def _addresses(self, operation: Operation) -> Iterator[tuple[Request, bool]]:
        path = self._path(operation)
        if not path:
            return
        few = self._few(operation)
        for name in operation.formats:
            # The document does not give a value for a required parameter.
            is_given = not operation.required
            yield Request(path + query({**few, "format": name})), is_given
            yield Request(f"{path.rstrip('/')}.{name}{query(few)}"), False
        yield Request(path + query({**few, "format": "api"}), accept=BROWSER), False

    def _parameters(self, operation: Operation) -> Iterator[tuple[Request, bool]]:
        path = self._path(operation)
        if not path:
            return
        few = self._few(operation)
        for values, is_given in operation.examples():
            is_given = is_given and not operation.required
            yield Request(path + query({**few, **values}), accept=JSON), is_given

    def _choose(self, pool: ThreadPoolExecutor, operation: Operation) -> None:
        """Request all choices of a list together, or each alone if that is a 400."""
        path = self._path(operation)
        if not path:
            return
        few = self._few(operation)
        for ways in operation.choices():
            for queries in ways:
                asked = [Request(path + query({**few, **each}), accept=JSON) for each in queries]
                if self._run(pool, operation, [(each, False) for each in asked]):
                    break

    def _few(self, operation: Operation) -> dict[str, str]:
        """A query that limits the number of rows, with all required parameters."""
        integer = {"name": "limit", "type": "integer"}
        has_limit = any(integer.items() <= each.items() for each in operation.query)
        return {**operation.needed, **({"limit": "2"} if has_limit else {})}

    def _path(self, operation: Operation) -> str | None:
        above = operation.path.partition("{")[0]
        return operation.concrete(self.rows.get(above, {}))

    def _remember(self, operation: Operation, answer: Answer) -> None:
        if "{" in operation.path or answer.status != 200 or answer.media_type != JSON:
            return
        try:
            row = _first_row(answer.json())
        except ValueError:
            return
        if row:
            self.rows.setdefault(operation.path, row)

    # --- Pages and their links

    def _follow(self, pool: ThreadPoolExecutor, pages: Iterable[str]) -> None:
        paths = [self.site.prefix + path for path in (*PAGES, *DOCUMENTS)]
        todo = [Request(path, accept=BROWSER) for path in (*paths, *pages)]
        left = MOST
        while todo and left > 0:
            together = [each for each in todo[:left] if self._is_new(each)]
            left -= len(together)
            todo = []
            for request, answer in zip(together, pool.map(self._ask, together), strict=True):
                self._judge(request, answer, None)
                if answer.status < 400:
                    todo += self._links(request, answer)

    def _links(self, request: Request, answer: Answer) -> Iterator[Request]:
        is_file = "immutable" in answer.headers.get("cache-control", "")
        for link in () if is_file else links(answer):
            target = self.site.target(link, request.target)
            if target is None or self._lacks_parameters(target):
                continue
            kind = shape(target)
            self.shapes[kind] += 1
            if self.shapes[kind] <= SAME:
                yield Request(target, accept=BROWSER, linked_from=request.target)

    def _lacks_parameters(self, target: str) -> bool:
        """Whether a link leads to an operation without the parameters that it requires."""
        path, _, text = target.partition("?")
        return any(
            each.path == path and not each.required <= parse_qs(text).keys()
            for each in self.operations
        )

    # --- One request

    def _is_new(self, request: Request) -> bool:
        key = (request.method, request.target, request.accept)
        is_new = key not in self.asked
        self.asked.add(key)
        return is_new

    def _ask(self, request: Request) -> Answer:
        mark = f"{self.user.name}-{next(self.numbers)}"
        answer = self.site.ask(request, self.user, mark)
        if answer.status >= 500 and (why := self.explain(mark)):
            return replace(answer, error=f"{answer.status}: {why}")
        return answer

    def _judge(self, request: Request, answer: Answer, operation: Operation | None) -> None:
        self.tally.statuses[answer.status] += 1
        is_anonymous = not self.user.headers
        self.tally.faults += judged(request, answer, operation, is_anonymous=is_anonymous)


def _first_row(value: Any) -> dict[str, Any]:
    """The first row of a list in any form, with a Feature's properties and ID."""
    if isinstance(value, dict):
        for name in ("results", "features"):
            if name in value:
                return _first_row(value[name])
        return {}
    first = value[0] if isinstance(value, list) and value else {}
    if not isinstance(first, dict):
        return {}
    row = {**(first.get("properties") or {}), **first}
    return {**row, **({"pk": row["id"]} if "id" in row else {})}
