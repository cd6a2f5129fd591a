"""This API's URLs. The image's own (landing page, admin, documentation) come after them."""

from django.urls import include, path

urlpatterns = [path("api/", include("transit.urls"))]
