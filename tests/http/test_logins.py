"""Nobody can guess passwords, and pages that a team switches off do not exist."""

from __future__ import annotations

import re

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Container, Containers

pytestmark = pytest.mark.engine

URLS = """
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class Mine(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response()


urlpatterns = [path("mine/", Mine.as_view())]
"""
# As in most guides to logins by email: Django's backend refuses what this one accepts.
BACKENDS = """
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class EmailBackend(ModelBackend):
    def authenticate(self, request, username=None, password=None, **kwargs):
        if user := super().authenticate(request, username, password, **kwargs):
            return user
        user = User.objects.filter(email=username).first()
        return user if user and user.check_password(password) else None
"""
SETTINGS = """
from backend.hacko_settings import *

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "local_settings.backends.EmailBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
"""
USER = {
    "DJANGO_SUPERUSER_USERNAME": "ada",
    "DJANGO_SUPERUSER_PASSWORD": "right-Zq8vX2mP7",
    "DJANGO_SUPERUSER_EMAIL": "ada@example.org",
    "WEB_CONCURRENCY": "2",
    "BEHIND_PROXY": "true",
    "ALLOWED_HOSTS": "*",
}


def basic(api: Container, name: str, password: str, address: str) -> int:
    headers = {"X-Forwarded-For": address}
    url = api.url("/mine/")
    return requests.get(url, auth=(name, password), headers=headers, timeout=30).status_code


def log_in(api: Container, password: str, address: str) -> bool:
    with requests.Session() as session:
        session.headers["X-Forwarded-For"] = address
        page = session.get(api.url("/admin/login/"), timeout=30)
        # The session does not send these cookies, because they are only for HTTPS.
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        cookie = re.search(r"csrftoken=(\w+)", page.headers["Set-Cookie"])[1]
        form = {"username": "ada", "password": password, "csrfmiddlewaretoken": token}
        answer = session.post(
            api.url("/admin/login/"),
            data=form,
            headers={"Cookie": f"csrftoken={cookie}"},
            allow_redirects=False,
            timeout=30,
        )
    return answer.status_code == 302


def test_wrong_passwords_are_counted_across_workers_and_ways_to_log_in(containers, tmp_path):
    containers.may_log("A login is refused")
    files = {"urls.py": URLS, "settings.py": SETTINGS, "backends.py": BACKENDS}
    write(tmp_path / "local_settings", files)
    mounts = {tmp_path / "local_settings": "/code/local_settings:ro"}
    api = containers.start(env=USER, mounts=mounts).wait_until_ready()
    right, email = USER["DJANGO_SUPERUSER_PASSWORD"], USER["DJANGO_SUPERUSER_EMAIL"]
    # Correct passwords do not count, whichever backend accepts them.
    assert [basic(api, email, right, "192.0.2.1") for _ in range(12)] == [200] * 12
    assert [basic(api, "ada", f"wrong-{n}", "192.0.2.1") for n in range(9)] == [403] * 9
    assert basic(api, "ada", right, "192.0.2.1") == 200
    assert basic(api, "ada", "wrong-9", "192.0.2.1") == 403
    # Then even the correct one fails, in both ways to log in, and a forged address does not help.
    assert basic(api, "ada", right, "192.0.2.1") == 403
    assert basic(api, "Ada", right, "203.0.113.9, 192.0.2.1") == 403
    assert not log_in(api, right, "192.0.2.1")
    api.wait_for_log("A login is refused: 10 wrong passwords in 300 s.")
    # Nobody else is locked out.
    assert basic(api, "ada", right, "192.0.2.2") == 200
    assert log_in(api, right, "192.0.2.2")


def test_admin_documentation_and_basic_can_be_switched_off(containers: Containers, tmp_path):
    write(tmp_path / "local_settings", {"urls.py": URLS})
    mounts = {tmp_path / "local_settings": "/code/local_settings:ro"}
    off = {"SERVE_ADMIN": "false", "SERVE_DOCS": "false", "BASIC_AUTH": "false"}
    api = containers.start(env={**USER, **off}, mounts=mounts).wait_until_ready()
    for path in ("/admin/", "/admin/login/", "/swagger/", "/redoc/", "/swagger.json"):
        assert api.get(path).status_code == 404, path
    page = api.get("/")
    assert page.status_code == 200
    assert "swagger" not in page.text
    assert "/admin/" not in page.text
    answer = requests.get(
        api.url("/mine/"), auth=("ada", USER["DJANGO_SUPERUSER_PASSWORD"]), timeout=30
    )
    assert answer.status_code == 403
    assert "WWW-Authenticate" not in answer.headers
