"""Prints every response of the project with the settings of the environment, as JSON.

The argument is the manage.py with which it runs commands.
"""

import datetime
import json
import logging
import sys

from django.utils import timezone

# Before models are loaded, which keep a reference to timezone.now for their defaults.
NOW = datetime.datetime(2024, 6, 1, 12, tzinfo=datetime.UTC)
timezone.now = lambda: NOW

import django

django.setup()
logging.disable()

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import setup_test_environment

from asking import answers, api, clients, commands, pages
from shop.models import Item, Shelf

commands.ask_all(sys.argv[1])
connection.close()
setup_test_environment(debug=False)
connection.creation.create_test_db(verbosity=0)
admin = User.objects.create_superuser("admin", "admin@example.org", "admin")
shelf = Shelf.objects.create(name="Top")
for number in range(5):
    made = f"2024-01-0{number + 1}T00:00:00Z"
    Item.objects.create(name=f"n{number}", price=number, made=made, shelf=shelf)
api.ask_all(admin)
pages.ask_all(admin)
clients.ask_all(admin)
print("ANSWERS", json.dumps(answers))
