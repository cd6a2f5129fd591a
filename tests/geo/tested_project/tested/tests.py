"""Tests as a team writes them, for streams and for a page with a static file."""

import json
from urllib.request import urlopen

from django.contrib.gis.geos import Point
from django.db import connection
from django.test import Client, LiveServerTestCase, TestCase, TransactionTestCase
from rest_framework.test import APIClient

from places.models import Stop

FORMATS = ("geojson", "geojsonl", "csv", "fgb")


class Streams:
    databases = {"default", "transit"}

    def names(self, query=""):
        answer = self.client.get(f"/streams/stops.geojson{query}")
        self.assertEqual(answer.status_code, 200)
        collection = json.loads(b"".join(answer.streaming_content))
        return [feature["properties"]["name"] for feature in collection["features"]]

    def test_stream_has_what_the_test_wrote(self):
        self.assertEqual(self.names(), [])
        Stop.objects.create(name="written", geom=Point(1, 2))
        self.assertEqual(self.names(), ["written"])
        Stop.objects.update(name="changed")
        self.assertEqual(self.names(), ["changed"])

    def test_every_format_is_answered(self):
        Stop.objects.create(name="written", geom=Point(1, 2))
        for name in FORMATS:
            answer = APIClient().get(f"/streams/stops.{name}")
            self.assertIn(b"written", b"".join(answer.streaming_content))

    def test_unread_stream_leaves_nothing_behind(self):
        Stop.objects.create(name="written", geom=Point(1, 2))
        self.client.get("/streams/stops.geojson")

    def test_error_of_a_stream_does_not_undo_what_the_test_wrote(self):
        stop = Stop.objects.create(name="written", geom=Point(1, 2))
        client = Client(raise_request_exception=False)
        answer = client.get(f"/streams/broken.geojson?row={stop.pk}")
        self.assertGreaterEqual(answer.status_code, 400)
        self.assertEqual(self.names(), ["written"])

    def test_settings_of_the_stream_do_not_change_those_of_the_test(self):
        show = "SELECT current_setting('statement_timeout')"
        with connection.cursor() as cursor:
            cursor.execute(show)
            before = cursor.fetchone()
            self.client.get("/streams/stops.geojson")
            cursor.execute(show)
            self.assertEqual(cursor.fetchone(), before)


class InATransaction(Streams, TestCase):
    pass


class InNone(Streams, TransactionTestCase):
    pass


class Live(LiveServerTestCase):
    databases = {"default", "transit"}

    def test_stream_has_what_the_test_wrote(self):
        Stop.objects.create(name="written", geom=Point(1, 2))
        with urlopen(f"{self.live_server_url}/streams/stops.geojson", timeout=10) as answer:
            self.assertEqual(len(json.load(answer)["features"]), 1)


class Pages(TestCase):
    def test_static_file_that_was_not_collected_has_its_plain_name(self):
        self.assertContains(self.client.get("/page/"), 'href="/static/tested/page.css"')

    def test_misspelled_static_file_is_an_error(self):
        with self.assertRaisesMessage(ValueError, "tested/pgae.css"):
            self.client.get("/misspelled/")
