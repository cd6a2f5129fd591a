from django.urls import include, path

urlpatterns = [
    path("sound/", include("records.sound")),
    path("hostile/", include("records.hostile")),
]
