from django.urls import path
from rest_framework.routers import DefaultRouter

from everything import bugs, chances, views

router = DefaultRouter()
for name, viewset in {
    "things": views.Things,
    "places": views.Places,
    "near": views.Near,
    "tiled": views.Tiled,
    "owners": views.Owners,
    **{f"by-{field}": views.by(field) for field in views.FIELDS},
}.items():
    router.register(name, viewset, basename=name)

urlpatterns = [
    *router.urls,
    path("columns/", views.columns),
    path("named/<field>/<lookup>/", views.named),
    path("named/<field>/<lookup>/<value>/", views.named),
    path("bugs/plain/<name>/", bugs.plain),
    path("bugs/rest/<name>/", bugs.rest),
    path("chances/<name>/", chances.chance),
    path("conflicts/<name>/", bugs.conflict),
]
