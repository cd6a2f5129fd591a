from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path, re_path
from passenger_census.views import PassengerCensusViewSet
from rest_framework.routers import DefaultRouter

router = DefaultRouter()
router.register("census", PassengerCensusViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("admin/", admin.site.urls),
    path("health/", include("health_check.urls")),
    re_path(r"^.*$", lambda request: HttpResponse("The team's page for every other URL.")),
]
