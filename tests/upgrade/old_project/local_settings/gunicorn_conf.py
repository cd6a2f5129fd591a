import os

bind = '0.0.0.0:8000'
worker_class = 'gevent'
accesslog = '-'
debug = bool(os.environ.get('DEBUG'))
