from django.urls import include, path
from django.views.generic import TemplateView

urlpatterns = [
    path("streams/", include("places.streams")),
    path("page/", TemplateView.as_view(template_name="tested/page.html")),
    path("misspelled/", TemplateView.as_view(template_name="tested/misspelled.html")),
]
