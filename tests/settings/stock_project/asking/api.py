"""Every view of REST framework, as an anonymous user and as an administrator."""

from http.cookies import SimpleCookie

from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from asking import note_django
from shop import urls

NEW = {"name": "new", "price": "1.50", "made": "2024-02-01T00:00:00Z", "tags": [1]}
FORM = {"number": "1", "kinds": ["a", "b"], "tags[0]": "x", "tags[1]": "y", "sizes.small": "1.5"}
PAGES = {"Accept": "text/html"}
BASIC = {"right": "YWRtaW46YWRtaW4=", "wrong": "YWRtaW46d3Jvbmc=", "broken": "%%%"}


CLIENT = APIClient(raise_request_exception=False)  # its middleware is loaded once
LOGINS = {None: SimpleCookie()}


def log_in(user):
    CLIENT.cookies = SimpleCookie()
    CLIENT.force_login(user)
    LOGINS[user] = CLIENT.cookies


def ask(method, path, data=None, user=None, kind="json", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    client = CLIENT
    client.cookies = SimpleCookie(LOGINS[user].output(header="", sep=";"))
    send = getattr(client, method.lower())
    given = {} if data is None else {"data": data}
    if data is not None:
        given |= {"content_type": kind} if "/" in kind else {"format": kind}
    if data is None and method not in ("GET", "HEAD"):
        send, given = client.generic, {"method": method}
    answer = send(path=path, headers=headers, **given)
    username = user.username if user else "anonymous"
    what = (kind, str(data)[:60]) if data is not None else ()
    note_django(" ".join(map(str, (method, path, *what, headers or "", username))), answer)


def ask_all(admin):
    plain = User.objects.create_user("plain", password="plain")
    plain.user_permissions.set(Permission.objects.filter(codename__contains="_item"))
    log_in(plain)
    log_in(admin)
    viewsets(admin, plain)
    authentication(admin)
    bodies()
    pages(admin)
    negotiation()
    views()


def viewsets(admin, plain):
    for name in (*urls.VIEWSETS, "mixed"):
        path = f"/api/{name}/"
        for user in (None, plain, admin):
            ask("GET", path, user=user)
            ask("POST", path, {"name": "too long for its field" * 2}, user=user)
            ask("OPTIONS", path, user=user)
        ask("HEAD", path)
        ask("DELETE", path)
        ask("DELETE", f"{path}999/", user=admin)
        ask("GET", f"{path}1/")
        ask("GET", f"{path}1/", user=plain)
        ask("GET", f"{path}999/")
        ask("GET", f"{path}1/double/")
        ask("GET", f"{path}cheapest/")
        ask("GET", path, Accept="application/xml")
        ask("GET", path, Accept="application/json; indent=2; version=2.0")
        ask("GET", f"/api/{name}.json")
        ask("GET", f"{path}?page=2&limit=3&offset=1&search=n1&ordering=-price&version=2")
        ask("GET", f"{path}?page=last&size=99&limit=x&offset=-1&cursor=x&ordering=none")
    for query in ("page=end", "page=0", "size=0", "size=2&page=3"):
        ask("GET", f"/api/bychosenpage/?{query}")
    for query in ("limit=0", "limit=9", "offset=99"):
        ask("GET", f"/api/byshortoffset/?{query}")
    ask("GET", "/api/bynewest/?cursor=cD0yMDI0LTAxLTAzKzAwJTNBMDAlM0EwMCUyQjAwJTNBMDA%3D")
    ask("GET", "/api/")
    ask("GET", "/api/", user=admin, **PAGES)


def authentication(admin):
    key = Token.objects.create(user=admin, key="f" * 40).key
    for name in ("bytoken", "basic", "users", "bysession", "bynobody"):
        for token in (key, "0" * 40, ""):
            ask("GET", f"/api/{name}/", Authorization=f"Token {token}")
        for text in BASIC.values():
            ask("GET", f"/api/{name}/", Authorization=f"Basic {text}")
        ask("GET", f"/api/{name}/", Authorization="Bearer a b")
    client = APIClient(raise_request_exception=False)
    for name in ("byremoteuser", "users", "bytoken"):
        note_django(f"GET {name} of REMOTE_USER", client.get(f"/api/{name}/", REMOTE_USER="remote"))
    for password in ("admin", "wrong"):
        ask("POST", "/auth/token/", {"username": "admin", "password": password}, kind="multipart")
    for name in ("open", "bysession", "basic"):
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(admin)
        note_django(f"POST {name} with a session and no token", client.post(f"/api/{name}/", NEW))


def bodies():
    for kind in ("json", "multipart"):
        ask("POST", "/echo/", {"a": "1"}, kind=kind)
    ask("POST", "/echo/?a=1&a=2", [1, None, {"b": 1.5}])
    form = "application/x-www-form-urlencoded"
    ask("POST", "/echo/", "a=1&a=2&b=%00&c=%ff", kind=form)
    for text in ("{", "", "NaN", "[1e999]", '"\\ud800"', "[" * 300, '{"a": 1, "a": 2}', "\xff"):
        ask("POST", "/echo/", text, kind="application/json")
        ask("POST", "/strict/", text, kind="application/json")
    ask("POST", "/strict/", "a=1", kind=form)
    ask("POST", "/echo/", "a", kind="text/csv")
    ask("POST", "/echo/", "no boundary", kind="multipart/form-data")
    ask("POST", "/echo/", "--x\r\nbroken", kind="multipart/form-data; boundary=x")
    ask("POST", "/echo/", '{"a": 1}', kind="application/json; charset=utf-16")
    file = SimpleUploadedFile("a.txt", b"text", "text/plain")
    for change in (
        {},
        {"file": file},
        {"number": "100", "tags[0]": "long"},
        {"kinds": "c", "day": "01.02.2024", "span": "1 02:03:04"},
        {"day": "2024-02-01", "uuid": "x", "address": "1.2.3", "document": "{"},
        {"shelf.name": "a", "uuid": "0" * 32, "address": "::1", "document": "[1]"},
        {"shelf.name": "long" * 9, "sizes.small": "x"},
    ):
        ask("POST", "/order/", {**FORM, **change}, kind="multipart")
    ask("POST", "/order/", {"number": True, "kinds": "a", "tags": "x", "file": "text"})
    ask("POST", "/order/", [])
    ask("PUT", "/upload/name.txt", b"abc", kind="text/plain")
    ask("PUT", "/upload/", b"abc", kind="text/plain")
    ask("PUT", "/upload/", b"abc", kind="text/plain", Content_Disposition='f; filename="b.txt"')
    ask("POST", "/api/papers/", {"title": "a", "file": file}, kind="multipart")
    ask("GET", "/api/papers/")
    ask("POST", "/api/nested/", {**NEW, "name": "forbidden"})
    ask("POST", "/api/nested/", {**NEW, "name": "n1", "price": "1.00"})
    ask("POST", "/api/nested/", {**NEW, "price": "1e5", "made": "yesterday"})


def pages(admin):
    """The pages of the browsable API."""
    ask("GET", "/api/open/?format=api&size=1")
    for name in ("defaults", "open", "bypage", "search", "ordered", "form", "nested"):
        for user in (None, admin):
            ask("GET", f"/api/{name}/", user=user, **PAGES)
            ask("GET", f"/api/{name}/1/", user=user, **PAGES)
        ask("POST", f"/api/{name}/", {"name": "long" * 9}, admin, kind="multipart", **PAGES)
        ask("GET", f"/api/{name}/999/", **PAGES)
    for name in ("browsable", "adminpages", "raw", "throttled", "admins", "shelf", "papers"):
        ask("GET", f"/api/{name}/", user=admin, **PAGES)
        ask("GET", f"/api/{name}/1/", user=admin, **PAGES)
        ask("GET", f"/api/{name}/", **PAGES)
        ask("POST", f"/api/{name}/", {"name": "long" * 9}, admin, kind="multipart", **PAGES)
    ask("OPTIONS", "/api/open/", user=admin, **PAGES)
    for path in (
        "/echo/",
        "/function/",
        "/strict/",
        "/order/",
        "/raised/parse/",
        "/raised/denied/",
    ):
        ask("GET", path, user=admin, **PAGES)
    for path in ("/templated/", "/templated/?wrong", "/formed/", "/static-page/"):
        ask("GET", path, **PAGES)
    ask("GET", "/templated/", Accept="application/json")
    ask("GET", "/auth/login/?next=/api/")
    ask("POST", "/auth/login/", {"username": "admin", "password": "wrong"}, kind="multipart")
    ask("POST", "/auth/login/", {"username": "admin", "password": "admin"}, kind="multipart")
    ask("POST", "/auth/logout/", {}, user=admin)


def negotiation():
    for number in (1, 2, 9):
        ask("GET", f"/versions/query/?version=v{number}")
        ask("GET", "/versions/accept/", Accept=f"application/json; version=v{number}")
        ask("GET", "/versions/host/", Host=f"v{number}.api.localhost")
        ask("GET", f"/versions/path/v{number}/")
        ask("GET", f"/v{number}/")
    for kind in ("application/json;q=0.5, text/html", "text/html;q=0.1, */*", "image/*", "*"):
        ask("GET", "/api/open/", Accept=kind)
    ask("GET", "/api/open/", Accept_Language="de", Accept_Encoding="gzip")
    ask("GET", "/api/open/", Origin="https://elsewhere.example")
    ask("OPTIONS", "/api/open/", Origin="https://elsewhere.example")
    ask("GET", "/api/open/", Host="foreign.example")
    ask("GET", "/pages/", Host="foreign.example", **PAGES)
    ask("GET", "/schema/?format=openapi-json")
    for path in ("/slashless/items", "/slashless/items/", "/slashless/items/1"):
        ask("GET", path)


def views():
    for view in urls.GENERICS:
        for method, data in (("GET", None), ("POST", NEW), ("PUT", NEW), ("PATCH", NEW)):
            ask(method, f"/generics/{view.__name__}/1/", data)
        ask("DELETE", f"/generics/{view.__name__}/99/")
    for name in urls.RAISED:
        for above in ("", "/plain"):
            ask("GET", f"{above}/raised/{name}/")
            ask("GET", f"{above}/raised/{name}/", **PAGES)
    for method in ("GET", "PUT", "POST"):
        ask(method, "/function/")
    for name in ("text", "json", "stream", "file", "list", "redirect", "slash"):
        ask("GET", f"/plain/{name}/")
    ask("GET", "/plain/slash")
    ask("GET", "/api/plain/")
    ask("GET", "/api/plain/7/")
    for path in ("/kept/", "/kept/", "/nothing/", "/", "/health", "/swagger/", "/redoc/"):
        ask("GET", path)
        ask("GET", path, **PAGES)
    # Until a throttle refuses the request.
    for name in ("twice", "twiceauser", "scoped"):
        for _ in range(3):
            ask("GET", f"/api/{name}/?again")
