"""Runs in a container: loads the configuration with many environments, each in a child process.

Each line of the input is a JSON object of variables. For each, it writes a line with a JSON object
of the ``code`` and the ``output``.
"""

import json
import os
import sys

sys.path.insert(0, "/code")

# Modules that do not read settings are loaded only once, before the child processes start.
import django.contrib.auth.hashers
import django.core.management
import django.forms
import django.test  # noqa: F401
import gunicorn.app.wsgiapp  # noqa: F401
from django.conf import settings

from backend.logs.ending import explained


def configure() -> None:
    """The boot up to the first database."""
    from backend.boot import configuration, data
    from backend.conf import kept_key

    with explained():
        kept_key.keep()
        configuration.load_server()
        configuration.load()
        data.make_folder()
        data.check_kept_key()


def child(variables: dict[str, str], output: int) -> None:
    os.environ.clear()
    os.environ.update(variables)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = ["gunicorn"]
    configure()


assert not settings.configured
for line in sys.stdin:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        child(json.loads(line), writing)
        sys.exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as output:
        text = output.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps({"code": code, "output": text}), flush=True)
