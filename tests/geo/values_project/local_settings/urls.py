from django.urls import include, path

urlpatterns = [
    path("values/", include("values.views")),
    path("values/", include("values.computed")),
    path("limits/", include("values.limits")),
]
