"""The image's own pages: landing page, admin, API documentation.

Health is not here: it is answered below Django, see ``backend.health``.
"""

from django.apps import apps
from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from backend.pages.landing import icon, landing_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("", landing_page, name="landing-page"),
    path("favicon.ico", icon),
]

# A team that replaced INSTALLED_APPS whole may have left these out.
if settings.SERVE_ADMIN and apps.is_installed("django.contrib.admin"):
    from django.contrib import admin

    for _name in ("site_header", "site_title"):
        # Not where a team has its own, on the site or on a class of theirs.
        if getattr(admin.site, _name) is getattr(admin.AdminSite, _name):
            setattr(admin.site, _name, settings.PROJECT_NAME)
    urlpatterns.append(path("admin/", admin.site.urls))

if settings.SERVE_DOCS and apps.is_installed("drf_yasg") and apps.is_installed("rest_framework"):
    from backend.docs import redoc, schema, swagger

    urlpatterns += [
        path("swagger/", swagger, name="schema-swagger-ui"),
        path("redoc/", redoc, name="schema-redoc"),
        path("swagger.<str:format>", schema, name="schema"),
    ]
