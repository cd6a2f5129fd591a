"""The same views, through every test client and request factory of Django and REST framework."""

from http.cookies import SimpleCookie

from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from rest_framework.test import (
    APIClient,
    APIRequestFactory,
    APITransactionTestCase,
    RequestsClient,
    force_authenticate,
)

from asking import note, note_django, note_response
from shop import pages, urls

GET = ("/pages/", "/pages/async/", "/pages/visits/", "/pages/nothing/", "/pages/download/")
GET += (
    "/pages/items/",
    "/pages/with-messages/",
    "/pages/login-required/",
    "/pages/chunks/",
    "/admin/",
)
GET += ("/api/open/", "/api/defaults/", "/api/users/", "/api/bypage/?page=2", "/pages/raised/bug/")
NEW = {"name": "of a client", "price": "1.50", "made": "2024-02-01T00:00:00Z"}


def ask_all(admin):
    for kind in (Client, APIClient):
        for username in ("anonymous", "admin"):
            client = kind(raise_request_exception=False)
            if username == "admin":
                client.force_login(admin)
            for path in GET:
                note_django(f"{kind.__name__}: {path} {username}", client.get(path, follow=True))
    asynchronous(admin)
    requests(admin)
    factories(admin)
    client = APIClient()
    client.force_authenticate(admin)
    note_django("APIClient.force_authenticate", client.post("/api/users/", NEW, format="json"))
    client.force_authenticate(None)
    note_django("APIClient of nobody again", client.get("/api/users/"))
    client.credentials(HTTP_AUTHORIZATION="Token " + "f" * 40)
    note_django("APIClient.credentials", client.get("/api/bytoken/"))
    client.logout()
    note_django("APIClient.logout", client.get("/api/bytoken/"))
    signed_in = Client().login(username="admin", password="admin")
    note("Client.login", [signed_in, Client().login(username="admin", password="wrong")])
    client = APIClient()
    note("request and context of an answer", of_answer(client.get("/pages/items/")))
    note(
        "assertion methods",
        sorted(each for each in dir(APITransactionTestCase) if "assert" in each),
    )


def of_answer(answer):
    names = [each.name for each in answer.templates]
    return [names, str(answer.resolver_match), answer.wsgi_request.path, len(answer.context)]


@async_to_sync
async def asynchronous(admin):
    for username in ("anonymous", "admin"):
        client = AsyncClient(raise_request_exception=False)
        if username == "admin":
            await client.aforce_login(admin)
        for path in GET:
            answer = await client.get(path, follow=True)
            if answer.streaming and answer.is_async:
                answer.streaming_content = [part async for part in answer]
            note_django(f"AsyncClient: {path} {username}", answer)


def requests(admin):
    client = RequestsClient()
    for path in GET:
        if path == "/pages/raised/bug/":
            continue  # it raises, as it would without the image
        answer = client.get(f"http://testserver{path}")
        note_response(f"RequestsClient: {path}", answer.status_code, answer.headers, answer.content)
    client.auth = ("admin", "admin")
    answer = client.post("http://testserver/api/basic/", json=NEW)
    note_response("RequestsClient: POST", answer.status_code, answer.headers, answer.content)
    note("RequestsClient: cookies", sorted(client.cookies.keys()))


def factories(admin):
    def shown(name, view, request, *args, **kwargs):
        answer = view(request, *args, **kwargs)
        answer.render() if hasattr(answer, "render") else None
        note_response(name, answer.status_code, answer.headers, answer.content, SimpleCookie())

    made = APIRequestFactory()
    for kind in ("json", "multipart"):
        shown(
            f"APIRequestFactory {kind}", urls.Echo.as_view(), made.post("/", {"a": 1}, format=kind)
        )
    for name in ("users", "defaults", "admins", "models"):
        view = type(name, (urls.Items,), urls.VIEWSETS[name]).as_view(
            {"get": "list", "post": "create"}
        )
        shown(f"APIRequestFactory {name}", view, made.get("/"))
        request = made.post("/", NEW, format="json")
        force_authenticate(request, user=admin)
        shown(f"force_authenticate {name}", view, request)
    request = RequestFactory().get("/", {"page": 2})
    request.user = AnonymousUser()
    for view in (pages.paged, pages.page, pages.Items.as_view(), urls.function, pages.where):
        name = getattr(view, "__name__", "") or type(view).__name__
        shown(f"RequestFactory {name}", view, request)
    waited = async_to_sync(pages.waiting)
    shown("AsyncRequestFactory", waited, AsyncRequestFactory().get("/"))
