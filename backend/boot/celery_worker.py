"""Celery's worker and beat in a container: the form of their log, and their health.

https://docs.celeryq.dev/en/stable/userguide/signals.html
https://docs.celeryq.dev/en/stable/userguide/extending.html
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from celery import bootsteps, signals
from celery.app.defaults import DEFAULTS
from celery.apps import worker as program

from backend.boot import commands
from backend.conf.environment import current
from backend.health import target
from backend.logs import console, formatters, request_id

WORKER = "celery worker"
INTERVAL = 5  # seconds between heartbeats. bin/healthcheck waits for a minute.
# They keep the context of a task in the `data` of a record, with its arguments.
OF_TASKS = ("celery.app.trace", "celery.worker.request", "celery.worker.strategy")


def prepare(worker: commands.Program) -> None:
    """Connect to Celery's signals, before its program starts. Raises StartupError."""
    console.start()
    if not any(word.startswith(("-f", "--logfile")) for word in worker.words):
        signals.setup_logging.connect(_set_up_logging, weak=False)
    signals.task_prerun.connect(_enter_task, weak=False)
    signals.task_postrun.connect(_leave_task, weak=False)
    if folder := current()["DATA_DIR"]:
        # Beat's file: its working directory can be read-only. A team's own setting or flag wins.
        DEFAULTS["beat_schedule_filename"] = str(folder / "celerybeat-schedule")
    if os.geteuid() != 0:
        # Celery treats a group without a name, such as a developer's on the host, as root.
        program.check_privileges = _allow
    if formatters.is_json():
        signals.celeryd_init.connect(_silence, weak=False)
    if commands.PREPARED not in os.environ:
        pass  # a script starts it beside a server, whose health counts
    elif worker.name == WORKER:
        target.write(target.STARTING)
        signals.celeryd_init.connect(_add_heartbeat, weak=False)
        signals.worker_shutting_down.connect(_end, weak=False)
    else:
        target.write(target.RUNNING)


def _allow(accept_content: object) -> None:
    """In place of Celery's function, for a user who is not root."""


def _set_up_logging(loglevel: int, **_: Any) -> None:
    """Instead of Celery, which would remove the handlers of the project's LOGGING."""
    for name in OF_TASKS:
        logging.getLogger(name).addFilter(_leave_out_arguments)
    root = logging.getLogger()
    if root.handlers:
        logging.getLogger("celery").setLevel(loglevel)
    else:
        root.addHandler(console.handler())
        root.setLevel(loglevel)


def _leave_out_arguments(record: logging.LogRecord) -> bool:
    """The arguments of a task can be secret, and the fields of JSON would show them."""
    data = getattr(record, "data", None)
    if isinstance(data, dict):
        record.data = {name: data[name] for name in data if name not in ("args", "kwargs")}
    return True


def _enter_task(task_id: str, **_: Any) -> None:
    request_id.enter(task_id)


def _leave_task(**_: Any) -> None:
    request_id.leave()


def _silence(instance: Any, **_: Any) -> None:
    """Without the banner, and without lines that are not objects."""
    instance.quiet = True
    program.safe_say = _say


def _add_heartbeat(instance: Any, **_: Any) -> None:
    instance.app.steps["consumer"].add(Heartbeat)


def _say(message: str, file: object = None) -> None:
    """In place of Celery's function for signal handlers, which cannot use the stream."""
    record = logging.LogRecord("celery", logging.INFO, "", 0, message, None, None)
    line = formatters.formatter().format(record)
    os.write(sys.__stdout__.fileno(), f"{line}\n".encode())  # type: ignore[union-attr]


class Heartbeat(bootsteps.StartStopStep):
    """Writes that the worker is alive while its event loop runs and it has its broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)
    is_ending = False
    timer: Any = None

    def start(self, consumer: Any) -> None:
        if type(consumer.pool).__module__ == "celery.concurrency.solo":
            # The event loop itself runs the tasks, however long they take.
            target.write(target.RUNNING)
            return
        self._beat()
        self.timer = consumer.timer.call_repeatedly(INTERVAL, self._beat)

    def stop(self, consumer: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _beat(self) -> None:
        if not Heartbeat.is_ending:
            target.beat()


def _end(**_: Any) -> None:
    """Stay healthy without a heartbeat while running tasks finish."""
    Heartbeat.is_ending = True
    target.write(target.RUNNING)
