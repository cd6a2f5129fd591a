from django.contrib.auth.models import Permission
from rest_framework import permissions, serializers, viewsets
from rest_framework.routers import DefaultRouter

from asked.models import Stop
from asked.views import Stops
from backend.geo.viewsets import SpatialMixin


class Named(Stops):
    conditional_databases = ["default", "replica"]


class OfDefault(Named):
    queryset = Stop.objects.using("default")


class OfReplica(Named):
    queryset = Stop.objects.using("replica")


class Related(SpatialMixin, viewsets.ReadOnlyModelViewSet):
    class Row(serializers.ModelSerializer):
        app = serializers.CharField(source="content_type.app_label")

        class Meta:
            model = Permission
            fields = ["id", "app"]

    queryset = Permission.objects.all()
    serializer_class = Row
    permission_classes = [permissions.AllowAny]


router = DefaultRouter()
for viewset in (Stops, Named, OfDefault, OfReplica, Related):
    router.register(viewset.__name__.lower(), viewset, viewset.__name__.lower())
urlpatterns = router.urls
