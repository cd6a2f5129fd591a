"""A rate of N allows exactly N concurrent requests to all workers, whatever a client claims."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Containers

pytestmark = pytest.mark.engine

SETTINGS = """
from backend.hacko_settings import *

REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"anon": "5/min"}}
"""
URLS = """
from django.urls import path
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.views import APIView


class Few(APIView):
    throttle_classes = [AnonRateThrottle]

    def get(self, request):
        return Response()


urlpatterns = [path("few/", Few.as_view())]
"""


@pytest.mark.parametrize("proxy", ["false", "true"])
def test_exactly_as_many_requests_pass_as_the_rate_allows(
    containers: Containers, tmp_path, proxy: str
):
    write(tmp_path / "local_settings", {"settings.py": SETTINGS, "urls.py": URLS})
    env = {"WEB_CONCURRENCY": "4", "BEHIND_PROXY": proxy, "DEBUG": "false"}
    mounts = {tmp_path / "local_settings": "/code/local_settings:ro"}
    api = containers.start(env=env, mounts=mounts).wait_until_ready()
    url = api.url("/few/")

    def ask(number: int) -> int:
        # The address that the client claims precedes the one that a proxy adds.
        claimed = f"203.0.113.{number}" + (", 192.0.2.9" if proxy == "true" else "")
        return requests.get(url, headers={"X-Forwarded-For": claimed}, timeout=30).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(ask, range(60)))
    assert (statuses.count(200), statuses.count(429)) == (5, 55)
    if proxy == "true":
        other = requests.get(url, headers={"X-Forwarded-For": "192.0.2.10"}, timeout=30)
        assert other.status_code == 200
