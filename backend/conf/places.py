"""The folders of the image's code and of a team's."""

from __future__ import annotations

import os
from pathlib import Path

# Where backend, bin, scaffold, manage.py, and gunicorn_conf.py are. In the image, no COPY or mount
# of a team hides this folder.
CODE = Path(__file__).resolve().parent.parent.parent
# Where a team's local_settings, src_files, and .env are. In the image, a link leads there.
PROJECT = CODE / "project"
ROOT = PROJECT.resolve() if PROJECT.is_symlink() else CODE
# Programs that stand before those of the same name in PATH, and prepare for them.
COMMANDS = CODE / "bin/commands"
# The variable with the folder of the code that PUBLISH_SCHEMAS makes, for processes of a start.
PUBLISHED = "BACKEND_PUBLISHED"


def leave_out_own_commands() -> None:
    """Let PATH find the programs themselves: the boot has prepared for them, or cannot."""
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(each for each in folders if each != str(COMMANDS))
