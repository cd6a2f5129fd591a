"""Images of a team that uses psycopg 3.

To run any other tests with it, build an image from one of these Dockerfiles, and name it in IMAGE.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import IMAGE, Containers

BESIDE = "FROM {image}\nRUN pip install --no-cache-dir 'psycopg[binary]'\n"
INSTEAD = BESIDE + "RUN pip uninstall --yes psycopg2-binary\n"


@pytest.fixture(scope="session")
def psycopg_3_beside_2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _built(tmp_path_factory.mktemp("beside"), BESIDE)


@pytest.fixture(scope="session")
def psycopg_3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Without psycopg 2."""
    yield from _built(tmp_path_factory.mktemp("instead"), INSTEAD)


@pytest.fixture(scope="session", params=["psycopg 2", "psycopg 3"])
def image(request: pytest.FixtureRequest) -> str:
    """For tests that run with each driver."""
    if request.param == "psycopg 2":
        return IMAGE
    name: str = request.getfixturevalue("psycopg_3_beside_2")
    return name


def _built(folder: Path, dockerfile: str) -> Iterator[str]:
    started = Containers()
    (folder / "Dockerfile").write_text(dockerfile.format(image=IMAGE))
    yield started.build(folder)
    started.clean()
