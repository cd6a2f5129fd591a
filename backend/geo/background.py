"""The background of the image's maps: land, water, and places, streets, or a tile server."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

# MAP_TILE_URL without a tile server, and without the button that shows OpenStreetMap's streets.
NONE = "none"
OPENSTREETMAP = "https://tile.openstreetmap.org"


def attributes() -> SafeString:
    """The attributes that map-base.js reads from a map's element."""
    if settings.MAP_TILE_URL and settings.MAP_TILE_URL.lower() != NONE:
        return format_html(
            'data-tile-url="{}" data-tile-attribution="{}"',
            settings.MAP_TILE_URL,
            settings.MAP_TILE_ATTRIBUTION,
        )
    return format_html(
        'data-land="{}" data-coast="{}" data-places="{}"{}',
        *(static(f"backend/land/{name}.json") for name in ("land", "coast", "places")),
        "" if settings.MAP_TILE_URL else " data-streets",
    )


def tile_origin() -> str:
    """The origin of tiles, for a Content-Security-Policy. Empty if there can be none.

    OpenLayers replaces a range in braces, ``{a-c}``, with one of its letters.
    """
    if not settings.MAP_TILE_URL:
        return OPENSTREETMAP
    if settings.MAP_TILE_URL.lower() == NONE:
        return ""
    url = urlsplit(settings.MAP_TILE_URL)
    host = re.sub(r"^[^.]*\{[^}]*\}[^.]*", "*", url.netloc)
    return f"{url.scheme}://{host}"
