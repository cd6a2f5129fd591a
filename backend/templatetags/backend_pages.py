"""Template tags for the parts that the image's pages share."""

from pathlib import Path
from typing import Any

import rest_framework
from django import template
from django.conf import settings
from django.template import loader
from django.template.context import RequestContext
from django.urls import get_script_prefix

from backend.pages.bar import bar

register = template.Library()


register.simple_tag(get_script_prefix, name="site_home")


@register.inclusion_tag("backend/bar.html", takes_context=True)
def site_bar(context: RequestContext) -> dict[str, Any]:
    """The bar above every page, with the authenticated user."""
    return {"bar": bar(get_script_prefix(), context.request, context.request.user)}


@register.simple_tag
def site_name() -> str:
    return str(settings.PROJECT_NAME)


@register.simple_tag
def api_page_is_stock() -> bool:
    """Whether the browsable API uses REST framework's templates, not a team's with its own bar."""
    package = Path(rest_framework.__file__).parent
    pages: list[Any] = [  # the stubs lack the origin
        loader.get_template(f"rest_framework/{name}.html") for name in ("api", "base")
    ]
    return all(Path(page.origin.name).is_relative_to(package) for page in pages)
