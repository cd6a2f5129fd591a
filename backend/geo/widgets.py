"""GeoDjango's map widgets for forms and the admin, without the other hosts that they load from.

``install`` changes the classes themselves, so that a team changes nothing: a plain ``ModelAdmin``,
a ``GISModelAdmin``, and a team's own form all use ``OpenLayersWidget`` or ``OSMWidget``. A subclass
keeps what it sets itself.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib import gis
from django.contrib.gis.db.models.fields import BaseSpatialField
from django.contrib.gis.db.models.functions import Envelope
from django.contrib.gis.forms.widgets import OpenLayersWidget, OSMWidget
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.db import router, transaction
from django.db.models import F, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from backend.geo import srid

logger = logging.getLogger("backend.geo")

CDN = "https://cdn.jsdelivr.net/npm/ol@"
SCRIPT = Path(gis.__file__).parent / "static/gis/js/OLMapWidget.js"
# The script that map-widget.js builds on, by its sha256. In a release with another script, the
# widget may work differently, so it is left alone.
KNOWN = "25d649b57e043ffa6986c8f1b3b12765d7c718cd6ce59b27d4c437f090d4d094"
TEMPLATE = "backend/map_widget.html"
# OSMWidget's longitude, latitude, and zoom if a team sets none. They stay on the class, for a
# team's own templates that extend Django's.
DJANGOS_PLACE = (5, 47, 12)
# Rows that an empty map of the admin begins at: enough to see where a team works, and few enough to
# read, whatever their shapes are.
LATEST = 50


def install() -> None:
    """Let the widgets use the image's OpenLayers, and no tile server."""
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
    if apps.is_installed("django.contrib.admin"):
        _tell_rows_to_widgets()


def _tell_rows_to_widgets() -> None:
    """Let the admin's widgets know the rows that the user sees, because a map begins there."""
    from django.contrib.admin.options import BaseModelAdmin  # needs the registry of apps
    from django.contrib.gis.admin.options import GeoModelAdminMixin  # no super() for a geometry

    for admin in (BaseModelAdmin, GeoModelAdminMixin):
        setattr(admin, "formfield_for_dbfield", _with_rows(admin.formfield_for_dbfield))  # noqa: B010


def _with_rows(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def formfield_for_dbfield(self: Any, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = original(self, db_field, request, **kwargs)
        widget = getattr(field, "widget", None)
        if isinstance(db_field, BaseSpatialField) and isinstance(widget, OpenLayersWidget):
            widget.attrs["rows_extent"] = _Extent(self, request, db_field)
        return field

    return formfield_for_dbfield


class _Extent:
    """Queries the database only if a map without a place needs it, and once for a whole page."""

    do_not_call_in_templates = True

    def __init__(self, admin: Any, request: Any, field: BaseSpatialField[Any, Any]) -> None:
        self.admin, self.request, self.field = admin, request, field

    @functools.cached_property
    def text(self) -> str:
        admin, request, model = self.admin, self.request, self.field.model
        # An inline has the rows of all parents, and Django shows only those of the page's own.
        if hasattr(admin, "parent_model") or not admin.has_view_permission(request):
            return ""
        may_view = functools.partial(admin.has_view_permission, request)
        try:
            # A form with errors is shown within a transaction, which a failed query would end.
            with transaction.atomic(using=router.db_for_write(model)):
                return latest_extent(admin.get_queryset(request), self.field, may_view)
        # Django's form does not read the rows, so it works whatever the team's code or the database
        # raises.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "The map for a new row of %s shows the world, because the latest rows cannot be "
                "read: %r",
                model._meta.label,
                error,
            )
            return ""


def latest_extent(
    rows: QuerySet[Any], field: BaseSpatialField[Any, Any], may_view: Callable[[Any], bool]
) -> str:
    """West, south, east, and north of the latest rows, in degrees. Empty if there are none."""
    # PostGIS can make an envelope of curves, which GEOS cannot read. A geography has no envelope.
    shape = F(field.name) if field.geography else Envelope(field.name)
    query = rows.query
    if query.is_sliced or query.combinator or query.distinct_fields:
        return ""  # these do not accept another order
    # Rows without a place are left out here, because the table may have millions of them.
    places = [each.name for each in rows.model._meta.fields if isinstance(each, BaseSpatialField)]
    latest = rows.defer(*places).order_by("-pk").annotate(rows_extent=shape)[:LATEST]
    shapes = [row.rows_extent for row in latest if may_view(row)]
    boxes = [Polygon.from_bbox(each.extent) for each in shapes if each and not each.empty]
    system = max(field.srid, 0) or srid.WGS84  # without one, they count as degrees
    box = srid.lonlat(rows.db, system, MultiPolygon(boxes).extent) if boxes else None
    return ",".join(f"{degrees:.6f}" for degrees in box or ())


def place_attributes(
    lon: float | str | None,
    lat: float | str | None,
    zoom: float | str | None,
    rows_extent: _Extent | str = "",
) -> SafeString | str:
    """``data-lon``, ``data-lat`` and ``data-zoom``, or ``data-extent``: where a map begins.

    The map begins at a place that the team has set, otherwise at the latest rows, and otherwise
    shows the world. Django's own place is in France. Widgets other than OSMWidget have no place,
    and a template then passes empty strings.
    """
    place = (lon, lat, zoom)
    if place == DJANGOS_PLACE or None in place or "" in place:
        extent = rows_extent.text if isinstance(rows_extent, _Extent) else ""
        return format_html('data-extent="{}"', extent) if extent else ""
    return format_html('data-lon="{}" data-lat="{}" data-zoom="{}"', *map(str, place))


def _own(url: str) -> str:
    return f"backend/ol/{url.rpartition('/')[2]}" if url.startswith(CDN) else url
