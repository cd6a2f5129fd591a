"""The image reads `.env` files as Docker Compose does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.containers import Containers
from tests.support.dotenv import FILES, SHELL, read_by_compose

pytestmark = pytest.mark.engine

# Reads the first file as a start does, and then every file with the parser.
READ = """
import json, os
from pathlib import Path
from backend.conf import dotenv, value_files
from backend.conf.environment import current

current()
given = {name: value for name, value in os.environ.items() if name == "V" or name[:2] == "V_"}
files = sorted(Path("/env").glob("[0-9]*.env"), key=lambda file: int(file.stem))
shell = {"GIVEN": os.environ["GIVEN"]}
read = [dotenv.parse(value_files.text(file), shell).values for file in files]
print(json.dumps([given, *read]))
"""


def test_dotenv_is_read_as_compose_reads_it(containers: Containers, tmp_path: Path) -> None:
    given = "a password"
    wanted = read_by_compose(tmp_path, {given: FILES[given], **FILES})
    assert wanted[given]["V_B"] == "pa"
    tmp_path.chmod(0o755)
    (tmp_path / ".env").write_text(FILES[given])
    mounts = {tmp_path: "/env", tmp_path / ".env": "/code/.env"}
    done = containers.run("python", "-c", READ, env={"DEBUG": "true", **SHELL}, mounts=mounts)
    assert (done.returncode, done.stderr) == (0, "")
    read = json.loads(done.stdout)
    assert read[0] == wanted[given]
    assert dict(zip(wanted, read[1:], strict=True)) == wanted
