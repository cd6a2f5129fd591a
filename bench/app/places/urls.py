from django.urls import path
from rest_framework.routers import SimpleRouter

from places import views

router = SimpleRouter()
for name, model in views.ROWS.items():
    router.register(f"rows/{name}", views.rows(model), basename=f"rows-{name}")
for name, model in views.FEATURES.items():
    router.register(f"geo/{name}", views.features(model), basename=f"geo-{name}")

urlpatterns = [path("hello/", views.hello), *router.urls]
