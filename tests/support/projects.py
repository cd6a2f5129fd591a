"""The project without a container, with its programs in separate processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

# Variables of this machine. The image does not use them.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def run(
    project: Path, *arguments: str, timeout: float = 60, **env: str
) -> subprocess.CompletedProcess[str]:
    """``python ARGUMENTS`` in a project, with only ``env`` of the image's variables."""
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    # gunicorn is in the same folder as this Python.
    inherited["PATH"] = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def shell(project: Path, code: str, **env: str) -> str:
    """The output of ``code`` in the project's Django."""
    preamble = (
        "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'backend.settings'; "
        "django.setup()\n"
    )
    done = run(project, "-c", preamble + code, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def assert_two_lines(text: str, place: str, problem: str, fix: str) -> None:
    """Assert that ``text`` is exactly a line ERROR with ``place``, and a line FIX."""
    lines = text.splitlines()
    assert len(lines) == 2, text
    assert re.match(rf"ERROR: {re.escape(place)}(?![\w.])", lines[0]) or place.endswith("line "), (
        text
    )
    assert lines[0].startswith(f"ERROR: {place}"), text
    assert problem in lines[0], text
    assert lines[1].startswith("FIX:   "), text
    assert fix in lines[1], text
