"""Prints every answer of the project under the settings of the environment, as JSON."""

import json
import logging

import django

django.setup()
logging.disable()

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import setup_test_environment
from rest_framework.test import APIClient, APIRequestFactory

from shop import urls
from shop.models import Item

HEADERS = (
    *("Content-Type", "Allow", "Vary", "Location", "WWW-Authenticate", "Retry-After"),
    *("Content-Disposition", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy"),
    *("Cross-Origin-Opener-Policy", "ETag", "Cache-Control"),
)
setup_test_environment(debug=False)
connection.creation.create_test_db(verbosity=0)
admin = User.objects.create_superuser("admin", password="admin")
for number in range(5):
    Item.objects.create(name=f"n{number}", price=number, made=f"2024-01-0{number + 1}T00:00:00Z")
NEW = {"name": "new", "price": "1.50", "made": "2024-02-01T00:00:00Z", "tags": [1]}
answers = {}


def ask(method, path, data=None, user=None, kind="json", **headers):
    client = APIClient(raise_request_exception=False)
    if user:
        client.force_login(user)
    given = {} if data is None else {"data": data, "format": kind}
    answer = (
        client.generic(method, path, headers=headers)
        if data is None
        else getattr(client, method.lower())(path, headers=headers, **given)
    )
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if "html" in answer.get("Content-Type", ""):
        body = b"page"  # its links and tokens are the settings' own
    who = "admin" if user else "anonymous"
    name = f"{method} {path} {kind if data is not None else ''} {headers or ''} {who}"
    shown = {header: answer[header] for header in HEADERS if header in answer}
    answers[" ".join(name.split())] = [answer.status_code, shown, body.decode()]


for name in (*urls.VIEWSETS, "mixed"):
    for user in (None, admin):
        ask("GET", f"/api/{name}/", user=user)
        ask("POST", f"/api/{name}/", {"name": "too long for its field" * 2}, user=user)
    ask("HEAD", f"/api/{name}/")
    ask("OPTIONS", f"/api/{name}/")
    ask("DELETE", f"/api/{name}/")
    ask("GET", f"/api/{name}/1/")
    ask("GET", f"/api/{name}/999/")
    ask("GET", f"/api/{name}/1/double/")
    ask("GET", f"/api/{name}/cheapest/")
    ask("GET", f"/api/{name}/", Accept="text/html")
    ask("GET", f"/api/{name}/", Accept="application/xml")
    ask("GET", f"/api/{name}.json")
    ask("GET", f"/api/{name}/?page=2&limit=3&offset=1&search=n1&ordering=-price&version=2")
ask("GET", "/api/")
for view in urls.GENERICS:
    for method, data in (("GET", None), ("POST", NEW), ("PUT", NEW), ("PATCH", NEW)):
        ask(method, f"/generics/{view.__name__}/1/", data)
    ask("DELETE", f"/generics/{view.__name__}/99/")
for kind in ("json", "multipart"):
    ask("POST", "/echo/", {"a": "1"}, kind=kind)
ask("POST", "/echo/?a=1&a=2", [1, None, {"b": 1.5}])
for name in urls.RAISED:
    ask("GET", f"/raised/{name}/")
    ask("GET", f"/plain/raised/{name}/")
for method in ("GET", "PUT", "POST"):
    ask(method, "/function/")
for name in ("text", "json", "stream", "file", "list", "redirect", "slash"):
    ask("GET", f"/plain/{name}/")
ask("GET", "/plain/slash")
ask("GET", "/nothing/")
client = Client(enforce_csrf_checks=True)
client.force_login(admin)
answers["POST with a session and no token"] = [client.post("/api/open/", NEW).status_code, {}]
view = urls.Echo.as_view()
answer = view(APIRequestFactory().post("/echo/", {"a": 1}, format="json"))
answers["APIRequestFactory"] = [answer.status_code, {}, answer.data["data"]]
print("ANSWERS", json.dumps(answers))
