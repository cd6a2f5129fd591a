"""Maps on pages that a team or a tile server changes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.broken import write
from tests.support.projects import shell

TILES = "https://{a-c}.tiles.example.org/{z}/{x}/{y}.png"
URLS = """
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView


class Here(APIView):
    def get(self, request):
        return Response({"type": "Point", "coordinates": [1, 2]})


urlpatterns = [path("here/", Here.as_view())]
"""
PAGE = """
from django.conf import settings
from django.test import Client

settings.ALLOWED_HOSTS = ["*"]
print(Client(headers={"accept": "text/html"}).get("/here/").content.decode())
"""
# Needs no collected files.
STORAGES = """
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
"""
# With these, Django finds REST framework's templates before the backend's.
TEAM = f"""{STORAGES}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
"""


def test_map_of_a_response_works_if_a_team_replaced_installed_apps(project: Path):
    write(project, {"local_settings/urls.py": URLS, "local_settings/settings.py": TEAM})
    page = shell(project, PAGE)
    assert 'class="response-map"' in page
    assert "rest_framework/js/default.js" in page
    assert '<a class="site-name" href="/">' in page


def test_template_of_a_team_is_kept_and_gets_the_map(project: Path):
    settings = (
        f'{TEAM}\nfrom backend.hacko_settings import TEMPLATES\nTEMPLATES[0]["DIRS"] = ["ours"]\n'
    )
    ours = '{% extends "rest_framework/base.html" %}{% block branding %}Ours{% endblock %}'
    files = {"local_settings/urls.py": URLS, "local_settings/settings.py": settings}
    write(project, {**files, "ours/rest_framework/api.html": ours})
    page = shell(project, PAGE)
    assert "Ours" in page
    assert "site-name" not in page.partition("</head>")[2]
    assert "Django REST framework\n" not in page
    assert 'class="response-map"' in page


def test_renderer_of_a_team_keeps_its_own_template(project: Path):
    renderer = """
from rest_framework.renderers import BrowsableAPIRenderer


class Plain(BrowsableAPIRenderer):
    template = "plain.html"


Here.renderer_classes = [Plain]
"""
    settings = (
        f'{TEAM}\nfrom backend.hacko_settings import TEMPLATES\nTEMPLATES[0]["DIRS"] = ["ours"]\n'
    )
    files = {"local_settings/urls.py": URLS + renderer, "local_settings/settings.py": settings}
    write(project, {**files, "ours/plain.html": "Plain"})
    assert shell(project, PAGE) == "Plain"


WIDGET = """
import json
from django.conf import settings
from django.contrib.gis import forms
from backend.geo.background import tile_origin
from backend.pages.policy import policy_with_scripts


class Own(forms.OSMWidget):
    default_lon, default_lat, default_zoom = -122.6, 45.5, 11


class OwnTemplate(forms.OpenLayersWidget):
    template_name = "own.html"


class OnDjangosTemplate(forms.OSMWidget):
    template_name = "gis/openlayers-osm.html"


print(json.dumps({
    "osm": forms.OSMWidget({"geom_type": "POINT"}).render("place", None, {"id": "id_place"}),
    "own": Own({"geom_type": "POINT"}).render("place", None, {"id": "id_place"}),
    "on_djangos": OnDjangosTemplate().render("place", None, {"id": "id_place"}),
    "template": OwnTemplate.template_name,
    "media": str(forms.OSMWidget().media + forms.OpenLayersWidget().media),
    "policy": policy_with_scripts(images=tile_origin()),
}))
"""


def widget(project: Path, **env: str) -> dict[str, str]:
    write(project, {"local_settings/settings.py": STORAGES})
    return json.loads(shell(project, WIDGET, **env))


def images(policy: str) -> list[str]:
    """What a policy allows as sources of images."""
    (sources,) = [part for part in policy.split("; ") if part.startswith("img-src ")]
    return sources.split()


def test_form_widgets_send_no_requests_to_other_hosts(project: Path):
    made = widget(project)
    assert "//" not in made["media"] + made["osm"]
    assert "data-land=" in made["osm"]
    assert "data-lon" not in made["osm"]


def test_maps_can_show_the_streets_of_openstreetmap(project: Path):
    made = widget(project)
    assert " data-streets " in made["osm"]
    assert images(made["policy"])[-1] == "https://tile.openstreetmap.org"


def test_maps_have_no_streets_if_the_operator_says_so(project: Path):
    made = widget(project, MAP_TILE_URL="none")
    assert "data-land=" in made["osm"]
    assert "data-streets" not in made["osm"]
    assert "data-tile-url" not in made["osm"]
    assert images(made["policy"])[-1] == "blob:"


def test_widget_of_a_team_keeps_its_place_and_its_template(project: Path):
    made = widget(project)
    assert 'data-lon="-122.6" data-lat="45.5" data-zoom="11"' in made["own"]
    assert made["template"] == "own.html"
    # Such a template writes a number into a script.
    assert "options['default_lon'] = 5;" in made["on_djangos"]


def test_tile_server_is_on_maps_and_allowed_by_their_policy(project: Path):
    made = widget(project, MAP_TILE_URL=TILES, MAP_TILE_ATTRIBUTION='© "Tiles" & more')
    assert f'data-tile-url="{TILES}"' in made["osm"]
    assert 'data-tile-attribution="© &quot;Tiles&quot; &amp; more"' in made["osm"]
    assert "data-land" not in made["osm"]
    assert "data-streets" not in made["osm"]
    assert images(made["policy"])[-1] == "https://*.tiles.example.org"


FORM = """
import json
from types import SimpleNamespace
from django.contrib.gis.db import models
from django.contrib.gis.geos import Point
from rest_framework import serializers
from rest_framework_gis.serializers import GeoFeatureModelSerializer


class Bridge(models.Model):
    slug = models.SlugField(primary_key=True)
    type = models.TextField()
    properties = models.JSONField()
    geom = models.PointField()

    class Meta:
        app_label = "ours"


class Owner(serializers.Serializer):
    city = serializers.CharField()


class BridgeSerializer(GeoFeatureModelSerializer):
    owner = Owner()

    class Meta:
        model = Bridge
        geo_field = "geom"
        fields = ["slug", "type", "properties", "owner"]


def values(serializer):
    # The values of the form's fields, as its templates get them.
    fields = [*serializer]
    fields += fields.pop([field.name for field in fields].index("owner"))
    return {field.name: str(field.as_form_field().value) for field in fields}


bridge = Bridge(slug="steel", type="lift", properties={"decks": 2}, geom=Point(1, 2))
bridge.owner = SimpleNamespace(city="Portland")
sent = {"slug": "no slug", "type": "swing", "properties": {"decks": 1}}
changed = BridgeSerializer(bridge, sent)
changed.is_valid()
print(json.dumps([values(BridgeSerializer(bridge)), values(changed)]))
"""


def test_form_of_a_feature_has_the_row_where_fields_are_named_like_its_members(project: Path):
    write(project, {"local_settings/settings.py": STORAGES})
    row, refused = json.loads(shell(project, FORM))
    assert json.loads(row.pop("geom")) == {"type": "Point", "coordinates": [1, 2]}
    assert json.loads(row.pop("properties")) == {"decks": 2}
    assert row == {"slug": "steel", "type": "lift", "owner.city": "Portland"}
    # The form shows what the client sent, so that it can be corrected.
    assert (refused["slug"], refused["type"]) == ("no slug", "swing")
    assert json.loads(refused["properties"]) == {"decks": 1}


REFUSAL = """
from django.contrib.auth.models import User
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response
from backend.geo.maps import MapRenderer

request = Request(RequestFactory().get("/stops/map/"))
request.user = User(username="ada")
response = Response(status=400)
response.exception = True
context = {"request": request, "response": response}
data = {"in_bbox": ["Give four numbers."], "route": ["Enter a number.", "Or none."]}
print(MapRenderer().render(data, context=context))
"""


def test_page_of_a_refused_map_says_why_and_names_the_user(project: Path):
    write(project, {"local_settings/settings.py": STORAGES})
    page = shell(project, REFUSAL)
    assert "<h1>400 Bad Request</h1>" in page
    assert "<p>in_bbox: Give four numbers. route: Enter a number. Or none.</p>" in page
    assert "<span>ada</span>" in page
    assert "Log in</a>" not in page
