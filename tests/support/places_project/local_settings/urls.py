from django.urls import include, path

urlpatterns = [
    path("streams/", include("places.streams")),
    path("tiles/", include("places.tiles")),
    path("pages/", include("places.pages")),
    path("http/", include("places.http")),
]
