"""A text has the same value from every source: Compose, `.env`, NAME_FILE, a secret store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.conf import dotenv, secret_store, value_files
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from tests.support.dotenv import BOM, FILES, SHELL, read_by_compose
from tests.support.projects import assert_two_lines, run, shell


@pytest.mark.engine
def test_every_file_is_read_as_compose_reads_it(tmp_path: Path) -> None:
    ours = {}
    for name, text in FILES.items():
        (tmp_path / "env").write_bytes(text.encode())
        ours[name] = dotenv.parse(value_files.text(tmp_path / "env"), SHELL).values
    assert ours == read_by_compose(tmp_path, FILES)


# Compose refuses these too, except the empty name and NUL.
REFUSED = {
    "A=1\nV='one\nV_B=2\n": (2, "the value of V begins with ' but does not end with it"),
    'V="one\n': (1, 'the value of V begins with " but does not end with it'),
    "V W=one\n": (1, "this is not a line of the form NAME=value"),
    "V!=one\n": (1, "this is not a line of the form NAME=value"),
    "V='a' one two\n\n": (1, "this is not a line of the form NAME=value"),
    "=one\n": (1, "this is not a line of the form NAME=value"),
    "\n\nV=${one\n": (3, "in the value of V, ${ has no } after it"),
    "V=${one two}\n": (1, "in the value of V, ${...} does not contain the name of a variable"),
    "V=${ONE:?two}\n": (1, "in the value of V, ${NAME?...} requires a variable that is not set"),
    'V="one\\0000"\n': (1, "the value of V contains a NUL byte, which a variable cannot contain"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_invalid_statement_is_an_error_with_its_line_but_not_its_value(text: str) -> None:
    with pytest.raises(dotenv.SyntaxProblem) as caught:
        dotenv.parse(text, {})
    assert (caught.value.line, str(caught.value)) == REFUSED[text]
    assert "one" not in str(caught.value)


def test_dotenv_with_an_error_stops_the_start_at_its_line(project: Path) -> None:
    (project / ".env").write_text("A=1\nPOSTGRES_PASSWORD='hush\nPOSTGRES_HOST=db\n")
    done = run(project, "manage.py", "check", DEBUG="true")
    assert_two_lines(done.stderr, f"{project}/.env, line 2", "POSTGRES_PASSWORD", "End it with '")
    assert "hush" not in done.stderr


def test_dollar_without_a_name_causes_a_warning_at_the_start(project: Path) -> None:
    (project / ".env").write_text("MAP_A='pa$word9'\nMAP_B=pa$word9\nDB_WAIT=no\nMIGRATE=no\n")
    arguments = ("-m", "backend.boot", "gunicorn", "--check-config", "backend.wsgi")
    done = run(project, *arguments, DEBUG="true", COLLECTSTATIC="false")
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stdout.splitlines() if "a $ in the value" in line]
    assert warnings == [
        f"boot: WARNING: {project}/.env, line 2: a $ in the value of MAP_B refers to a variable "
        "that is not set, so the image uses an empty text, as Docker Compose does. To keep the $, "
        "put the value in single quotes."
    ]
    assert "word9" not in done.stdout


# The bytes of a file, and the value of the variable.
VALUES = {
    "pa$word9": "pa$word9",
    "'quoted' # $HOME \\n ": "'quoted' # $HOME \\n ",
    f"{BOM}hush\r\n": "hush",
    "hush\n\n": "hush",
    " hush ": " hush ",
    "Fußgänger 🚋": "Fußgänger 🚋",
    "-----BEGIN KEY-----\nMII\n-----END KEY-----\n": "-----BEGIN KEY-----\nMII\n-----END KEY-----",
    "one\r\ntwo\r\n": "one\r\ntwo",
    "": None,
    " \n": None,
    BOM: None,
}


@pytest.mark.parametrize("text", VALUES)
def test_variable_file_and_store_give_one_value(tmp_path: Path, text: str) -> None:
    name, value = "POSTGRES_PASSWORD", VALUES[text]
    (tmp_path / name).write_bytes(text.encode())
    store = secret_store.read(str(tmp_path))
    environments = [
        Environment({f"{name}_FILE": str(tmp_path / name)}),
        Environment({}, store=store),
        Environment({name: value or ""}),
    ]
    # The value in single quotes, in a file such as `.env`.
    quoted = "" if value is None else value.replace("'", "\\'")
    environments.append(Environment(dotenv.parse(f"{name}='{quoted}'\n", {}).values))
    assert [env[name] for env in environments] == [value] * 4


def test_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    env = Environment({"POSTGRES_PASSWORD_FILE": str(tmp_path / "pipe")})
    with pytest.raises(StartupError, match="cannot be read: it is not a regular file"):
        env["POSTGRES_PASSWORD"]
    os.mkfifo(tmp_path / "MAP_KEY")
    assert secret_store.read(str(tmp_path)) == {}


def test_environment_wins_over_dotenv_in_either_form(project: Path) -> None:
    (project / "name").write_text("Of the file\n")
    (project / ".env").write_text(f"PROJECT_NAME=Of .env\nPROJECT_VERSION_FILE={project}/name\n")
    code = "from django.conf import settings as s; print(s.PROJECT_NAME, s.PROJECT_VERSION)"
    env = {"PROJECT_NAME_FILE": str(project / "name"), "PROJECT_VERSION": "v9", "DEBUG": "true"}
    assert shell(project, code, **env) == "Of the file v9"


def test_file_suffix_has_no_meaning_for_variables_of_a_team(project: Path) -> None:
    env = Environment({"TRACE": "on", "TRACE_FILE": "/nowhere"})
    assert (env.text("TRACE"), env.text("TRACE_FILE")) == ("on", "/nowhere")
    (project / ".env").write_text("TRACE_FILE=/nowhere\n")
    code = "import os; print(os.environ['TRACE'], os.environ['TRACE_FILE'])"
    assert shell(project, code, DEBUG="true", TRACE="on") == "on /nowhere"
