"""Loads the example's data, and checks the account. bin/up runs it in `manage.py shell`."""

import os

from django.contrib.auth import authenticate
from django.core.management import call_command
from transit.models import Route

if not Route.objects.exists():
    # Without geometry, the models do not have those fields.
    call_command("loaddata", "city", ignore=True, verbosity=0)
name, password = (os.environ[f"DJANGO_SUPERUSER_{each}"] for each in ("USERNAME", "PASSWORD"))
print("account as given" if authenticate(username=name, password=password) else "account changed")
