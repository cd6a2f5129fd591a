"""GeoDjango's map widgets for forms and the admin, without the hosts that they load from.

``install`` changes the classes where they live, so that a team changes nothing: a plain
``ModelAdmin``, a ``GISModelAdmin`` and a form of a team's own all use ``OpenLayersWidget`` or
``OSMWidget``. A subclass keeps what it sets by itself.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from django.contrib import gis
from django.contrib.gis.forms.widgets import OpenLayersWidget, OSMWidget
from django.utils.html import format_html

logger = logging.getLogger("backend.geo")

CDN = "https://cdn.jsdelivr.net/npm/ol@"
SCRIPT = Path(gis.__file__).parent / "static/gis/js/OLMapWidget.js"
# The script that map-widget.js builds on, by its sha256. In a release where it reads otherwise
# the widget may be made in another way, and is left alone.
KNOWN = "25d649b57e043ffa6986c8f1b3b12765d7c718cd6ce59b27d4c437f090d4d094"
TEMPLATE = "backend/map_widget.html"
# OSMWidget's longitude, latitude and zoom where a team sets none. They stay on the class, for
# templates of a team's own that extend Django's.
DJANGOS_PLACE = (5, 47, 12)


def install() -> None:
    """Let the widgets use the OpenLayers of the image, and no tile server."""
    if hashlib.sha256(SCRIPT.read_bytes()).hexdigest() != KNOWN:
        logger.warning(
            "The maps in forms load from other hosts: %s is not the version that the image knows.",
            SCRIPT,
        )
        return
    media = OpenLayersWidget.Media
    styles = [_own(url) for url in media.css["all"]]
    media.css = {"all": (*styles, "backend/map-widget.css")}
    media.js = (*map(_own, media.js), "backend/map-base.js", "backend/map-widget.js")
    OpenLayersWidget.template_name = OSMWidget.template_name = TEMPLATE


def place_attributes(*place: float | str | None) -> str:
    """``data-lon``, ``data-lat`` and ``data-zoom`` where a map begins, or nothing: the world.

    Django's own place is one in France, which a map without streets does not show. Widgets other
    than OSMWidget have none: a template then gives empty strings.
    """
    if place == DJANGOS_PLACE or None in place or "" in place:
        return ""
    return format_html('data-lon="{}" data-lat="{}" data-zoom="{}"', *map(str, place))


def _own(url: str) -> str:
    return f"backend/ol/{url.rpartition('/')[2]}" if url.startswith(CDN) else url
