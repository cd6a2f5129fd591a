from backend.hacko_settings import *

INSTALLED_APPS += ["django.contrib.postgres", "everything"]
REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = []
