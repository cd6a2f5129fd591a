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

logger = logging.getLogger("backend.geo")

CDN = "https://cdn.jsdelivr.net/npm/ol@"
SCRIPT = Path(gis.__file__).parent / "static/gis/js/OLMapWidget.js"
# The script that map-widget.js builds on, by its sha256. In a release where it reads otherwise
# the widget may be made in another way, and is left alone.
KNOWN = "25d649b57e043ffa6986c8f1b3b12765d7c718cd6ce59b27d4c437f090d4d094"
TEMPLATE = "backend/map_widget.html"


def install() -> None:
    """Let the widgets use the OpenLayers of the image, and no tile server."""
    if hashlib.sha256(SCRIPT.read_bytes()).hexdigest() != KNOWN:
        logger.warning("The map of forms comes from other hosts: %s is not the known one.", SCRIPT)
        return
    media = OpenLayersWidget.Media
    styles = [_own(url) for url in media.css["all"]]
    media.css = {"all": (*styles, "backend/map-widget.css")}
    media.js = (*map(_own, media.js), "backend/map-base.js", "backend/map-widget.js")
    OpenLayersWidget.template_name = OSMWidget.template_name = TEMPLATE
    # Django's default is a place in France, which a map without streets does not show.
    # None: the world.
    OSMWidget.default_lon = OSMWidget.default_lat = OSMWidget.default_zoom = None


def _own(url: str) -> str:
    return f"backend/ol/{url.rpartition('/')[2]}" if url.startswith(CDN) else url
