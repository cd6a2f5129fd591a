"""What Django's test cases promise. ``manage.py test`` runs them with and without the image."""

from unittest import skip

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.messages import SUCCESS, WARNING
from django.contrib.messages.storage.base import Message
from django.contrib.messages.test import MessagesTestMixin
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.core import mail
from django.core.management import call_command
from django.db import connection, transaction
from django.test import (
    LiveServerTestCase,
    SimpleTestCase,
    TestCase,
    TransactionTestCase,
    modify_settings,
    override_settings,
    tag,
)
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.urls import reverse
from rest_framework import status
from rest_framework.test import APILiveServerTestCase, APITestCase, URLPatternsTestCase

from shop import urls
from shop.models import Item, Shelf

NEW = {"name": "new", "price": "1.50", "made": "2024-02-01T00:00:00Z"}


class Assertions(MessagesTestMixin, TestCase):
    fixtures = ["goods"]

    @classmethod
    def setUpTestData(cls):
        cls.admin = User.objects.create_superuser("admin", password="admin")

    def test_contains(self):
        answer = self.client.get("/pages/items/")
        self.assertContains(answer, "Pen", count=1)
        self.assertContains(answer, "<li>odd Pen</li>", html=True)
        self.assertNotContains(answer, "Pencil")
        self.assertContains(self.client.get("/pages/items/9/"), "Not Found", status_code=404)

    def test_templates(self):
        answer = self.client.get(reverse("page"))
        self.assertTemplateUsed(answer, "shop/page.html")
        self.assertTemplateUsed(answer, "shop/base.html")
        self.assertTemplateNotUsed(answer, "shop/form.html")
        self.assertEqual(answer.context["number"], 1234567.891)

    def test_templates_of_the_admin(self):
        self.client.force_login(self.admin)
        answer = self.client.get("/admin/shop/item/")
        self.assertTemplateUsed(answer, "admin/change_list.html")
        self.assertEqual(answer.context["cl"].result_count, 1)

    def test_number_of_queries_of_views(self):
        with self.assertNumQueries(2):
            self.client.get("/api/bypage/")
        with self.assertNumQueries(1):
            self.client.get("/api/open/")
        with CaptureQueriesContext(connection) as captured:
            self.client.get("/pages/items/1/")
        self.assertEqual(len(captured), 1)

    def test_redirects(self):
        answer = self.client.get("/pages/login-required/")
        self.assertRedirects(answer, "/accounts/login/?next=/pages/login-required/", 302, 404)
        self.assertRedirects(self.client.get("/pages/visits"), "/pages/visits/", 301)

    def test_forms(self):
        answer = self.client.post("/pages/form/", {"whole": "0"})
        self.assertFormError(answer.context["form"], "text", "This field is required.")
        wrong = {"text": "wrong", "whole": "1", "kind": "a"}
        answer = self.client.post("/pages/form/", wrong)
        self.assertFormError(answer.context["form"], None, "All of it is wrong.")

    def test_messages(self):
        answer = self.client.get("/pages/with-messages/")
        self.assertMessages(answer, [Message(SUCCESS, "Done"), Message(WARNING, "Careful")])
        self.assertRedirects(answer, "/pages/")

    def test_querysets_html_json_and_xml(self):
        self.assertQuerySetEqual(Item.objects.all(), ["Pen"], str)
        self.assertHTMLEqual("<p a='1' b>x</p>", "<p b a='1'>x</p>")
        self.assertInHTML("<b>x</b>", "<p><b>x</b></p>")
        self.assertJSONEqual(self.client.get("/plain/json/").content, {"a": 1})
        self.assertXMLEqual("<a b='1' c='2'/>", "<a c='2' b='1'/>")

    def test_mails(self):
        self.client.get("/pages/mails/")
        self.assertEqual([each.subject for each in mail.outbox], ["Subject"])

    def test_commands(self):
        call_command("sums", most=99)

    def test_on_commit(self):
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            transaction.on_commit(lambda: None)
        self.assertEqual(len(callbacks), 1)

    def test_session(self):
        self.client.get("/pages/visits/")
        self.client.get("/pages/visits/")
        self.assertEqual(self.client.session["visits"], 2)
        self.client.logout()
        self.assertNotIn("visits", self.client.session)

    def test_login(self):
        self.assertTrue(self.client.login(username="admin", password="admin"))
        self.assertFalse(self.client.login(username="admin", password="wrong"))

    def test_an_exception_is_raised(self):
        with self.assertRaisesMessage(ValueError, "bug"):
            self.client.get("/pages/raised/bug/")

    def test_another_host(self):
        answer = self.client.get("/pages/", headers={"host": "foreign.example"})
        self.assertEqual(answer.status_code, 400)

    @override_settings(LANGUAGE_CODE="de", APPEND_SLASH=False)
    def test_overridden_settings(self):
        self.assertEqual(settings.LANGUAGE_CODE, "de")
        self.assertEqual(self.client.get("/pages/visits").status_code, 404)

    @modify_settings(MIDDLEWARE={"remove": "django.middleware.csrf.CsrfViewMiddleware"})
    def test_modified_settings(self):
        self.assertEqual(self.client.get("/pages/").status_code, 200)

    @override_settings(ROOT_URLCONF="shop.pages")
    def test_overridden_urls(self):
        self.assertEqual(self.client.get("/signed/").status_code, 200)

    @isolate_apps("shop")
    def test_isolated_apps(self):
        self.assertEqual(Item._meta.app_label, "shop")

    async def test_async_client(self):
        answer = await self.async_client.get("/pages/async/")
        self.assertEqual(answer.json(), {"items": ["Pen"]})

    @skip("on purpose")
    def test_skipped(self):
        raise AssertionError

    @tag("slow")
    def test_tagged(self):
        self.assertEqual(Shelf.objects.count(), 1)


class Transactions(TransactionTestCase):
    reset_sequences = True

    def test_atomic(self):
        with self.assertRaises(transaction.TransactionManagementError), transaction.atomic():
            transaction.set_rollback(True)
            Item.objects.count()

    def test_a_row_that_is_there_twice(self):
        self.client.raise_request_exception = False
        self.assertEqual(self.client.get("/pages/atomic/").status_code, 500)
        self.assertEqual(Shelf.objects.count(), 0)


class WithoutDatabase(SimpleTestCase):
    def test_no_database(self):
        with self.assertRaisesMessage(AssertionError, "Database queries to 'default'"):
            Item.objects.count()

    def test_a_page(self):
        self.assertEqual(self.client.get("/pages/signed/").status_code, 200)


class Live(LiveServerTestCase):
    fixtures = ["goods"]

    def get(self, path):
        return requests.get(self.live_server_url + path, timeout=10)

    def test_pages(self):
        self.assertEqual(self.get("/plain/json/").json(), {"a": 1})
        self.assertEqual(self.get("/pages/async/").json(), {"items": ["Pen"]})
        self.assertIn("Pen", self.get("/pages/items/").text)

    def test_errors(self):
        self.assertEqual(self.get("/nothing/").status_code, 404)


class LiveFiles(StaticLiveServerTestCase):
    def test_files_that_were_not_collected(self):
        answer = requests.get(self.live_server_url + "/static/shop/style.css", timeout=10)
        self.assertIn("darkgreen", answer.text)


class LiveApi(APILiveServerTestCase):
    def test_list(self):
        answer = requests.get(self.live_server_url + "/api/open/", timeout=10)
        self.assertEqual(answer.json(), [])


class Api(APITestCase):
    fixtures = ["goods"]

    def test_list(self):
        answer = self.client.get("/api/open/")
        self.assertEqual(answer.status_code, status.HTTP_200_OK)
        self.assertEqual([item["name"] for item in answer.data], ["Pen"])

    def test_written(self):
        self.assertEqual(self.client.post("/api/open/", NEW, format="json").status_code, 201)
        self.assertEqual(Item.objects.get(name="new").price, 1.5)

    def test_forced(self):
        self.client.force_authenticate(User(username="anybody"))
        self.assertEqual(self.client.get("/api/users/").status_code, 200)


class OwnUrls(APITestCase, URLPatternsTestCase):
    urlpatterns = urls.urlpatterns[:3]

    def test_other_urls_are_not_there(self):
        self.assertEqual(self.client.get("/strict/").status_code, 404)


class Broken(TestCase):
    @tag("broken")
    def test_fails(self):
        self.assertContains(self.client.get("/pages/signed/"), "nothing like it")
