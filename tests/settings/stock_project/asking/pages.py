"""Django's own views: pages, forms, logins, and the admin, as a browser requests them."""

from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from asking import masked, note, note_django
from shop import pages

NOW = {"made_0": "2024-02-01", "made_1": "00:00:00"}
ITEM = {"name": "of a form", "price": "2.50", "tags": "[]", "made": "2024-02-01 00:00"}
FORM = {"text": "text", "whole": "1,234", "kind": "a", "day_year": "2024", "day_month": "2"}
FORM |= {"day_day": "3", "moment_0": "2024-01-02", "moment_1": "03:04", "document": '{"a": 1}'}
SETS = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-name": "a", "form-0-price": "1"}
INLINE = {"items-TOTAL_FORMS": "0", "items-INITIAL_FORMS": "0"}
CHANGED = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": "1", "_save": "Save"}


def ask(client, method, path, data=None, visitor="anonymous", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = getattr(client, method.lower())(path, data, headers={"Accept": "text/html", **headers})
    shown = "" if data is None else str(data)[:60]
    note_django(f"page: {method} {path} {shown} {headers or ''} {visitor}", answer)
    return answer


def ask_all(admin):
    anonymous, chief = (Client(raise_request_exception=False) for _ in range(2))
    chief.force_login(admin)
    for visitor, client in (("anonymous", anonymous), ("admin", chief)):
        views(client, visitor)
    errors(anonymous)
    logins(anonymous)
    the_admin(chief)
    note("mails", [masked(str((each.subject, each.body, each.to))) for each in mail.outbox])


def views(client, visitor):
    ordinary = [str(each.pattern) for each in pages.urlpatterns if "<" not in str(each.pattern)]
    for path in ordinary:
        if path != "accounts/":
            ask(client, "GET", f"/pages/{path}", visitor=visitor)
    for path in (
        *("?q=<script>&q=2", "items/?page=2", "items/?page=9", "items/1/", "items/999/"),
        *("items/1/change/", "items/1/delete/", "shelves/1/", "archive/2024/", "archive/2024/01/"),
        *("archive/2024/01/02/", "archive/1999/", "paged/?page=99", "old/2024/", "old/24/"),
        *("no-slash", "visits/", "visits", "catalog/?language=de", "login-required/?next=/x"),
    ):
        ask(client, "GET", f"/pages/{path}", visitor=visitor)
    for header in (
        {"If-None-Match": '"tag"'},
        {"If-Match": '"other"'},
        {"Accept_Encoding": "gzip"},
    ):
        for path in ("condition/", "gzip/", "gzip/json/", "large/"):
            ask(client, "GET", f"/pages/{path}", visitor=visitor, **header)
    for method in ("HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"):
        for path in ("", "items/", "post/", "safe/", "decorated/", "async/class/"):
            ask(client, method, f"/pages/{path}", visitor=visitor)
    for data in (FORM, {}, {**FORM, "text": "wrong"}, {**FORM, "text": "too long", "mail": "x"}):
        ask(client, "POST", "/pages/form/", data, visitor)
    for data in (SETS, {**SETS, "form-0-price": "x"}, {}):
        ask(client, "POST", "/pages/formset/", data, visitor)
    file = SimpleUploadedFile("a.txt", b"text")
    ask(client, "POST", "/pages/echo/", {"a": ["1", "2"], "file": file}, visitor)
    ask(
        client,
        "POST",
        "/pages/papers/",
        {"file": SimpleUploadedFile(f"{visitor}.txt", b"a")},
        visitor,
    )
    ask(client, "POST", "/pages/items/add/", ITEM, visitor)
    ask(client, "POST", "/pages/items/add/", {"name": ""}, visitor)
    ask(client, "POST", "/pages/items/1/change/", {"name": "n0"}, visitor)
    ask(client, "POST", "/pages/language/", {"language": "de", "next": "/pages/"}, visitor)
    for size in (1_000_000, 3_000_000, 11_000_000):
        answer = client.post("/pages/body/", "a" * size, "application/octet-stream")
        note_django(f"page: POST of {size} bytes {visitor}", answer)
    many = {str(number): "" for number in range(1001)}
    note_django(f"page: POST of many values {visitor}", client.post("/pages/body/", many))
    ask(
        client,
        "GET",
        "/pages/where/",
        visitor=visitor,
        X_Forwarded_For="1.2.3.4",
        X_Forwarded_Proto="https",
    )
    ask(client, "GET", "/pages/where/", visitor=visitor, X_Forwarded_Host="other.example")


def errors(client):
    for name in pages.RAISED:
        ask(client, "GET", f"/pages/raised/{name}/")
        ask(client, "GET", f"/pages/raised/{name}/", Accept="*/*")
        ask(client, "GET", f"/pages/raised/{name}/", Accept="application/json")
    ask(client, "GET", "/pages/nothing/")
    careful = Client(enforce_csrf_checks=True)
    ask(careful, "POST", "/pages/form/", {}, visitor="without a token")
    ask(careful, "POST", "/pages/form/", {}, visitor="without a token", Accept="application/json")
    ask(careful, "POST", "/pages/form/", {}, "of elsewhere", Origin="https://elsewhere.example")


def logins(client):
    below = "/pages/accounts"
    for name in ("login", "logout", "password_change", "password_reset", "password_reset/done"):
        ask(client, "GET", f"{below}/{name}/")
    ask(client, "GET", f"{below}/reset/MQ/a-b/")
    ask(client, "POST", f"{below}/password_reset/", {"email": "admin@example.org"})
    for path in ("/admin/login/?next=/admin/", "/auth/login/"):
        for _ in range(12):
            ask(client, "POST", path, {"username": "plain", "password": "wrong"})
    ask(client, "POST", "/admin/login/?next=/admin/", {"username": "plain", "password": "plain"})
    ask(client, "POST", "/admin/login/?next=/admin/", {"username": "admin", "password": "admin"})
    ask(client, "GET", "/pages/login-required/", visitor="admin by a form")
    ask(client, "POST", "/admin/logout/", {}, visitor="admin by a form")


def the_admin(client):
    def get(path):
        ask(client, "GET", f"/admin/{path}", visitor="admin")

    def post(path, data):
        ask(client, "POST", f"/admin/{path}", data, visitor="admin")

    for path in (
        *("", "shop/", "auth/", "nothing/", "password_change/", "jsi18n/", "login/"),
        *("shop/item/", "shop/item/?q=n1", "shop/item/?shelf__id__exact=1", "shop/item/?o=-2"),
        *(
            "shop/item/?made__year=2024",
            "shop/item/?nothing=1",
            "shop/item/?p=9",
            "shop/item/?all=",
        ),
        *("shop/item/add/", "shop/item/add/?name=given", "shop/item/1/change/", "shop/item/1/"),
        *("shop/item/999/change/", "shop/item/1/delete/", "shop/item/1/history/"),
        *("shop/shelf/", "shop/shelf/add/", "shop/shelf/1/change/", "shop/shelf/1/delete/"),
        *("shop/paper/add/", "auth/user/", "auth/user/add/", "auth/user/1/change/", "auth/group/"),
        *("auth/user/1/password/", "authtoken/tokenproxy/", "shop/item/?_popup=1", "shop/item"),
        "autocomplete/?app_label=shop&model_name=item&field_name=shelf&term=o",
    ):
        get(path)
    item = {"name": "new", "price": "1", **NOW, "tags": "[]"}
    post("shop/item/add/", {**item, "_save": "Save"})
    post("shop/item/add/", {**item, "_continue": "", "price": "x", "tags": "{"})
    post("shop/item/1/change/", {**item, "shelf": "1", "_addanother": ""})
    post("shop/item/", {**CHANGED, "form-0-price": "9"})
    post("shop/item/", {"action": "double", "_selected_action": ["1", "2"]})
    post("shop/item/", {"action": "delete_selected", "_selected_action": ["1"]})
    post("shop/shelf/add/", {"name": "In", **INLINE})
    post("shop/shelf/add/", {"name": "In", **INLINE})
    post("shop/shelf/1/delete/", {"post": "yes"})
    paper = {"title": "a", "file": SimpleUploadedFile("of-the-admin.txt", b"a")}
    post("shop/paper/add/", {**paper, "_save": ""})
    get("shop/paper/")
    new = {"username": "new", "password1": "12345", "password2": "12345"}
    post("auth/user/add/", {**new, "usable_password": "true"})
    post("password_change/", {"old_password": "no", "new_password1": "a", "new_password2": "b"})
    get("shop/item/1/history/")
    get("")
