from rest_framework.routers import DefaultRouter

from transit import views

router = DefaultRouter()
router.register("routes", views.RouteViewSet)
router.register("stops", views.StopViewSet)
router.register("districts", views.DistrictViewSet)
router.register("reports", views.ReportViewSet)

urlpatterns = router.urls
