"""Vector tiles and TileJSON of a viewset, made by PostGIS.

    class StopViewSet(TilesMixin, ModelViewSet):
        queryset = Stop.objects.all()
        serializer_class = StopSerializer

With a router of REST framework, it has three more pages. ``stops/tiles/`` is TileJSON 3.0.0,
``stops/tiles/{z}/{x}/{y}.mvt`` is a tile (``.../{y}/`` with a SimpleRouter), and ``stops/map/``
shows them. They have the serializer, filters, permissions, and throttles of the list:
``self.action`` is "list", and ``self.list_page`` says which page it is.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import NoReverseMatch
from django.utils.cache import get_conditional_response
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from backend.conf.variables import setting
from backend.databases.stored_types import StoredTextMixin
from backend.geo import expressions
from backend.geo.maps import MapMixin
from backend.geo.sql import Column, checked_queryset
from backend.geo.sql_support import no_tiles
from backend.geo.tile_geometry import geometry_name, refuse_rounded
from backend.geo.tile_sql import Layer
from backend.http import caching
from backend.pages.names import plural

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
MOST_ZOOM = 30  # 2 cm per tile; the maximum of TileJSON 3.0.0
PLACEHOLDERS = ("{z}", "{x}", "{y}")


class MVTRenderer(BaseRenderer):
    """Names the format. A tile is sent as it is, so this renders only errors."""

    media_type = MEDIA_TYPE
    format = "mvt"
    charset = None
    render_style = "binary"

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> bytes:
        context["response"]["Content-Type"] = JSONRenderer.media_type
        return JSONRenderer().render(data)


class TilesMixin(StoredTextMixin, MapMixin):
    """Adds ``tiles``, ``tile``, and ``map`` to a viewset whose serializer shows a geometry."""

    # Name of the layer in a tile. The default is the model's name.
    tile_layer: str | None = None
    # The serializer's geometry field to draw. The default is its own (or first) one.
    tile_geometry: str | None = None
    # The serializer's fields that are properties of a feature. The default is all.
    tile_fields: tuple[str, ...] | list[str] | None = None
    # Clients magnify the tiles of the last zoom, so these are not simplified.
    tile_min_zoom: int = 0
    tile_max_zoom: int = 18
    # Leaves out parts of lines and polygons that are smaller than a quarter of a pixel, and
    # draws whole ones of that size as a speck.
    tile_simplify: bool = True
    # The most features in a tile, about one for each 3 x 3 pixels. A tile with more has an even
    # sample of them, and says so: `X-Tile-Sample: 1/64`. None means all, however many.
    tile_max_features: int | None = 20_000
    # Seconds that a browser shows a tile before it asks again.
    tile_max_age: int = 60

    @classmethod
    def get_extra_actions(cls) -> list[Callable[..., Any]]:
        """Leaves these out if every request for them would fail. ``manage.py check`` says why."""
        actions = super().get_extra_actions()
        if no_tiles(cls) is None:
            return actions
        return [one for one in actions if one.__name__ not in ("tiles", "tile", "map")]

    @action(detail=False, renderer_classes=[JSONRenderer], pagination_class=None)
    def tiles(self, request: Request, **kwargs: Any) -> Response:
        """TileJSON of the tiles, for the same filters.

        https://github.com/mapbox/tilejson-spec/tree/master/3.0.0
        """
        layer = self.get_tile_layer()
        properties, zooms = layer.columns().properties, (self.tile_min_zoom, self.tile_max_zoom)
        content: dict[str, Any] = {
            "tilejson": "3.0.0",
            "name": plural(layer.queryset.model),
            "tiles": [self._tile_url() + self.tile_query()],
            "minzoom": zooms[0],
            "maxzoom": zooms[1],
            "vector_layers": [
                {
                    "id": layer.name,
                    "fields": {one.name: _described(one) for one in properties},
                    "minzoom": zooms[0],
                    "maxzoom": zooms[1],
                }
            ],
        }
        if text := inspect.cleandoc(type(self).__doc__ or ""):
            content["description"] = text
        if bounds := layer.extent():
            content["bounds"] = [round(degrees, 7) for degrees in bounds]
        response = Response(content)
        self._let_cache(response)
        return response

    @action(
        detail=False,
        url_path="tiles/(?P<z>[^/.]+)/(?P<x>[^/.]+)/(?P<y>[^/.]+)",
        renderer_classes=[MVTRenderer],
        pagination_class=None,
    )
    def tile(self, request: Request, z: str, x: str, y: str, **kwargs: Any) -> HttpResponse:
        """A Mapbox vector tile; 204 if the tile is empty, 400 if it cannot exist."""
        body, sample = self.get_tile_layer().tile(*self._address(z, x, y))
        if not body:
            response = HttpResponse(status=204)
            del response["Content-Type"]
            self._let_cache(response)
            return response
        response = HttpResponse(body, MEDIA_TYPE)
        if sample > 1:
            response["X-Tile-Sample"] = f"1/{sample}"
        self._let_cache(response)
        etag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
        response["ETag"] = etag
        return get_conditional_response(request, etag, None, response) or response

    @classmethod
    def path_parameter_schemas(cls) -> dict[str, dict[str, Any]]:
        """For the OpenAPI document: the valid parts of a tile's URL."""
        deepest = min(cls.tile_max_zoom, MOST_ZOOM)
        across = {"type": "integer", "minimum": 0, "maximum": 2**deepest - 1}
        zoom = {"type": "integer", "minimum": cls.tile_min_zoom, "maximum": deepest}
        return {
            "z": {**zoom, "description": "Zoom."},
            "x": {**across, "description": "Column, counted from the west: 0 to 2^z - 1."},
            "y": {**across, "description": "Row, counted from the north: 0 to 2^z - 1."},
        }

    def drawn_field(self, serializer: Serializer[Any]) -> str | None:
        """The field of the geometry, for pages that draw it. ``?fields=`` does not remove it."""
        if self.list_page is None:
            return None
        return geometry_name(serializer, self.tile_geometry)

    def get_tile_layer(self) -> Layer:
        """What the tiles show. Raises NoPostGIS, NotInDatabase."""
        queryset = checked_queryset(self.filter_queryset(self.get_queryset()))
        serializer: Any = self.get_serializer()
        name = geometry_name(serializer, self.tile_geometry)
        if name is not None and name in serializer.fields:
            refuse_rounded(serializer, name, getattr(self, "spatial_filter_fields", None))
        return Layer(
            name=self.tile_layer or queryset.model._meta.model_name,
            serializer=serializer,
            queryset=queryset,
            geometry=self.tile_geometry,
            fields=None if self.tile_fields is None else tuple(self.tile_fields),
            simplify_below=self.tile_max_zoom if self.tile_simplify else 0,
            max_features=self.tile_max_features,
            timeout=setting("STATEMENT_TIMEOUT"),
        )

    def _address(self, *values: str) -> tuple[int, int, int]:
        numbers = {}
        for name, value in zip("zxy", values, strict=True):
            if not re.fullmatch("-?[0-9]{1,12}", value):
                raise ValidationError({name: [f"{value[:40]!r} is not a whole number."]})
            numbers[name] = int(value)
        z, last = numbers["z"], min(self.tile_max_zoom, MOST_ZOOM)
        if not self.tile_min_zoom <= z <= last:
            raise ValidationError({"z": [f"Choose a zoom from {self.tile_min_zoom} to {last}."]})
        for name in "xy":
            if not 0 <= numbers[name] < 2**z:
                raise ValidationError({name: [f"At zoom {z}, choose from 0 to {2**z - 1}."]})
        return z, numbers["x"], numbers["y"]

    def _tile_url(self) -> str:
        tile = dict(zip("zxy", PLACEHOLDERS, strict=True))
        try:
            url = self.page_url("tile", **tile, format="mvt")
        except NoReverseMatch:  # a SimpleRouter has no suffixes
            url = self.page_url("tile", **tile)
        for placeholder in PLACEHOLDERS:
            url = url.replace(f"%7B{placeholder[1]}%7D", placeholder)
        return url

    def _let_cache(self, response: HttpResponse) -> None:
        """Lets browsers keep it, but not shared caches, because the rows can depend on anything."""
        caching.guard(self.request, response, {"private": True, "max_age": self.tile_max_age})


def _described(column: Column) -> str:
    """The type of a property, and what the model's or the serializer's help text says about it."""
    kind = expressions.value(column).kind.tilejson
    return f"{kind}: {column.field.help_text}" if column.field.help_text else kind


# The same as drf-yasg's decorator would set, for projects that have it.
TilesMixin.tile._swagger_auto_schema = {  # type: ignore[attr-defined]  # its mark
    "responses": {
        200: f"A Mapbox vector tile, {MEDIA_TYPE}",
        204: "This tile is empty",
        304: "The tile has not changed (If-None-Match)",
    }
}
