"""gunicorn's configuration; a team's own is loaded last.

That is local_settings/gunicorn_conf.py, or the one that gunicorn's command names.
https://docs.gunicorn.org/en/stable/settings.html
"""

import gc
import os
import resource
import sys
from pathlib import Path

# Not before a working directory of the team, whose modules are newer.
if (_root := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, _root)

from backend.boot import scripts
from backend.conf import machine_limits, overrides, places
from backend.conf.environment import current
from backend.health import target
from backend.logs.ending import explained
from backend.server import arbiter, draining, handover, hooks, succession

handover.resume()
with explained():
    _env = current()
    bind = f"0.0.0.0:{_env['PORT']}"
    workers = _env["WEB_CONCURRENCY"] or machine_limits.workers()
    threads = _env["WEB_THREADS"]
    _drain_seconds = _env["DRAIN_SECONDS"]

# gthread, in which incomplete requests do not occupy threads, with an extra thread for probes.
worker_class = "backend.server.worker.Worker"
# Connections per worker, with or without a thread. If the limit of open files is low, a third of
# it, because sending a file needs two more. On some hosts, Docker's default limit is 1024.
_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
worker_connections = 1000 if _files == resource.RLIM_INFINITY else min(1000, _files // 3)
# One copy of the application in memory, shared by the workers until they write to it.
preload_app = True
# gunicorn replaces a worker that does not report for this long. With gthread, a worker reports even
# during a long request.
timeout = 30
# Seconds that running requests get to finish after SIGTERM and DRAIN_SECONDS. Docker kills after
# 10 unless told otherwise: docker stop -t, stop_grace_period.
graceful_timeout = 30
# Longer than the idle time of proxies in front (60 s for nginx and AWS), so that this side never
# closes a connection just as a request arrives.
keepalive = 75
# The size of a request's first line (8 kB suffice for a filter by a polygon of about 200 points),
# the number of its headers, and the size of each in bytes. MAX_UPLOAD_SIZE limits bodies.
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
# The workers' heartbeat files: on a disk they can block a worker.
if os.access("/dev/shm", os.W_OK):  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
# It would be created under HOME, which may not be writable, and nothing uses it.
control_socket_disable = True

# The application, if the command names none.
wsgi_app = "backend.wsgi"
accesslog = "-"
# Text or JSON, with the request ID, without secrets: docs/production.md describes a line.
logger_class = _logger_class = "backend.logs.server.Logger"


def when_ready(server):
    """Before the first worker is forked."""
    if server.cfg.preload_app:
        from django.db import connections

        # A connection that two processes share breaks in both. A closed one would still belong to
        # this thread, so Django would refuse it to gevent's greenlets.
        for connection in connections.all(initialized_only=True):
            connection.close()
            del connections[connection.alias]
    # The garbage collector ignores objects of the preloaded application, because its marks would
    # copy their memory pages into every worker.
    gc.collect()
    gc.freeze()
    draining.take_over(server, _drain_seconds)
    arbiter.forgive_sleep(server)
    arbiter.refuse_a_successor(server)
    arbiter.reload_with_care(server)
    arbiter.stop_new_workers_too()
    target.write_server(server)
    scripts.warn_of_unseen(server)


def post_worker_init(worker):
    """In each worker, when it has the application."""
    from gunicorn.workers.base_async import AsyncWorker
    from gunicorn.workers.gthread import ThreadWorker
    from gunicorn.workers.sync import SyncWorker

    draining.prepare(worker)
    # The workers of WSGI. Others call an ASGI application.
    if isinstance(worker, (SyncWorker, ThreadWorker, AsyncWorker)):
        from backend.boot.application import layered

        worker.wsgi = layered(worker.wsgi)
    if places.PUBLISHED in os.environ:
        from backend.boot import watching

        watching.watch()
    succession.dismiss_predecessors()


on_starting = handover.take
on_reload = target.write_server
pre_request = draining.begin
post_request = draining.end
worker_exit = draining.cut
# A team's hook with one of these names runs in addition, not instead.
_OURS = {
    "on_starting": on_starting,
    "on_reload": on_reload,
    "when_ready": when_ready,
    "post_worker_init": post_worker_init,
    "pre_request": pre_request,
    "post_request": post_request,
    "worker_exit": worker_exit,
}

with explained():
    _team = overrides.load(overrides.GUNICORN)
if _team is not None:
    _team_values = {k: v for k, v in vars(_team).items() if not k.startswith("_")}
    for _name in _OURS.keys() & _team_values.keys():
        _team_values[_name] = hooks.join(_name, _OURS[_name], _team_values[_name])
    globals().update(_team_values)

_flags = [*sys.argv, *os.environ.get("GUNICORN_CMD_ARGS", "").split()]
if globals().get("reload") or "--reload" in _flags:
    # With a preloaded application, each new worker would be forked with the old code.
    preload_app = False

if globals().get("statsd_host") and logger_class == _logger_class:
    # gunicorn has its own logger for statsd, and uses it if no logger is set.
    del logger_class

if isinstance(worker_class, str) and worker_class.startswith(("gevent", "eventlet")):
    # Every greenlet would keep its own connection, until the server has none left.
    os.environ["CONN_MAX_AGE"] = "0"
