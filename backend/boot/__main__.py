"""Prepare for a server, then become it. Any other command is exec'd immediately."""

from __future__ import annotations

import os
import sys

from backend.boot import commands
from backend.boot.exec_command import become
from backend.health import target

SERVER = ["gunicorn", "backend.wsgi", "-c", commands.CONFIGURATION_FILE]


def main(arguments: list[str]) -> None:
    """Run ``arguments``; none, or only flags, mean gunicorn with them."""
    command = [*SERVER, *arguments] if not arguments or arguments[0].startswith("-") else arguments
    server = commands.server_of(command)
    if server is None:
        if target.UNSEEN not in os.environ:
            os.environ[target.UNSEEN] = command[0]
            target.write(target.RUNNING)
        become(command)
        return
    # Only now: it loads Django, for which a shell need not wait.
    from backend.boot import serving

    serving.serve(command, server)


if __name__ == "__main__":
    main(sys.argv[1:])
