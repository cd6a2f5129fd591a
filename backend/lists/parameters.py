"""A query parameter that nothing reads is refused, and the client told which it may have meant.

``?bbox=`` instead of ``?in_bbox=`` is otherwise answered with all rows, as if they were those
of the box. What a view reads is not declared, but seen: filters, pages, and the team's own
code ask the request for the names that they know.
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

from backend.conf.defaults import setting

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object

# What browsers, trackers and links add by themselves, and no server reads.
HARMLESS = (
    *("_*", "utm_*", "hsa_*", "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid"),
    *("msclkid", "twclid", "ttclid", "yclid", "igshid", "igsh", "mc_cid", "mc_eid"),
)
# Unknown parameters that an answer names, each with its advice.
NAMED = 10


class _Watched(QueryDict):
    """A request's parameters, that note which names were asked for; all, where all are listed."""

    def __init__(self, parameters: QueryDict, asked: set[str], *, mutable: bool = False) -> None:
        super().__init__(mutable=True, encoding=parameters.encoding)
        for name, values in QueryDict.lists(parameters):
            self.setlist(name, values)
        self._mutable = mutable
        self.asked = asked

    def names(self) -> set[str]:
        """What was given; to take it from here is not to ask."""
        return set(dict.keys(self))

    def plain(self) -> QueryDict:
        """A copy that nobody watches, to be changed."""
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

    # Whoever changes a copy asks for what it reads of it.
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
    """A copy of a request's parameters, to be changed, for code that reads whatever is there."""
    return parameters.plain() if isinstance(parameters, _Watched) else parameters.copy()


class KnownParametersMixin(_View):
    """Answers 400 to a GET or HEAD with a parameter that nothing read; a part of our mixins.

    Pass what trackers add, what ``IGNORED_QUERY_PARAMETERS`` names, and what the view names in
    ``extra_query_params``: those that its code reads after the answer is made, or not always.
    A request whose rows are not filtered, such as one that a cache of the team's answers, is
    not looked at.
    """

    extra_query_params: Iterable[str] = ()
    _given: _Watched | None = None
    _filters: set[str] | None = None

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        if request.method in ("GET", "HEAD") and request.GET:
            self._given = _Watched(request.GET, set())
            request.GET = self._given  # type: ignore[assignment]  # as immutable as the plain one
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
        """Raises ValidationError that names what was given and that nothing has read by now."""
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
        # Of the viewset: an action without pages is asked by the links of one with pages.
        return getattr(type(self), "pagination_class", None)


def named_by(part: Any) -> set[str]:
    """The parameters of a view or paginator, which REST framework names in such attributes."""
    names = {getattr(part, name, None) for name in dir(part) if name.endswith("_query_param")}
    return {name for name in names if isinstance(name, str)}


def _advice(unknown: str, known: list[str]) -> str:
    # With several geometry columns a filter has its column's name in front.
    meant = [name for name in known if name.endswith(f"__{unknown}")]
    meant = meant or difflib.get_close_matches(unknown, known)
    question = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return f"This parameter is unknown.{question} Known parameters: {', '.join(known)}."
