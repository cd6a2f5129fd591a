from django.urls import include, path

urlpatterns = [
    path("values/", include("values.views")),
    path("limits/", include("values.limits")),
]
