from asked.views import Stops
from rest_framework.routers import DefaultRouter

router = DefaultRouter()
router.register("stops", Stops, "stops")
urlpatterns = router.urls
