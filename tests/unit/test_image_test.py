"""What ``bin/image-test`` shows of an image's history."""

from __future__ import annotations

import pytest

from backend.contract.outside.image import Step


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
        ("RUN /bin/sh -c make --api-key=\"q7Zx\" OPTIONS='--token=q7Zx -v'", None),
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
