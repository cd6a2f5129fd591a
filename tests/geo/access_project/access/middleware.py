"""Resets what a view set for one request, so that the next request does not have it."""

from django.db import connection


class Reset:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        try:
            return self.get_response(request)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET role; RESET app.tenant; RESET search_path")
