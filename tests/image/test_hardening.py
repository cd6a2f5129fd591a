"""What a container has permission to do, and what others can read from it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.broken import write
from tests.support.containers import IMAGE, Container, Containers, docker, until

pytestmark = pytest.mark.engine

# As few rights and resources as a platform can give.
LOCKED = [
    *("--user", "12345:0", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--read-only", "--tmpfs", "/tmp", "--pids-limit", "32"),
    *("--memory", "128m", "--memory-swap", "128m", "--cpus", "2"),
]
NO_CAPABILITY = "0000000000000000"


def status_of(container: Container, pid: int | str = 1) -> dict[str, str]:
    """/proc/PID/status of a process, by its field names."""
    lines = container.exec("cat", f"/proc/{pid}/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


MANAGE = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'backend.settings')"


def test_serves_under_any_uid_read_only_without_capabilities_in_128_mib(containers: Containers):
    container = containers.start(options=LOCKED, mounts={containers.volume(): "/data"})
    container.wait_until_ready()
    for path in ("/", "/admin/login/", "/swagger/?format=openapi", "/health/"):
        assert container.get(path).status_code == 200, path
    assert {process["uid"] for process in container.processes()} == {"12345"}
    state = status_of(container)
    assert (state["CapEff"], state["CapPrm"], state["NoNewPrivs"]) == (NO_CAPABILITY,) * 2 + ("1",)
    assert len(container.processes()) == 2, "gunicorn and one worker"
    message = "boot: 1 worker for 2 cores: the memory limit of 128 MiB does not allow more"
    assert message in container.logs().splitlines()
    assert container.inspect()["State"]["OOMKilled"] is False
    refused = container.exec("touch", "/code/x", "/home/app/x", "/var/tmp/x", check=False)
    assert refused.count("Read-only file system") == 3
    container.exec("touch", "/tmp/x", "/data/x")


def test_more_workers_than_fit_into_the_memory_cause_a_warning(containers: Containers):
    containers.may_log("3 workers can take 208 MiB")
    env = {"WEB_CONCURRENCY": "3"}
    container = containers.start(env=env, options=["--memory", "192m"]).wait_until_ready()
    warning = "3 workers can take 208 MiB, which is above the memory limit of 192 MiB: "
    assert f"boot: WARNING: {warning}" in container.logs()
    assert "or lower WEB_CONCURRENCY" in container.logs()


def test_root_needs_two_capabilities_to_switch_the_user_and_keeps_none(containers: Containers):
    options = ["--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID"]
    options += ["--security-opt", "no-new-privileges"]
    container = containers.start(options=options, mounts={containers.volume(): "/data"})
    container.wait_until_ready()
    assert {process["uid"] for process in container.processes()} == {"1001"}
    state = status_of(container)
    assert (state["CapEff"], state["CapPrm"], state["CapAmb"]) == (NO_CAPABILITY,) * 3


def test_without_debug_nobody_becomes_the_owner_of_a_mounted_project(
    containers: Containers, tmp_path: Path
):
    """Its owner is often root. tests/kit/startproject tests the developer's project with DEBUG."""
    write(tmp_path, {"manage.py": f"raise SystemExit('not this one')\n{MANAGE}\n"})
    tmp_path.chmod(0o755)
    container = containers.start(
        mounts={tmp_path: "/code/src_files"}, options=["--workdir", "/code/src_files"]
    )
    container.wait_until_ready()
    assert {process["uid"] for process in container.processes()} == {"1001"}


@pytest.mark.parametrize("debug", ["true", "On", "OK", "y", "YES", "1"])
def test_with_debug_its_owner_works_in_a_mounted_project(
    containers: Containers, tmp_path: Path, debug: str
):
    write(tmp_path, {"manage.py": ""})
    if os.geteuid() == 0:
        os.chown(tmp_path, 1234, 1234)
    owner = tmp_path.stat()
    code = "import os, backend; print(os.getuid(), os.getgid(), os.getgroups(), os.getcwd())"
    done = containers.run(
        *("python", "-c", code),
        env={"DEBUG": debug},
        # Also if the entry point cannot change the owner of /data.
        mounts={tmp_path: "/code/src_files", containers.volume(): "/data:ro"},
        options=["--workdir", "/code/src_files", "--cap-drop", "CHOWN", "--cap-drop", "FOWNER"],
    )
    assert done.stdout == f"{owner.st_uid} {owner.st_gid} [0] /code/src_files\n", done.stderr


@pytest.mark.parametrize("owner", ["0", "1234"])
def test_mounted_project_of_root_runs_as_root_and_says_so(containers: Containers, owner: str):
    volume = containers.volume()
    command = ["bash", "-c", f'echo "{MANAGE}" > manage.py && chown --recursive {owner} .']
    where = {"mounts": {volume: "/code/src_files"}, "env": {"DEBUG": "true"}}
    in_it = ["--workdir", "/code/src_files"]
    containers.run(*command, options=[*in_it, "--entrypoint", "", "--user", "0"], **where)
    # Neither can write where only the owner can, so root stays root.
    done = containers.run("--check-config", options=in_it, **where)
    assert done.returncode == 0, done.stderr
    warned = (
        "WARNING: the container runs as root, because root owns the mounted project" in done.stdout
    )
    assert warned is (owner == "0"), done.stdout


def test_root_follows_no_link_when_it_changes_the_owner_of_the_data_folder(
    containers: Containers,
) -> None:
    make = "ln -s /etc/passwd /data/link; ln -s /etc /data/media/link; mkdir -p /data/media/a/b"
    files = "/etc/passwd /data/link /etc /data/media/a /data/media/a/b"
    done = containers.run(
        *("bash", "-c", f"{make}; exec /code/bin/docker-entrypoint.sh stat --format %U {files}"),
        options=["--user", "0", "--entrypoint", ""],
    )
    assert done.stdout.split() == ["root", "backend", "root", "backend", "backend"], done.stderr


def test_no_program_raises_the_rights_of_its_caller(containers: Containers):
    find = ("find", "/", "-xdev", "-type", "f", "-perm", "/6000")
    done = containers.run(*find, options=["--entrypoint", ""])
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("user", ["1001:0", "12345:0"])
def test_application_can_write_to_its_data_and_home_but_not_to_its_code(
    containers: Containers, user: str
):
    # Skip links, because their mode means nothing.
    find = "find / -xdev -writable ! -type l 2>/dev/null; true"
    done = containers.run("bash", "-c", find, options=["--user", user])
    places = ("/data", "/home/app", "/tmp", "/var/tmp", "/run/lock")
    writable = done.stdout.splitlines()
    assert "/data/static/staticfiles.json" in writable
    assert [path for path in writable if not path.startswith(places)] == []


def test_image_and_its_history_hold_no_secret():
    config = json.loads(docker("image", "inspect", IMAGE).stdout)[0]["Config"]
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE).stdout
    secret = re.compile(r"\w*(?:SECRET|PASSW|TOKEN|API_?KEY|CREDENTIAL|_KEY)\w*\s*=", re.IGNORECASE)
    assert "docker-entrypoint.sh" in history
    assert secret.findall("\n".join([*config["Env"], history])) == []


# ---------------------------------------------------------------------------
# Secrets of a running container

SECRETS = {
    "DJANGO_SECRET_KEY": "key-Zq8vX2mP7rT4wY9kL3nB6cD1fG5hJ0sA-key-Zq8vX2mP7rT4w",
    "POSTGRES_PASSWORD": "password-Vb7nM3xK9",
    "CENSUS_DATABASE_URL": "postgis://census:census-Hj4kL8pQ@127.0.0.1:1/census",
}
HIDDEN = (SECRETS["DJANGO_SECRET_KEY"], SECRETS["POSTGRES_PASSWORD"], "census-Hj4kL8pQ")
URLS = """
from django.conf import settings
from django.contrib.auth.models import User
from django.http import JsonResponse
from django.urls import path


def broken(request):
    key, databases = settings.SECRET_KEY, settings.DATABASES
    raise RuntimeError("something of the application's own")


def count(request):
    return JsonResponse({"users": User.objects.count()})


urlpatterns = [path("broken/", broken), path("count/", count)]
"""


def test_secrets_are_in_no_log_no_answer_and_no_command_line(
    containers: Containers, tmp_path: Path
):
    """The server's views fail, and its databases do not respond."""
    containers.may_log(*logs.OUTAGE, "Internal Server Error: /broken/")
    write(tmp_path, {"urls.py": URLS})
    tmp_path.chmod(0o755)
    env = {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "1", "POSTGRES_NAME": "api"}
    env |= {"POSTGRES_USER": "api", "DB_WAIT": "false", "MIGRATE": "false", **SECRETS}
    container = containers.start(env=env, mounts={tmp_path: "/code/local_settings:ro"})
    container.wait_until_serving()
    pages = {
        "/broken/": 500,
        "/count/": 503,
        "/absent/": 404,
        "/health/ready": 503,
        "/health/": 503,
        "/": 200,
        "/swagger.json": 200,
    }
    answers = []
    for path, status in pages.items():
        answer = container.get(path, headers={"Accept": "text/html, application/json"})
        assert answer.status_code in (status, 503), (path, answer.status_code)
        answers += [answer.text, str(answer.headers)]
    until(lambda: "something of the application's own" in container.logs(), "the traceback")
    commands = container.exec("bash", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    assert "gunicorn" in commands
    read = "\n".join([*answers, container.logs(), commands])
    assert [secret for secret in HIDDEN if secret in read] == []
    assert "RuntimeError" not in "".join(answers)


def test_secrets_given_as_files_are_not_in_the_environment_of_any_process(
    containers: Containers, postgis: PostGIS, tmp_path: Path
):
    env = postgis.env(postgis.database(), DJANGO_SUPERUSER_USERNAME="ada")
    hidden = {name: env.pop(name) for name in ("DJANGO_SECRET_KEY", "POSTGRES_PASSWORD")}
    hidden["DJANGO_SUPERUSER_PASSWORD"] = "never-in-an-environment-7"
    write(tmp_path, hidden)
    tmp_path.chmod(0o755)
    env |= {f"{name}_FILE": f"/run/secrets/{name}" for name in hidden}
    container = containers.start(
        env=env, mounts={tmp_path: "/run/secrets:ro"}, options=["--network", postgis.network]
    ).wait_until_ready()
    assert "superuser 'ada' created" in container.logs()
    environment = container.exec("bash", "-c", "cat /proc/[0-9]*/environ", user="1001")
    assert "POSTGRES_PASSWORD_FILE=/run/secrets/POSTGRES_PASSWORD" in environment
    assert [name for name, value in hidden.items() if value in environment] == []
