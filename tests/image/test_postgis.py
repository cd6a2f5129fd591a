"""The PostGIS image for development: its first start, and the owner of its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.containers import POSTGIS_IMAGE, Containers

pytestmark = pytest.mark.engine

PROGRAMS = "/usr/lib/postgresql/17/bin"
# As if the container were killed while initdb creates the cluster.
KILLED = f"""#!/bin/bash
{PROGRAMS}/initdb "$@" &
until [[ -n $(find "$PGDATA" -name PG_VERSION -size +0) ]]; do :; done
kill -KILL $!
exit 137
"""


def test_error_explains_a_volume_whose_first_start_was_killed(
    containers: Containers, tmp_path: Path
) -> None:
    (tmp_path / "initdb").write_text(KILLED)
    for path in (tmp_path, tmp_path / "initdb"):
        path.chmod(0o755)
    volume = {containers.volume(): "/var/lib/postgresql/data"}
    env = {"POSTGRES_PASSWORD": "of-the-tests"}
    killed = containers.run(
        image=POSTGIS_IMAGE,
        env={**env, "PATH": f"/killed:{PROGRAMS}:/usr/bin:/usr/local/bin"},
        mounts={**volume, tmp_path: "/killed:ro"},
    )
    assert killed.returncode == 137, killed.stderr
    again = containers.run(image=POSTGIS_IMAGE, env=env, mounts=volume)
    assert again.returncode == 1
    problem, fix = again.stderr.splitlines()
    assert "The first start in /var/lib/postgresql/data was interrupted" in problem
    assert "Remove the volume" in fix


def test_root_follows_no_link_when_it_changes_the_owner_of_the_data_folder(
    containers: Containers,
) -> None:
    script = "ln -s /etc/passwd $PGDATA/link; docker-entrypoint.sh postgres --version"
    done = containers.run(
        *("bash", "-c", f"{script}; stat --format %U /etc/passwd"),
        image=POSTGIS_IMAGE,
        options=["--user", "0", "--entrypoint", ""],
    )
    assert done.stdout.splitlines()[-1] == "root", done.stdout + done.stderr
