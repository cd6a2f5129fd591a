"""The cards of the landing page: what they show, and to whom."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import shell

URLS = '''
from django.contrib.auth.models import Group, Permission, User
from django.urls import include, path
from rest_framework import generics, permissions, routers, serializers, views, viewsets


class GroupSerializer(serializers.ModelSerializer):
    class Meta:
        model, fields = Group, ["id", "name"]


class Groups(viewsets.ModelViewSet):
    """Who belongs together.

    A card leaves out the rest.
    """

    queryset = Group.objects.all()
    serializer_class = GroupSerializer


class Private(Groups):
    permission_classes = [permissions.IsAuthenticated]


class Own(Groups):
    def get_queryset(self):
        return Group.objects.filter(user=self.request.user)


class ByTenant(Groups):
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)


class Plain(generics.ListAPIView):
    queryset = Permission.objects.filter(pk__lt=0)
    serializer_class = GroupSerializer


class Here(views.APIView):
    def get(self, request):
        raise NotImplementedError


router = routers.DefaultRouter()
router.register("groups", Groups)
router.register("private-groups", Private, basename="private")
router.register("own_groups", Own, basename="own")
router.register("by-tenant", ByTenant, basename="tenant")
urlpatterns = [
    path("api/", include(router.urls)),
    path("api/plain/", Plain.as_view()),
    path("api/bare/", generics.ListAPIView.as_view(queryset=Permission.objects.none())),
    path("api/here/", Here.as_view()),
]
'''
PAGE = """
import json
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
user = User.objects.create_user("ada")
user.groups.add(Group.objects.create(name="first"))
client = Client()
print(client.get("/").content.decode())
client.force_login(user)
with CaptureQueriesContext(connection) as queries:
    print("LOGGED IN", client.get("/?name=1").content.decode())
print("ASKED", json.dumps([query["sql"] for query in queries if "auth_" in query["sql"]]))
"""
CARD = re.compile(
    r'<li class="card">\s*<h2>([^<]+?)</h2>\s*'
    r'<a class="path" href="([^"]+)">.*?</a>\s*(?:<p>(.*?)</p>\s*)?'
    r'<div class="actions">(.*?)</div>'
)


@pytest.fixture
def pages(project: Path) -> list[str]:
    """The page without a login, the page with one, and the queries on the tables for the latter."""
    write(project, {"local_settings/urls.py": URLS})
    (project / "data").mkdir()
    text = shell(project, PAGE)
    return re.split("LOGGED IN|ASKED", text)


def test_each_list_has_a_card_and_the_page_itself_shows_no_rows(pages: list[str]) -> None:
    anonymous, user, asked = pages
    cards = {path: (title, text) for title, path, text, _ in CARD.findall(anonymous)}
    assert cards == {
        "/api/bare/": ("Bare", ""),
        "/api/by-tenant/": ("By tenant", ""),
        "/api/groups/": ("Groups", "Who belongs together."),
        "/api/own_groups/": ("Own groups", ""),
        "/api/plain/": ("Plain", ""),
        "/api/private-groups/": ("Private groups", ""),
    }
    bar = re.compile("<header.*?</header>", re.DOTALL)
    assert bar.sub("", user).strip() == bar.sub("", anonymous).strip()
    (query,) = json.loads(asked)
    assert 'FROM "auth_user"' in query


def test_bar_of_the_page_names_the_visitor(pages: list[str]) -> None:
    anonymous, user, _ = pages
    assert "Log in</a>" in anonymous
    assert "<span>ada</span>" in user
    assert "Log in</a>" not in user


def test_a_card_links_to_its_list_and_its_documentation_and_others_have_a_table(
    pages: list[str],
) -> None:
    links = {
        path: re.findall('href="([^"]+)"', links) for _, path, _, links in CARD.findall(pages[0])
    }
    assert links["/api/groups/"] == ["/api/groups/", "/redoc/#tag/groups"]
    (others,) = re.findall("<tbody>.*?</tbody>", pages[0].partition("Databases")[0], re.DOTALL)
    assert re.findall("<code>(.*?)</code>", others) == ["/api/here/"]
