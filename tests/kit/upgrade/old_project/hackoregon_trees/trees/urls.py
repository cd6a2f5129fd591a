from django.conf.urls import include, url
from rest_framework.routers import DefaultRouter

from trees import views

router = DefaultRouter()
router.register(r'trees', views.TreeViewSet, base_name='tree')
router.register(r'neighborhoods', views.NeighborhoodViewSet)

# The names that the map of 2018 asks for
old_router = DefaultRouter()
old_router.register(r'oaks', views.TreeViewSet)

urlpatterns = [
    url(r'^2018/', include(old_router.urls)),
    url(r'^', include(router.urls)),
]
