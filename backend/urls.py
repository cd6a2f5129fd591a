"""The team's URLs first, the image's own after them."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from backend.conf import overrides
from backend.conf.errors import StartupError
from backend.default_urls import urlpatterns as default_urlpatterns
from backend.http import media
from backend.pages.error_pages import handler400, handler403, handler404, handler500  # noqa: F401
from backend.tables import published


def _is_admin(entry: URLPattern | URLResolver) -> bool:
    """Whether it is Django's admin, or has it somewhere below."""
    if isinstance(entry, URLPattern):
        return False
    return entry.namespace == "admin" or any(map(_is_admin, entry.url_patterns))


_team = overrides.load("urls")
_of_image = list(default_urlpatterns)
if apps.is_installed(published.APP):
    _of_image.insert(0, path("api/", include(f"{published.APP}.urls")))

if _team is None:
    urlpatterns = [*_of_image, *media.urlpatterns()]
else:
    if not isinstance(getattr(_team, "urlpatterns", None), (list, tuple)):
        raise StartupError(
            f"{_team.__file__} has no list named urlpatterns.",
            "Define urlpatterns = [...] in it, or delete the file to get the image's own pages.",
        )
    for _index, _entry in enumerate(_team.urlpatterns):
        if not isinstance(_entry, (URLPattern, URLResolver)):
            raise StartupError(
                f"{_team.__file__}: urlpatterns[{_index}] is {_entry!r}, which is not a URL.",
                "Make each entry with path(...) or re_path(...).",
            )
    if any(map(_is_admin, _team.urlpatterns)):
        # Their admin, wherever it is, takes the place of the image's: of two, Django warns.
        _of_image = [entry for entry in _of_image if not _is_admin(entry)]
    urlpatterns = [*_team.urlpatterns, *_of_image, *media.urlpatterns()]
    # Django looks for a team's error pages in this module.
    for _name in ("handler400", "handler403", "handler404", "handler500"):
        if hasattr(_team, _name):
            globals()[_name] = getattr(_team, _name)
