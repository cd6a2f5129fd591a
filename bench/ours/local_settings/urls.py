from rest_framework.routers import DefaultRouter

from backend.geo.viewsets import SpatialMixin
from places import urls, views

# The same viewsets again, with the mixin that a team adds for streams and tiles.
router = DefaultRouter()
for name, model in views.FEATURES.items():
    router.register(f"fast/{name}", views.features(model, SpatialMixin), basename=f"fast-{name}")

urlpatterns = [*urls.urlpatterns, *router.urls]
