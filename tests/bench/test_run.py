"""bench/run, as a user starts it, in its shortest form."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.alone]
ROOT = Path(__file__).resolve().parents[2]


def test_bench_measures_a_case_and_leaves_nothing_running():
    labelled = ["docker", "ps", "--all", "--quiet", "--filter", "label=backend-docker-django.bench"]
    before = subprocess.check_output(labelled)
    done = subprocess.run(
        ["bench/run", "--only", "hello", "--rounds", "1", "--quick"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| Hello, against 2019 | **" in done.stdout
    written = (ROOT / ".local/bench/results.md").read_text()
    assert "| Hello, against 2019 | **" in written
    assert (ROOT / ".local/bench/results.svg").read_text().startswith("<svg")
    assert subprocess.check_output(labelled) == before
    images = subprocess.check_output(["docker", "image", "ls", "bdd-bench"], text=True)
    assert "bdd-bench" in images
