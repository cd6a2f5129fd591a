"""Any mix of valid, invalid and misspelled variables boots, or stops with the designed message."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.conf.variables import TABLE, Variable
from tests.faults.conftest import HUNG
from tests.support.containers import IMAGE, LABEL, Containers, docker, until

pytestmark = pytest.mark.engine

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
SECRET = "sesame-open-7391"
VALID = {
    "boolean": ["true", "false", "YES", "off", "1", " no "],
    "integer": ["1", "2", "60", "8000"],
    "text": ["name", "ümläut", "with space", "$HOME", "%s {x}", "'\"`;"],
    "name": ["name", "ümläut", " with space ", "$HOME"],
    "port": ["80", "8000", "tcp://10.0.0.1:5432"],
    "server": ["db.invalid", "127.0.0.1", "/nowhere", "::1"],
    "list": ["a.example", "a.example, b.example", "*", ",,"],
    "hosts": ["a.example", "a.example, .b.example", "*", ",,", "[::1]"],
    "origins": ["https://a.example", "http://localhost:3000/, capacitor://localhost", "null"],
    "trusted origins": ["https://a.example", "http://localhost:3000/, https://*.b.example"],
    "database URL": [
        f"postgis://user:{SECRET}@db.invalid:5432/name",
        f"postgres://user:{SECRET}@db.invalid/name?sslmode=require&options=-c%20search_path%3Da",
    ],
    "path": ["/data", "/tmp/new/folder", "/tmp"],
    "size": ["500kB", "10 MB", "64MiB", "1000000"],
    "prefix": ["/api", "/a/b/"],
    "tile URL": ["https://tile.example/{z}/{x}/{y}.png", "http://a.example:81/?t={z}-{y}-{x}"],
    "store": ["/run", "/run/secrets", "ssm:/a/b"],
}
INVALID = [
    *("", " ", "maybe", "-1", "0", "1e3", "\u0661", "99999999999999999999", "1.5", "0x10", "null"),
    *("relative/path", "/dev/null", "/proc/self/environ", "/root/x", "//", "a b", "None"),
    *("http://", "://", "https://a.example/path", "ftp://a.example", "[::1", "postgis://"),
    *("postgis://u:p@h:port/n", "postgis://[::1/n", "mysql://u:p@h/n", "postgis://h/n?%zz", "%"),
    *("postgis:///n?a=b=c&&", "\n", "a\nb", "\t", "\x1b[31m", "\udcff", "x" * 5000, "{", "%(x)s"),
]
FILES = ["/run/missing", "/etc/hostname", "/", "/dev/null", "/etc/shadow", "/bin/bash", "relative"]


def names_and_values(variable: Variable) -> st.SearchStrategy[tuple[str, str]]:
    """The variable, its NAME_FILE, or a misspelled name, with a value."""
    valid = list(variable.choices) or VALID[variable.kind]
    name = variable.name
    value = st.one_of(st.sampled_from(valid), st.sampled_from(valid), st.sampled_from(INVALID))
    misspelled = st.sampled_from([name[:-1], name + "S", name.replace("_", "", 1), name.lower()])
    return st.one_of(
        st.tuples(st.just(name), value),
        st.tuples(st.just(name), value),
        st.tuples(st.just(name), value),
        st.tuples(st.just(f"{name}_FILE"), st.sampled_from(FILES)),
        st.tuples(misspelled, value),
    )


ALIAS = st.tuples(
    st.sampled_from(
        ["CENSUS_DATABASE_URL", "DEFAULT_DATABASE_URL", "_DATABASE_URL", "A1_DATABASE_URL"]
    ),
    st.sampled_from(VALID["database URL"] + INVALID),
)
ENVIRONMENTS = st.lists(
    st.one_of(*[names_and_values(variable) for variable in TABLE.values()], ALIAS), max_size=4
).map(dict)


def usable(environment: dict[str, str]) -> dict[str, str]:
    """Replace what an environment cannot contain."""
    return {
        name: value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for name, value in environment.items()
    }


@pytest.fixture(scope="module")
def configure() -> Iterator[Callable[[dict[str, str]], tuple[int, str]]]:
    """Returns the exit code and output of the configuration in the image, for an environment."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    script = Path(__file__).with_name("configure.py")
    options = ["--interactive", "--name", name, "--label", LABEL]
    options += ["--user", "1001:0", "--entrypoint", "python"]
    options += ["--volume", f"{script}:/tmp/configure.py:ro"]
    with subprocess.Popen(
        ["docker", "run", *options, IMAGE, "/tmp/configure.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        image = json.loads(docker("image", "inspect", IMAGE).stdout)[0]
        base = dict(entry.split("=", 1) for entry in image["Config"]["Env"])

        def ask(environment: dict[str, str]) -> tuple[int, str]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({**base, "HOME": "/home/app", **environment}) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            return answer["code"], answer["output"]

        yield ask
        process.stdin.close()
    docker("rm", "--force", name, check=False)


def check(code: int, output: str, environment: dict[str, str]) -> None:
    """The boot has no error, or stops with two lines, which are one event in JSON logs."""
    debug = environment.get("DEBUG", "").strip().lower() == "true"  # shows a traceback
    assert debug or "Traceback" not in output, output
    assert SECRET not in output, output
    if code != 0:
        assert code == 1, output
        last = output.splitlines()[-1]
        if last.startswith("{"):
            event = json.loads(last)
            assert event["level"] == "CRITICAL", output
            assert event["message"], output
            assert event["fix"], output
            return
        error, fix = output.splitlines()[-2:]
        assert error.startswith("ERROR: "), output
        assert fix.startswith("FIX:   "), output


tried = {"sent": 0, "stopped": 0}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(environment=ENVIRONMENTS)
def test_any_environment_configures_or_stops_with_two_lines(
    configure: Callable[[dict[str, str]], tuple[int, str]], environment: dict[str, str]
) -> None:
    variables = usable(environment)
    code, output = configure(variables)
    tried["sent"] += 1
    tried["stopped"] += code != 0
    check(code, output, variables)


def test_some_environments_stopped_and_some_did_not(figures: Callable[[str], None]) -> None:
    """Otherwise the test above has tested nothing."""
    assert 0 < tried["stopped"] < tried["sent"]
    figures(f"random environments: {tried['sent']}, of which {tried['stopped']} stop in two lines")


# Containers start with those that the configuration accepts, which goes one step further.
STARTS = [
    {"PORT": "80"},
    {"PORT": "1", "WEB_CONCURRENCY": "3"},
    {"DATA_DIR": "/proc/data"},
    {"DATA_DIR": "/tmp/new/folder"},
    {"DATA_DIR": "/dev/null"},
    {"DEBUG": "maybe"},
    {"DEBUGG": "true", "PORTS": "9"},
    {"PATH_PREFIX": "/api", "ALLOWED_HOSTS": "*"},
    {"WEB_CONCURRENCY": "2", "WEB_THREADS": "1"},
    {"WEB_THREADS": "0"},
    {"DATABASE_URL": "postgis://u:p@db.invalid/n", "DB_WAIT_TIMEOUT": "1"},
    {"DATABASE_URL": "postgis://u:p@127.0.0.1:1/n", "DB_WAIT_TIMEOUT": "1", "CI": "true"},
    {"DATABASE_URL": "postgis://u:p@127.0.0.1:1/n?sslmode=nonsense", "CI": "true"},
    {"DATABASE_URL": "postgis://u:p@127.0.0.1:1/n?nonsense=1", "CI": "true"},
    {"DATABASE_URL": "postgis://u:p@[::1/n", "CI": "true"},
    {"DATABASE_URL": "postgis://u:p@127.0.0.1:99999/n", "CI": "true", "DB_WAIT_TIMEOUT": "1"},
    {"POSTGRES_NAME": "a", "POSTGRES_DB": "b"},
    {"POSTGRES_NAME": "a\tb", "POSTGRES_USER": "'", "POSTGRES_HOST": "/nowhere", "CI": "true",
     "DB_WAIT_TIMEOUT": "1"},
    {"DJANGO_SUPERUSER_USERNAME": "ada"},
    {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": SECRET},
    {"DJANGO_SUPERUSER_USERNAME": "a" * 200, "DJANGO_SUPERUSER_PASSWORD": SECRET},
    {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": SECRET,
     "DJANGO_SUPERUSER_EMAIL": "no address"},
    {"DJANGO_SECRET_KEY": SECRET},
    {"DJANGO_SECRET_KEY_FILE": "/etc/shadow"},
    {"SECRET_STORE": "/nowhere"},
    {"SECRET_STORE": "ssm:/a"},
    {"MIGRATE": "no", "COLLECTSTATIC": "no", "DB_WAIT": "no"},
    {"CSRF_TRUSTED_ORIGINS": "example.org"},
    {"LOG_LEVEL": "loud"},
]  # fmt: skip


def stops(containers: Containers, environment: dict[str, str]) -> bool:
    """Whether a start stops with two lines. Otherwise it serves."""
    containers.may_log("ERROR: ", "WARNING")
    container = containers.start(env={"COLLECTSTATIC": "no", **environment})
    until(
        lambda: not container.running or "Booting worker" in container.logs(),
        str(environment),
        2 * HUNG,
    )
    state = container.inspect()["State"]
    output = docker("logs", container.name).stderr if not state["Running"] else ""
    check(0 if state["Running"] else state["ExitCode"], output, environment)
    assert SECRET not in container.logs()
    container.remove()
    return not state["Running"]


def test_whole_starts_serve_or_stop_with_two_lines(
    configure: Callable[[dict[str, str]], tuple[int, str]],
    containers: Containers,
    figures: Callable[[str], None],
) -> None:
    further = []
    for environment in STARTS:
        code, output = configure(environment)
        check(code, output, environment)
        if code == 0:
            further.append(environment)
    refused = [environment for environment in STARTS if environment not in further]
    started = [refused[0], *further]
    with ThreadPoolExecutor(3) as pool:
        stopped = list(pool.map(lambda environment: stops(containers, environment), started))
    assert stopped[0]
    assert any(stopped[1:])
    assert not all(stopped[1:])
    figures(
        f"odd environments: {len(STARTS)}, {len(refused)} are refused by the configuration; "
        f"of {len(further)} whole starts {sum(stopped[1:])} stop in two lines"
    )
