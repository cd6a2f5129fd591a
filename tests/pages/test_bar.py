"""The bar of all pages: the user that it names, and the users that can log out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import shell

ADMIN = """
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView


class Here(APIView):
    def get(self, request):
        return Response({})


urlpatterns = [path("here/", Here.as_view())]
"""
REST_FRAMEWORK = f"""{ADMIN}
urlpatterns += [path("accounts/", include("rest_framework.urls"))]
"""
# Works without collectstatic.
STORAGES = """
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
"""
PAGES = """
import json, re
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
users = {
    "user": User.objects.create(username="ada"),
    "staff": User.objects.create(username="bob", is_staff=True),
    "nameless": User.objects.create(username="", is_staff=True),
}
seen = {}
for kind, user in users.items():
    client = Client(headers={"accept": "text/html"})
    client.force_login(user)
    page = client.get("/here/").content.decode()
    bar = re.search('<header class="site-bar">.*?</header>', page, re.DOTALL)[0]
    form = re.search('<form method="post" action="([^"]+)">.*Log out', bar)
    if form:
        client.post(form[1])
    is_out = "_auth_user_id" not in client.session
    seen[kind] = [user.username in bar, "Log in" in bar, bool(form), is_out]
print(json.dumps(seen))
"""
# A team's own admin, which lets everyone in.
OPEN_ADMIN = f"""{ADMIN}
from django.contrib.admin import AdminSite


class Site(AdminSite):
    def has_permission(self, request):
        return request.user.is_active


urlpatterns += [path("own-admin/", Site().urls)]
"""
STAYS, LOGS_OUT = [True, False, False, False], [True, False, True, True]


@pytest.mark.parametrize(
    ("urls", "of_user"),
    [(ADMIN, STAYS), (OPEN_ADMIN, LOGS_OUT), (REST_FRAMEWORK, LOGS_OUT)],
    ids=["admin", "open admin", "REST framework"],
)
def test_bar_names_the_user_and_has_a_button_only_if_it_logs_out(
    project: Path, urls: str, of_user: list[bool]
) -> None:
    write(project, {"local_settings/urls.py": urls, "local_settings/settings.py": STORAGES})
    (project / "data").mkdir()
    seen = json.loads(shell(project, PAGES))
    assert seen == {"user": of_user, "staff": LOGS_OUT, "nameless": LOGS_OUT}


LOGIN = """
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
client = Client()
client.force_login(User.objects.create(username="ada"))
print(client.get("/admin/", follow=True).content.decode())
"""


def test_login_of_the_admin_has_a_way_home_for_users_whom_it_refuses(project: Path) -> None:
    write(project, {"local_settings/settings.py": STORAGES})
    (project / "data").mkdir()
    page = shell(project, LOGIN)
    assert "You are authenticated as ada" in page
    assert 'href="/">View site</a>' in page


ERRORS = """
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.urls import path


def refuse(request):
    raise PermissionDenied


def doubt(request):
    raise SuspiciousOperation


def fail(request):
    raise RuntimeError


urlpatterns = [path("403/", refuse), path("400/", doubt), path("500/", fail)]
"""
ERROR_PAGES = """
import json, re
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
client = Client(
    headers={"accept": "text/html"}, raise_request_exception=False, enforce_csrf_checks=True
)
user = User.objects.create(username="ada", is_staff=True)


def seen():
    answers = [client.get(f"/{status}/") for status in (400, 403, 404, 500)]
    answers.append(client.post("/admin/login/"))  # without a token
    seen = []
    for answer in answers:
        bar = re.search("<header.*?</header>", answer.content.decode(), re.DOTALL)[0]
        words = [word in bar for word in ("ada", "Log in", "Log out")]
        seen.append([answer.status_code, *words, "Cookie" in answer.headers.get("Vary", "")])
    return seen


pages = {"anonymous": seen()}
client.force_login(user)
pages["user"] = seen()
Session.objects.model._meta.db_table = "missing"
pages["broken"] = seen()
print(json.dumps(pages))
"""


LANDING = """
import json
from django.contrib.auth.models import User
from django.core.management import call_command
from django.conf import settings
from django.test import Client

settings.ALLOWED_HOSTS = ["*"]
call_command("migrate", verbosity=0)
client = Client(headers={"accept": "text/html"})


def seen():
    page = client.get("/")
    words = [word in page.content.decode() for word in ("ada", "Log in")]
    return [page.status_code, *words, page.headers.get("Cache-Control")]


pages = {"anonymous": seen()}
client.force_login(User.objects.create(username="ada", is_staff=True))
pages["user"] = seen()
User.__str__ = lambda user: user.profile.name  # a team's, for a user without a profile
pages["faulty user"] = seen()
print(json.dumps(pages))
"""


def test_landing_page_names_a_user_to_nobody_else_and_bears_a_faulty_one(project: Path) -> None:
    write(project, {"local_settings/settings.py": STORAGES})
    (project / "data").mkdir()
    assert json.loads(shell(project, LANDING).splitlines()[-1]) == {
        "anonymous": [200, False, True, None],
        "user": [200, True, False, "private"],
        "faulty user": [200, False, True, None],
    }


def test_error_pages_are_the_same_for_everyone_and_need_no_session(project: Path) -> None:
    write(project, {"local_settings/urls.py": ERRORS, "local_settings/settings.py": STORAGES})
    (project / "data").mkdir()
    seen = json.loads(shell(project, ERROR_PAGES).splitlines()[-1])
    statuses = [400, 403, 404, 500, 403]
    page = [[status, False, True, False, False] for status in statuses]
    assert seen == dict.fromkeys(("anonymous", "user", "broken"), page)
