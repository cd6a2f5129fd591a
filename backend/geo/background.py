"""The background of the image's maps: land, water, and places, or a tile server."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString


def attributes() -> SafeString:
    """The attributes that map-base.js reads from a map's element."""
    if settings.MAP_TILE_URL:
        return format_html(
            'data-tile-url="{}" data-tile-attribution="{}"',
            settings.MAP_TILE_URL,
            settings.MAP_TILE_ATTRIBUTION,
        )
    return format_html(
        'data-land="{}" data-coast="{}" data-places="{}"',
        *(static(f"backend/land/{name}.json") for name in ("land", "coast", "places")),
    )


def tile_origin() -> str:
    """The origin of the tile server, for a Content-Security-Policy. Empty without a tile server.

    OpenLayers replaces a range in braces, ``{a-c}``, with one of its letters.
    """
    url = urlsplit(settings.MAP_TILE_URL or "")
    if not url.netloc:
        return ""
    host = re.sub(r"^[^.]*\{[^}]*\}[^.]*", "*", url.netloc)
    return f"{url.scheme}://{host}"
