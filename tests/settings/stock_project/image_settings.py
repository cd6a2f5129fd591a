from backend.hacko_settings import *
from common_settings import *

INSTALLED_APPS += APPS
