"""The OpenAPI documents of the API, and the pages that show them."""

from typing import Any

from django.conf import settings
from drf_yasg import openapi
from drf_yasg.renderers import ReDocRenderer, SwaggerUIRenderer
from drf_yasg.views import get_schema_view
from rest_framework import permissions

from backend.openapi.generator import RelativeSchemaGenerator
from backend.pages.policy import policy_with_scripts


class OwnSwaggerRenderer(SwaggerUIRenderer):  # type: ignore[misc]  # drf-yasg has no types
    """Swagger UI. It can reach other hosts only by HTTPS, such as those that an API logs in at."""

    template = "backend/swagger.html"

    def render(
        self, swagger: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> Any:
        policy = policy_with_scripts(connect="'self' https:")
        renderer_context["response"]["Content-Security-Policy"] = policy
        return super().render(swagger, accepted_media_type, renderer_context)


class OwnReDocRenderer(ReDocRenderer):  # type: ignore[misc]  # drf-yasg has no types
    """ReDoc, without what it would load from the internet."""

    template = "backend/redoc.html"

    def render(
        self, swagger: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> Any:
        renderer_context["response"]["Content-Security-Policy"] = policy_with_scripts()
        return super().render(swagger, accepted_media_type, renderer_context)


_view = get_schema_view(
    openapi.Info(title=settings.PROJECT_NAME, default_version=settings.PROJECT_VERSION),
    public=True,
    permission_classes=[permissions.AllowAny],
    generator_class=RelativeSchemaGenerator,
)
swagger = _view.as_cached_view(renderer_classes=(OwnSwaggerRenderer, *_view.renderer_classes))
redoc = _view.as_cached_view(renderer_classes=(OwnReDocRenderer, *_view.renderer_classes))
schema = _view.without_ui(cache_timeout=0)
