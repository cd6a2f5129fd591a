from backend.hacko_settings import *

INSTALLED_APPS += ["shop"]
ROOT_URLCONF = "shop.urls"
