"""Refuses a query parameter that nothing reads, and suggests what the client may have meant.

Otherwise, ``?bbox=`` instead of ``?in_bbox=`` would return all rows, as if they were in the box.
Views do not declare what they read. Instead, the request records the names that filters, pages, and
the team's own code ask for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from backend.conf.variables import setting

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object

# What browsers, trackers, and links add automatically, and servers do not read.
HARMLESS = (
    *("_*", "utm_*", "hsa_*", "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid"),
    *("msclkid", "twclid", "ttclid", "yclid", "igshid", "igsh", "mc_cid", "mc_eid"),
)
# The most unknown parameters that a response lists, each with its advice.
NAMED = 10


class _Watched(QueryDict):
    """A request's parameters. Records the names that are read, or all names if they are listed."""

    def __init__(self, parameters: QueryDict, asked: set[str], *, mutable: bool = False) -> None:
        super().__init__(mutable=True, encoding=parameters.encoding)
        for name, values in QueryDict.lists(parameters):
            self.setlist(name, values)
        self._mutable = mutable
        self.asked = asked

    def names(self) -> set[str]:
        """The names in the request. This call does not count as reading them."""
        return set(dict.keys(self))

    def plain(self) -> QueryDict:
        """A copy to change, which does not record anything."""
        made = QueryDict(mutable=True, encoding=self.encoding)
        for name, values in QueryDict.lists(self):
            made.setlist(name, values)
        return made

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: Any) -> bool:
        self.asked.add(key)
        return super().__contains__(key)

    def _getlist(self, key: str, default: Any = None, force_list: bool = False) -> Any:
        self.asked.add(key)
        return super()._getlist(key, default, force_list)  # type: ignore[misc]  # private

    # Code that changes a copy still records what it reads from it.
    def __copy__(self) -> _Watched:
        return _Watched(self, self.asked, mutable=True)

    def __deepcopy__(self, memo: Any) -> _Watched:
        return self.__copy__()


def _asks_for_all(name: str) -> Any:
    method = getattr(QueryDict, name)

    def call(self: _Watched, *args: Any, **kwargs: Any) -> Any:
        self.asked |= self.names()
        return method(self, *args, **kwargs)

    call.__name__ = name
    return call


for _name in ("__iter__", "keys", "values", "items", "lists", "dict", "urlencode"):
    setattr(_Watched, _name, _asks_for_all(_name))


def unwatched(parameters: QueryDict) -> QueryDict:
    """A copy of a request's parameters to change, for code that reads whatever is there."""
    return parameters.plain() if isinstance(parameters, _Watched) else parameters.copy()


class KnownParametersMixin(_View):
    """Answers 400 to a GET or HEAD with a parameter that nothing read. The image's mixins use it.

    It allows what trackers add, what ``IGNORED_QUERY_PARAMETERS`` lists, and what the view lists in
    ``extra_query_params``: parameters that its code reads after the response is made, or not
    always. It does not check requests whose rows are not filtered, such as one that a team's cache
    responds to.
    """

    extra_query_params: Iterable[str] = ()
    _given: _Watched | None = None
    _filters: set[str] | None = None

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if request.method in ("GET", "HEAD") and request.GET:
            self._given = _Watched(request.GET, set())
            request.GET = self._given  # type: ignore[assignment]  # immutable, like the plain one
        return super().initialize_request(request, *args, **kwargs)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self._given is None:
            return super().filter_queryset(queryset)
        before = set(self._given.asked)
        queryset = super().filter_queryset(queryset)
        self._filters = (self._filters or set()) | (self._given.asked - before)
        return queryset

    def finalize_response(  # type: ignore[override]  # the stubs know no streams
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer: Any = response
        if 200 <= response.status_code < 300:
            try:
                self.refuse_unknown_parameters()
            except ValidationError as error:
                answer = self.handle_exception(error)
        return super().finalize_response(request, answer, *args, **kwargs)

    def refuse_unknown_parameters(self) -> None:
        """Raises ValidationError with the given parameters that nothing has read so far."""
        if self._given is None or self._filters is None:
            return
        unread = self._given.names() - self._given.asked
        if not unread:
            return
        known = self._filters | named_by(self) | named_by(self._paginator_class())
        for part in filter(None, (*self.filter_backends, self._paginator_class())):
            known -= getattr(part(), "closed_parameters", lambda _: set())(self)
        passing = (*HARMLESS, *setting("IGNORED_QUERY_PARAMETERS"))
        unknown = {
            name
            for name in unread - known - set(self.extra_query_params)
            if not any(fnmatchcase(name, pattern) for pattern in passing)
        }
        if unknown:
            named = sorted(unknown)[:NAMED]
            raise ValidationError({name: _advice(name, sorted(known)) for name in named})

    def _paginator_class(self) -> Any:
        # From the viewset's class: links of an action with pages can lead to one without pages.
        return getattr(type(self), "pagination_class", None)


def named_by(part: Any) -> set[str]:
    """The parameters of a view or paginator, whose names REST framework keeps in attributes."""
    names = {getattr(part, name, None) for name in dir(part) if name.endswith("_query_param")}
    return {name for name in names if isinstance(name, str)}


def _advice(unknown: str, known: list[str]) -> str:
    # With several geometry columns, the name of a filter begins with its column's name.
    meant = [name for name in known if name.endswith(f"__{unknown}")]
    meant = meant or difflib.get_close_matches(unknown, known)
    question = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return f"This parameter is unknown.{question} Known parameters: {', '.join(known)}."
