"""``manage.py runserver`` of a project with its own settings, with the image's layers.

As a script, it runs the manage.py that MANAGE names. Django's reloader starts it again.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from backend.boot import commands
from backend.logs.boot import say

MANAGE = "BACKEND_MANAGE_PY"
# In the script of a shell.
IN_SCRIPT = re.compile(r"(?<=python )\S*manage\.py(?= runserver)")


def with_layers(command: list[str]) -> list[str]:
    """The command with this script in the place of manage.py, if Python runs that."""
    words = list(command)
    for number in range(1, len(words) - 1):
        if words[number].endswith("manage.py") and words[number + 1] in commands.DJANGOS:
            os.environ[MANAGE], words[number] = words[number], __file__
            return words
    for number, word in enumerate(words):
        if match := IN_SCRIPT.search(word):
            os.environ[MANAGE] = match[0]
            words[number] = IN_SCRIPT.sub(__file__, word)
            return words
    say("runserver has no health pages, because its command is not: python manage.py runserver")
    return words


def main() -> None:
    """Run manage.py as Python does, after changing which application ``runserver`` serves."""
    manage = Path(os.environ[MANAGE]).resolve()
    sys.path[0] = str(manage.parent)
    from django.core.servers import basehttp

    of_the_project = basehttp.get_internal_wsgi_application

    def application() -> Any:
        from backend.boot.application import layered

        return layered(of_the_project())

    basehttp.get_internal_wsgi_application = application
    code = compile(manage.read_bytes(), str(manage), "exec")
    exec(code, {"__name__": "__main__", "__file__": str(manage)})  # noqa: S102  it is the project's


if __name__ == "__main__":
    main()
