"""Views that use features of Django itself. Most of them are HTML pages."""

import asyncio
import datetime
import io

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.contrib.sitemaps import GenericSitemap
from django.contrib.sitemaps.views import sitemap
from django.contrib.syndication.views import Feed
from django.core.cache import cache
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.core.mail import mail_admins, send_mail
from django.core.paginator import Paginator
from django.core.signing import Signer
from django.db import connection, transaction
from django.http import (
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseGone,
    HttpResponseNotAllowed,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.urls import include, path, re_path, reverse, reverse_lazy
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.views import View, generic
from django.views.decorators.cache import cache_page, never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.common import no_append_slash
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import condition, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django.views.i18n import JavaScriptCatalog, set_language

from shop.forms import EveryField, ItemForms
from shop.models import Item, Paper, Shelf

MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
RAISED = {
    "404": Http404("gone"),
    "denied": PermissionDenied("no"),
    "suspicious": SuspiciousOperation("odd"),
    "bad": BadRequest("bad"),
    "bug": ValueError("bug"),
}


def page(request):
    context = {"number": 1234567.891, "moment": MOMENT, "text": "<b>\n\n1", "values": {"a": "</"}}
    return render(request, "shop/page.html", context)


def german(request):
    with translation.override("de"), timezone.override("Europe/Berlin"):
        return TemplateResponse(request, "shop/page.html", {"moment": MOMENT}).render()


def raised(request, name):
    raise RAISED[name]


def echo(request):
    files = {name: file.read().decode() for name, file in request.FILES.items()}
    return JsonResponse({"form": dict(request.POST.lists()), "files": files})


def body(request):
    return HttpResponse(f"{len(request.body)} bytes, {len(request.POST)} values")


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    answer = HttpResponse(str(request.session["visits"]))
    answer.set_signed_cookie("signed", "value", max_age=60, secure=True, samesite="Lax")
    return answer


def add_messages(request):
    messages.success(request, "Done")
    messages.warning(request, "Careful")
    return redirect("page")


def where(request):
    shown = request.META.get("HTTP_X_FORWARDED_FOR"), request.META["REMOTE_ADDR"]
    urls = request.build_absolute_uri("/a"), reverse("item", args=[1])
    return JsonResponse({"urls": urls, "secure": request.is_secure(), "shown": shown})


def cached(request):
    return HttpResponse(str(cache.get_or_set("count", 1)) + str(cache.incr("count")))


def mails(request):
    mail_admins("Subject", "Body")
    return HttpResponse(str(send_mail("Subject", "Body", None, ["a@example.org"])))


def atomic(request):
    with transaction.atomic():
        Shelf.objects.create(name="twice")
        Shelf.objects.create(name="twice")


def sql(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM shop_item WHERE id = %s", [1])
        return JsonResponse({"rows": cursor.fetchall()})


def paged(request):
    part = Paginator(Item.objects.all(), 2).get_page(request.GET.get("page"))
    return JsonResponse({"items": [str(item) for item in part], "next": part.has_next()})


def signed(request):
    return HttpResponse(Signer(key="key").sign("value"))


async def waiting(request):
    await asyncio.sleep(0)
    return JsonResponse({"items": [item.name async for item in Item.objects.all()]})


async def awaited_user(request):
    return HttpResponse((await request.auser()).get_username())


def formset(request):
    forms = ItemForms(request.POST or None, queryset=Item.objects.all()[:1])
    if request.method == "POST" and forms.is_valid():
        return HttpResponse(str(len(forms.save())))
    return render(request, "shop/form.html", {"form": forms})


class Waiting(View):
    async def get(self, request):
        return HttpResponse("waited")


class Everything(generic.FormView):
    form_class, template_name, success_url = EveryField, "shop/form.html", "/pages/"

    def form_valid(self, form):
        return JsonResponse({key: str(value) for key, value in form.cleaned_data.items()})


class Items(generic.ListView):
    model, paginate_by = Item, 2


class OneItem(generic.DetailView):
    model = Item


class NewItem(LoginRequiredMixin, generic.CreateView):
    model, fields, success_url = Item, ["name", "price", "made", "shelf"], reverse_lazy("page")


class ChangedItem(LoginRequiredMixin, generic.UpdateView):
    model, fields, success_url = Item, ["name"], reverse_lazy("page")


class DeletedItem(UserPassesTestMixin, generic.DeleteView):
    model, success_url = Item, reverse_lazy("page")

    def test_func(self):
        return self.request.user.is_superuser


class Dated:
    queryset, date_field, month_format = Item.objects.all(), "made", "%m"


class News(Feed):
    title, link, description, item_pubdate = "News", "/pages/", "Of the shop", MOMENT

    def items(self):
        return Shelf.objects.all()

    def item_description(self, item):
        return f"A shelf called {item}"


@method_decorator([vary_on_headers("X-Kind"), never_cache], name="dispatch")
class Decorated(generic.TemplateView):
    template_name, extra_context = "shop/page.html", {"text": "decorated"}


def of_date(kind):
    view = getattr(generic, f"{kind}View")
    return type(kind, (Dated, view), {"make_object_list": True}).as_view()


def added_paper(request):
    paper = Paper.objects.create(title="a", file=request.FILES["file"])
    return JsonResponse({"name": paper.file.name, "url": paper.file.url})


urlpatterns = [
    path("", page, name="page"),
    path("german/", german),
    path("raised/<name>/", raised),
    path("echo/", csrf_exempt(echo)),
    path("body/", csrf_exempt(body)),
    path("visits/", visits),
    path("with-messages/", add_messages),
    path("where/", where),
    path("cached/", cached),
    path("mails/", mails),
    path("atomic/", atomic),
    path("sql/", sql),
    path("paged/", paged),
    path("signed/", signed),
    path("async/", waiting),
    path("async/user/", awaited_user),
    path("async/class/", Waiting.as_view()),
    path("formset/", formset),
    path("form/", Everything.as_view()),
    path("items/", Items.as_view()),
    path("items/<int:pk>/", OneItem.as_view(), name="item"),
    path("items/add/", NewItem.as_view()),
    path("items/<int:pk>/change/", ChangedItem.as_view()),
    path("items/<int:pk>/delete/", DeletedItem.as_view()),
    path("shelves/<int:pk>/", lambda request, pk: HttpResponse(get_object_or_404(Shelf, pk=pk))),
    path("archive/", of_date("ArchiveIndex")),
    path("archive/<int:year>/", of_date("YearArchive")),
    path("archive/<int:year>/<int:month>/", of_date("MonthArchive")),
    path("archive/<int:year>/<int:month>/<int:day>/", of_date("DayArchive")),
    path("feed/", News()),
    path(
        "sitemap.xml",
        sitemap,
        {"sitemaps": {"shelves": GenericSitemap({"queryset": Shelf.objects.all()})}},
    ),
    path("decorated/", Decorated.as_view()),
    path("login-required/", login_required(page)),
    path("permitted/", permission_required("shop.add_item", raise_exception=True)(page)),
    path("framed/", xframe_options_exempt(page)),
    path("cookie/", ensure_csrf_cookie(page)),
    path("gzip/", gzip_page(lambda request: HttpResponse("a" * 2000))),
    path("gzip/json/", gzip_page(lambda request: JsonResponse({"a": "a" * 2000}))),
    path("large/", lambda request: JsonResponse({"a": "a" * 2000})),
    path("kept/", cache_page(60)(lambda request: HttpResponse("kept"))),
    path(
        "condition/",
        condition(lambda request: '"tag"', lambda request: MOMENT)(
            lambda request: HttpResponse("c")
        ),
    ),
    path("post/", csrf_exempt(require_POST(sensitive_post_parameters()(echo)))),
    path("safe/", require_safe(page)),
    path("no-slash/", no_append_slash(page)),
    path("gone/", lambda request: HttpResponseGone()),
    path("not-allowed/", lambda request: HttpResponseNotAllowed(["PATCH"])),
    path("download/", lambda request: FileResponse(io.BytesIO(b"abc"), True, "a.csv")),
    path("chunks/", lambda request: StreamingHttpResponse(str(n) for n in range(3))),
    path("papers/", csrf_exempt(added_paper)),
    path("language/", csrf_exempt(set_language)),
    path("catalog/", JavaScriptCatalog.as_view()),
    path("accounts/", include("django.contrib.auth.urls")),
    re_path(r"^old/(?P<year>[0-9]{4})/$", lambda request, year: HttpResponse(year)),
]
