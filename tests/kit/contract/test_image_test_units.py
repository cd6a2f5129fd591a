"""How ``bin/image-test`` shows an image's history, and which engines it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.kit.contract.outside import engine
from backend.kit.contract.outside.command import main
from backend.kit.contract.outside.image import Step


@pytest.mark.parametrize(
    ("instruction", "readable"),
    [
        (
            "RUN /bin/sh -c pip install --index-url https://me:q7Zx@p@pypi.corp/s x # buildkit",
            "RUN pip install --index-url https://***@pypi.corp/s x",
        ),
        (
            "RUN /bin/sh -c pip install git+https://q7Zx@host/a",
            "RUN pip install git+https://***@host/a",
        ),
        ("RUN /bin/sh -c A_TOKEN=q7Zx\\ q7Zx'q 7Zx' make", "RUN A_TOKEN=*** make"),
        ("RUN /bin/sh -c make --api-key=\"q7Zx\" OPTIONS='-v --token=q7Zx' A='B_TOKEN=q7Zx'", None),
        ("RUN /bin/sh -c make --password q7Zx all", "RUN make --password *** all"),
        ("RUN /bin/sh -c curl -H 'Authorization: Bearer q7Zx' x", None),
        ("RUN |1 KEY=q7Zx /bin/bash -o pipefail -ec make a", "RUN make a"),
        ("/bin/sh -c #(nop) COPY dir:1 in /code ", "COPY dir:1 in /code"),
        (
            "RUN /bin/sh -c TOKEN=$(cat /run/t) make --token $TOKEN",
            "RUN TOKEN=$(cat /run/t) make --token $TOKEN",
        ),
        (
            "RUN /bin/sh -c A=1 pip install b==2 c@https://d/e",
            "RUN A=1 pip install b==2 c@https://d/e",
        ),
    ],
)
def test_an_instruction_is_shown_without_its_secrets(instruction: str, readable: str | None):
    shown = Step(instruction, 1).readable
    assert "7Zx" not in shown
    assert readable is None or shown == readable
    assert readable is not None or "***" in shown


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Replaces the docker command with a script."""

    def put(script: str) -> None:
        (tmp_path / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "docker").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    engine.endpoint.cache_clear()
    yield put
    engine.endpoint.cache_clear()


@pytest.mark.parametrize("by", ["DOCKER_HOST", "context"])
def test_an_engine_behind_ssh_is_refused_unless_no_port_is_needed(
    docker, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    endpoint = "ssh://me@far"
    docker(f'[ "$1" = context ] && echo {endpoint if by == "context" else "unix:///x"} || exit 1')
    if by == "DOCKER_HOST":
        monkeypatch.setenv(by, endpoint)
    assert main(["my-api"]) == 2
    assert "another machine, ssh://me@far, whose ports" in capsys.readouterr().err
    assert main(["--no-start", "my-api"]) == 2
    assert "No Docker engine answers" in capsys.readouterr().err


def test_a_context_of_another_machine_is_requested_at_that_machine(docker):
    docker("echo tcp://far.example:2375")
    assert (engine._host(), engine._local()) == ("far.example", "")


def test_a_command_that_does_not_end_is_an_error_of_two_lines(docker):
    docker("exec sleep 60")
    with pytest.raises(engine.TookTooLong) as raised:
        engine.docker("history", "my-api", timeout=0.2)
    assert str(raised.value).startswith(
        "ERROR: docker history my-api did not end within 0.2 s.\nFIX: "
    )
