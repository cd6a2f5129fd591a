"""What .travis.yml makes Travis run, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def travis() -> dict:
    # BaseLoader, because YAML 1.1 treats the key `on` as true.
    return yaml.load((ROOT / ".travis.yml").read_text(), Loader=yaml.BaseLoader)  # noqa: S506


def test_every_build_runs_the_checks_unconditionally(travis: dict) -> None:
    assert travis["script"] == "bash .ci/run"
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert not {"branches", "if", "jobs", "matrix"} & travis.keys()


def test_publishing_is_a_deployment_so_that_it_follows_success_and_can_fail_the_build(
    travis: dict,
) -> None:
    # Travis skips a deployment for pull requests and after failures. `after_success` fails nothing.
    assert travis["deploy"]["provider"] == "script"
    assert travis["deploy"]["script"] == "bash bin/docker-deploy.sh"
    assert os.access(ROOT / "bin/docker-deploy.sh", os.X_OK)
    assert travis["deploy"]["on"]["all_branches"] == "true"  # or only the default branch publishes
    assert not {"after_success", "after_script"} & travis.keys()


def test_no_credential_is_in_the_file(travis: dict) -> None:
    assert not {"env", "secure"} & travis.keys()
    assert "DOCKER_" not in (ROOT / ".travis.yml").read_text()
