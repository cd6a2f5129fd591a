"""A viewset's tiles on a map: as a separate page, and on the browsable API's lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, get_script_prefix
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from backend.geo import background
from backend.http.negotiation import FormatsMixin
from backend.lists.parameters import KnownParametersMixin, unwatched
from backend.pages.bar import bar_for_visitor
from backend.pages.landing import render
from backend.pages.names import plural
from backend.pages.policy import policy_with_scripts

if TYPE_CHECKING:
    from rest_framework.viewsets import GenericViewSet

    from backend.geo.tile_sql import Layer

    _ViewSet = GenericViewSet[Any]
else:
    _ViewSet = object

# Pages that show the rows of the list. Their action is set to ``list``, so that they have its
# serializer, queryset, permissions, and throttles.
PAGES_OF_LIST = ("tiles", "tile", "map")
# Attributes of a paginator for parameters that choose a page, and do not change what a map shows.
PAGE_PARAMETERS = (
    *("limit_query_param", "offset_query_param", "page_query_param"),
    *("page_size_query_param", "cursor_query_param"),
)


class MapRenderer(BaseRenderer):
    """The page of ``MapMixin.map``."""

    media_type = "text/html"
    format = "html"
    charset = "utf-8"

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> str:
        response, request = context["response"], context["request"]
        page: dict[str, Any] = {
            "home": get_script_prefix(),
            "bar": bar_for_visitor(request),
            "assets": assets(),
            "background": background.attributes(),
        }
        if response.exception:
            page["error"] = f"{response.status_code} {response.status_text}"
            page["detail"] = _messages(data or "")
        else:
            page |= data or {}
        response["Content-Security-Policy"] = policy_with_scripts(images=background.tile_origin())
        return render("map.html", page)


def _messages(errors: Any) -> str:
    """The messages of an error, each with the name of its parameter."""
    if not isinstance(errors, Mapping):
        return " ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
    if "detail" in errors:
        return _messages(errors["detail"])
    return " ".join(f"{name}: {_messages(each)}" for name, each in errors.items())


class MapBrowsableAPIRenderer(BrowsableAPIRenderer):
    """Lists with a map of the rows that the same filters select."""

    template = "backend/api.html"

    def get_context(
        self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]
    ) -> dict[str, Any]:
        context = super().get_context(data, accepted_media_type, renderer_context)
        view, response = renderer_context["view"], renderer_context["response"]
        # On another page, the map would show different rows than the page.
        if response.status_code == 200 and view.request.method == "GET" and view.action == "list":
            context["map"] = view.get_map()
            context["map_assets"] = assets()
        return context


class MapMixin(FormatsMixin, KnownParametersMixin, _ViewSet):
    """Adds the page ``map`` to a viewset with tiles. It is a part of ``TilesMixin``."""

    # The one of PAGES_OF_LIST that this request asks for, or None.
    list_page: str | None = None

    if TYPE_CHECKING:

        def get_tile_layer(self) -> Layer: ...

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        request = super().initialize_request(request, *args, **kwargs)
        if self.action in PAGES_OF_LIST:
            self.list_page, self.action = self.action, "list"
        return request

    @action(
        detail=False,
        renderer_classes=[MapRenderer],
        pagination_class=None,
        schema=None,  # a page for people is not an endpoint of the API
    )
    def map(self, request: Request, **kwargs: Any) -> Response:
        """A map of what the viewset shows, for the same filters."""
        self.get_tile_layer().columns()  # raises the reason if there can be no tiles
        shown = self.get_map()
        if shown is None:
            raise ImproperlyConfigured(
                f"{type(self).__name__} has no URL for its tiles. Register it with a router from "
                "REST framework."
            )
        return Response(shown)

    def get_map(self) -> dict[str, str] | None:
        """Title, and the URLs of TileJSON, list, and map. None if there can be no map."""
        try:
            self.get_tile_layer().columns()
            urls = {name: self.page_url(name) for name in ("tiles", "list", "map")}
        except (NoReverseMatch, ImproperlyConfigured, APIException):
            return None
        query = self.tile_query()
        return {
            "title": plural(self.get_queryset().model),
            "filters": query.lstrip("?"),
            **{name: url + query for name, url in urls.items()},
        }

    def get_extra_action_url_map(self) -> dict[str, str]:
        """Without the browsable API's `?format=api`, which maps and tiles do not have.

        It leaves out the pages that would refuse this request.
        """
        pages = super().get_extra_action_url_map()
        refused = set()
        if self.action == "list" and self.get_map() is None:
            actions: list[Any] = self.get_extra_actions()
            ours = [one for one in actions if one.__name__ in ("tiles", "map")]
            refused = {type(self)(**one.kwargs).get_view_name() for one in ours}
        return {name: url.partition("?")[0] for name, url in pages.items() if name not in refused}

    def page_url(self, name: str, **kwargs: str) -> str:
        """The absolute URL of another page of this viewset. Raises NoReverseMatch."""
        above = {key: value for key, value in self.kwargs.items() if key not in ("format", *"zxy")}
        # REST framework adds the request's `?format=`.
        return self.reverse_action(name, kwargs={**above, **kwargs}).partition("?")[0]

    def tile_query(self) -> str:
        """The request's parameters that decide what is shown, without those of format and page."""
        parameters = unwatched(self.request.query_params)
        paginator = type(self).pagination_class
        others = [getattr(paginator, name, None) for name in PAGE_PARAMETERS]
        for name in filter(None, (api_settings.URL_FORMAT_OVERRIDE, *others)):
            parameters.pop(name, None)
        return f"?{parameters.urlencode()}" if parameters else ""

    def get_renderers(self) -> list[BaseRenderer]:
        """Adds a map to the browsable API, if it is REST framework's own."""
        renderers = super().get_renderers()
        if not apps.is_installed("backend"):  # its templates would not be found
            return renderers
        return [
            MapBrowsableAPIRenderer() if type(renderer) is BrowsableAPIRenderer else renderer
            for renderer in renderers
        ]


def assets() -> dict[str, str]:
    """The URLs of the map's static files."""
    names = {"ol": "ol/ol.js", "ol_style": "ol/ol.css", "style": "map.css"}
    names |= {"base": "map-base.js", "rows": "rows.js", "script": "map.js"}
    return {key: static(f"backend/{name}") for key, name in names.items()}
