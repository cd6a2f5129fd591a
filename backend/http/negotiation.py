"""Which format an answer has, and which formats a body may have.

Stands in for REST framework's negotiation on the views that have formats of ours.
https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.http.response import HttpResponseBase
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches, order_by_precedence

if TYPE_CHECKING:
    from rest_framework.views import APIView as _View
else:
    _View = object

GEOJSON = "application/geo+json"  # RFC 7946, section 12
WEIGHT = re.compile(r";\s*q\s*=\s*\"?(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\"?\s*(?:;|$)", re.IGNORECASE)
# Whose answer is one row, as the serializer shows it.
OF_ONE_ROW = ("retrieve", "create", "update", "partial_update")


class ContentNegotiation(DefaultContentNegotiation):
    """An address that names its format has it, whatever ``Accept`` says.

    MapLibre asks for ``stops.geojson`` with ``Accept: application/json``, and a server may
    disregard the header. Anywhere else the client's weights decide (``q=``), which REST
    framework does not read; it refuses what has ``q=0``.
    """

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Raises Http404 for an unknown format in the address, NotAcceptable for others."""
        named = format_suffix or request.query_params.get(self.settings.URL_FORMAT_OVERRIDE)
        offered = self.filter_renderers(renderers, named) if named else list(renderers)
        if best := _best(offered, self.get_accept_list(request)):
            selected: tuple[BaseRenderer, str]
            selected = super().select_renderer(request, [best], format_suffix)
            return selected
        # A tile or a map has no other format either.
        if named or len(offered) == 1:
            return offered[0], offered[0].media_type
        raise exceptions.NotAcceptable(available_renderers=offered)


def _best(renderers: Sequence[BaseRenderer], accepted: list[str]) -> BaseRenderer | None:
    """That of the greatest weight, and then the one that is named most exactly."""
    ranges = order_by_precedence(accepted)
    preferences = [_preference(renderer, ranges) for renderer in renderers]
    best = max(preferences, default=(0.0, 0))
    return renderers[preferences.index(best)] if best[0] else None


def _preference(renderer: BaseRenderer, ranges: list[set[str]]) -> tuple[float, int]:
    """The weight of a renderer, and how exactly it is named: the more the greater."""
    for place, equals in enumerate(ranges):
        if matching := [each for each in equals if media_type_matches(renderer.media_type, each)]:
            return max(map(_weight, matching)), -place
    return 0.0, -len(ranges)


def _weight(accepted: str) -> float:
    match = WEIGHT.search(accepted)
    return float(match[1]) if match else 1.0


@functools.lru_cache(maxsize=64)  # of parsers, not of clients
def _is_for_geojson(media_type: str) -> bool:
    return media_type_matches(media_type, GEOJSON)


class FeatureRenderer(JSONRenderer):
    """One feature, under the name that its media type has."""

    media_type, format = GEOJSON, "geojson"


class GeoJSONParser(JSONParser):
    """A feature as clients of GeoJSON send it."""

    media_type = GEOJSON


class FormatsMixin(_View):
    """GeoJSON of one row, sent and taken, and the negotiation above; a part of our mixins."""

    def get_content_negotiator(self) -> BaseContentNegotiation:
        if self.content_negotiation_class is DefaultContentNegotiation:  # none of the team's own
            self.content_negotiation_class = ContentNegotiation
        return super().get_content_negotiator()

    def get_renderers(self) -> list[BaseRenderer]:
        own = super().get_renderers()
        of_one_row = getattr(self, "action", None) in OF_ONE_ROW
        if not of_one_row or any(renderer.format == FeatureRenderer.format for renderer in own):
            return own
        return [*own, FeatureRenderer()]

    def get_parsers(self) -> list[BaseParser]:
        own = super().get_parsers()
        takes_json = any(isinstance(parser, JSONParser) for parser in own)
        takes_geojson = any(_is_for_geojson(parser.media_type) for parser in own)
        return [*own, GeoJSONParser()] if takes_json and not takes_geojson else own

    def finalize_response(  # type: ignore[override]  # the stubs know no streams
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer: Any = response
        if isinstance(getattr(request, "accepted_renderer", None), FeatureRenderer):
            answer = self._feature_or_json(request, response)
        return super().finalize_response(request, answer, *args, **kwargs)

    def _feature_or_json(self, request: Request, response: Any) -> Any:
        """Only a feature is GeoJSON: not an error, and not a row of a plain serializer."""
        data = getattr(response, "data", None)
        if isinstance(data, dict) and data.get("type") == "Feature" and not response.exception:
            return response
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
        # What was written is not refused afterwards.
        if data is None or response.exception or request.method not in SAFE_METHODS:
            return response
        return self.handle_exception(
            exceptions.NotAcceptable("This row is not a GeoJSON feature. Ask for format=json.")
        )
