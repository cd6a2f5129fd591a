from asked.models import Stop
from asked.views import Stops
from rest_framework.routers import DefaultRouter


class Named(Stops):
    conditional_databases = ["default", "replica"]


class OfDefault(Named):
    queryset = Stop.objects.using("default")


class OfReplica(Named):
    queryset = Stop.objects.using("replica")


router = DefaultRouter()
for viewset in (Stops, Named, OfDefault, OfReplica):
    router.register(viewset.__name__.lower(), viewset, viewset.__name__.lower())
urlpatterns = router.urls
