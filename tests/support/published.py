"""Sends requests that a published schema allows and forbids to an API, with schemathesis."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import requests

# schemathesis.toml and hooks.py, with every check for every operation.
CONFIGURATION = Path(__file__).parent / "schema"
# Leaves out the many values at each limit.
FEWER = ("--phases", "examples,fuzzing")


def of_session(session: requests.Session) -> list[str]:
    """Arguments for schemathesis to send requests like a browser that has logged in."""
    cookies = {name: session.cookies[name] for name in ("sessionid", "csrftoken")}
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return [
        *("--header", f"Cookie: {sent}"),
        *("--header", f"X-CSRFToken: {cookies['csrftoken']}"),
    ]


def assert_schema_is_true(base: str, *arguments: str) -> str:
    """Test all operations of the API at ``base`` with every check, and return the counts in words.

    With another SCHEMATHESIS_SEED, it sends other requests.
    """
    published = requests.get(f"{base}/swagger.json", timeout=60).json()
    operations = sum(len(path.keys() - {"parameters"}) for path in published["paths"].values())
    seed = ("--seed", os.environ["SCHEMATHESIS_SEED"]) if "SCHEMATHESIS_SEED" in os.environ else ()
    program = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder, "swagger.json")
        document.write_text(json.dumps(published))
        done = subprocess.run(
            [
                *(program, "run", document, "--url", base + published["basePath"]),
                *("--checks", "all", "--no-color", *seed, *arguments),
            ],
            cwd=CONFIGURATION,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    output = done.stdout[-20_000:] + done.stderr
    assert done.returncode == 0, output
    selected = re.search(rf"Selected: (\d+)/{operations}\n\s+Tested: (\d+)\n", output)
    assert selected, output
    assert selected[1] == selected[2], output
    sent = re.search(r"(\d+) generated", done.stdout)
    assert sent, output
    return f"{selected[1]} operations, {sent[1]} requests, every check"
