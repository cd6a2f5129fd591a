"""The cards of the landing page: what they show, and to whom."""

from __future__ import annotations

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

    And more that no card has room for.
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
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from backend.pages import resources

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
user = User.objects.create_user("ada")
Group.objects.bulk_create(Group(name=str(number)) for number in range(1200))
user.groups.add(Group.objects.first())
client = Client()
print(client.get("/").content.decode())
client.force_login(user)
print("LOGGED IN", client.get("/?name=1").content.decode())
resources.MOST_ROWS = 1000
print("MANY", client.get("/").content.decode())
"""
CARD = re.compile(
    r'<h2>([^<]+?)(?: <span class="rows">([^<]+)</span>)?</h2>\s*'
    r'<a class="path" href="([^"]+)">.*?</a>\s*(?:<p>(.*?)</p>\s*)?'
    r'<div class="actions">(.*?)</div>'
)


@pytest.fixture
def pages(project: Path) -> list[str]:
    """As somebody sees it, as a user does, and where more rows are than are counted."""
    write(project, {"local_settings/urls.py": URLS})
    (project / "data").mkdir()
    text = shell(project, PAGE)
    return re.split("LOGGED IN|MANY", text)


def rows(page: str) -> dict[str, str]:
    return {path: rows for _, rows, path, _, _ in CARD.findall(page)}


def test_each_list_has_a_card_with_what_its_visitor_may_see(pages: list[str]) -> None:
    anonymous, user, many = pages
    cards = {path: (title, text) for title, _, path, text, _ in CARD.findall(anonymous)}
    assert cards == {
        "/api/bare/": ("Bare", ""),
        "/api/by-tenant/": ("By tenant", ""),
        "/api/groups/": ("Groups", "Who belongs together."),
        "/api/own_groups/": ("Own groups", ""),
        "/api/plain/": ("Plain", ""),
        "/api/private-groups/": ("Private groups", ""),
    }
    # A team's own steps before a list choose its rows: only the list tells.
    known = {"/api/by-tenant/": "", "/api/groups/": "1,200 rows", "/api/plain/": "0 rows"}
    known["/api/bare/"] = "0 rows"
    assert rows(anonymous) == {**known, "/api/own_groups/": "", "/api/private-groups/": ""}
    own = {"/api/own_groups/": "1 row", "/api/private-groups/": "1,200 rows"}
    assert rows(user) == {**known, **own}
    assert rows(many)["/api/groups/"] == "more than 1,000 rows"


def test_a_card_links_to_its_list_and_its_documentation_and_others_have_a_table(
    pages: list[str],
) -> None:
    links = {
        path: re.findall('href="([^"]+)"', links) for _, _, path, _, links in CARD.findall(pages[0])
    }
    assert links["/api/groups/"] == ["/api/groups/", "/redoc/#tag/groups"]
    (others,) = re.findall("<tbody>.*?</tbody>", pages[0].partition("Databases")[0], re.DOTALL)
    assert re.findall("<code>(.*?)</code>", others) == ["/api/here/"]
