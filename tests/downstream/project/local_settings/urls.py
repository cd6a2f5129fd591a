"""This API's URLs; the image's own (landing page, admin, docs, health) come after them."""

from django.urls import include, path

urlpatterns = [path("api/", include("transit.urls"))]
