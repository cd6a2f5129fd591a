"""The image's own Django application."""

import os

from django.apps import AppConfig, apps
from django.conf import settings

from backend.conf.required import POSTGRESQL_ENGINES
from backend.conf.variables import setting
from backend.router import register_in_db

# When Django imports this module no model has been loaded yet: application
# configurations come first, in whatever order INSTALLED_APPS lists them.
register_in_db()

if os.environ.get("RUN_MAIN") == "true":
    # runserver's process that looks for saved files, and ends when there is one. Before any
    # application is ready: what is wrong with one is saved, too.
    from backend.server import reloader

    reloader.install()


class BackendConfig(AppConfig):
    name = "backend"
    verbose_name = "Base image"

    def ready(self) -> None:
        from backend.checks import deploy, system  # noqa: F401  registers the system checks
        from backend.http import storage

        storage.install()

        if apps.is_installed("rest_framework"):
            from backend.http import client_values

            client_values.install()

        engines = {database.get("ENGINE") for database in settings.DATABASES.values()}
        if engines & set(POSTGRESQL_ENGINES):
            from backend.databases import identifiers, literals, rotation

            identifiers.install()
            rotation.install()
            literals.install()

        if apps.is_installed("django.contrib.gis"):
            from backend.databases import driver
            from backend.geo import curves, widgets

            driver.install()
            curves.install()
            widgets.install()
        if apps.is_installed("rest_framework"):
            from rest_framework.renderers import BrowsableAPIRenderer

            from backend.databases import decimals

            decimals.install()
            # It extends REST framework's own, or what a team has in its place. A renderer that a
            # team gave a template of its own keeps it.
            if BrowsableAPIRenderer.template == "rest_framework/api.html":
                BrowsableAPIRenderer.template = "backend/api.html"
        if apps.is_installed("django_filters") and apps.is_installed("rest_framework"):
            from backend.openapi import filter_schemas

            filter_schemas.install()
        if apps.is_installed("rest_framework_gis"):
            from backend.geo import features

            features.install()
            if setting("FAST_GEOJSON"):
                from backend.geo import fast_geojson

                fast_geojson.install()
