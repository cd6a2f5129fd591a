import os

from local_settings.settings import *

DEBUG = bool(os.environ.get('DEBUG', True))
