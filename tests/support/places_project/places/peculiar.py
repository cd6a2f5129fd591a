"""Views whose code needs a client's request. They are documented, but get no requests."""

from django_filters.rest_framework import AllValuesFilter, DjangoFilterBackend, FilterSet
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.routers import SimpleRouter

from places.models import Stop
from places.pages import StopSerializer


class StopFilter(FilterSet):
    name = AllValuesFilter()

    class Meta:
        model = Stop
        fields = ["lines"]


class FromHere(BasePermission):
    def has_permission(self, request, view):
        return request.META["REMOTE_ADDR"].startswith("127.")


class OverTLS(BasePermission):
    def has_permission(self, request, view):
        return request.META["wsgi.url_scheme"] == "https"


class AllValues(viewsets.ReadOnlyModelViewSet):
    queryset = Stop.objects.all()
    serializer_class = StopSerializer
    filterset_class = StopFilter
    permission_classes = [FromHere]


class ByMethod(viewsets.ReadOnlyModelViewSet):
    serializer_class = StopSerializer
    filterset_fields = ["lines"]
    permission_classes = [OverTLS]

    def get_queryset(self):
        return Stop.objects.all()


class OwnWords(DjangoFilterBackend):
    def get_schema_operation_parameters(self, view):
        near = {"name": "near", "in": "query", "required": False, "description": ""}
        return [{**near, "schema": {"type": "string"}}]


class InOwnWords(AllValues):
    filter_backends = [OwnWords]


router = SimpleRouter()
router.register("all-values", AllValues, basename="all-values")
router.register("by-method", ByMethod, basename="by-method")
router.register("own-words", InOwnWords, basename="own-words")
urlpatterns = router.urls
