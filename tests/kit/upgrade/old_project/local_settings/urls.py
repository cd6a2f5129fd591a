from django.conf.urls import include, url
from django.contrib import admin
from django.views.generic import TemplateView
from rest_framework.documentation import include_docs_urls
from rest_framework_swagger.views import get_swagger_view

schema_view = get_swagger_view(title='Trees API')

urlpatterns = [
    url(r'^trees/schema/', schema_view),
    url(r'^trees/docs/', include_docs_urls(title='Trees API')),
    url(r'^trees/$', TemplateView.as_view(template_name='trees/index.html')),
    url(r'^trees/', include('trees.urls')),
    url(r'^admin/', admin.site.urls),
    url(r'^health/', include('health_check.urls')),
]
