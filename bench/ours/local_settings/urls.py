from django_filters.filterset import filterset_factory
from django_filters.rest_framework import FilterSet
from rest_framework.routers import DefaultRouter
from rest_framework.viewsets import ReadOnlyModelViewSet

from backend.geo.viewsets import SpatialMixin
from places import urls, views

TEXT, NUMBER = ["exact", "in", "icontains"], ["exact", "in", "gte", "lte", "gt", "lt"]
FILTERS = {"id": NUMBER, "name": TEXT, "kind": TEXT, "value": NUMBER}


def filtered(view: type[ReadOnlyModelViewSet]) -> type[ReadOnlyModelViewSet]:
    """With filters by every column, and an ordering: what PUBLISH_SCHEMAS gives a table."""

    class ViewSet(view):
        filter_backends = SpatialMixin.filter_backends
        filterset_class = filterset_factory(view.queryset.model, FilterSet, FILTERS)

    return ViewSet


# The same viewsets again, with the mixin that a team adds for streams and tiles.
router = DefaultRouter()
for name, model in views.FEATURES.items():
    fast = views.features(model, SpatialMixin)
    router.register(f"fast/{name}", fast, basename=f"fast-{name}")
    router.register(f"full/{name}", filtered(fast), basename=f"full-{name}")
for name, model in views.ROWS.items():
    full = filtered(views.rows(model, SpatialMixin))
    router.register(f"full/{name}", full, basename=f"full-{name}")

urlpatterns = [*urls.urlpatterns, *router.urls]
