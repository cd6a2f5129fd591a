from backend.hacko_settings import *  # noqa: F403

INSTALLED_APPS += ["places"]  # noqa: F405
REST_FRAMEWORK["DEFAULT_PAGINATION_CLASS"] = (  # noqa: F405
    "rest_framework.pagination.LimitOffsetPagination"
)
