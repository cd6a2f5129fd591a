from places.urls import urlpatterns  # noqa: F401
