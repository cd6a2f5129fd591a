from gevent import monkey
from psycogreen.gevent import patch_psycopg

bind = "0.0.0.0:8000"
workers = 4
worker_class = "gevent"
accesslog = "-"


def post_fork(server, worker):
    monkey.patch_all()
    patch_psycopg()
