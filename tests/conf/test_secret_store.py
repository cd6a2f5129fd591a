"""Secret stores: a folder of files, and Parameter Store, which moto's server simulates."""

from ast import literal_eval
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from backend.conf import secret_store
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from tests.support.broken import write
from tests.support.projects import run, shell


def test_folder_gives_a_variable_for_each_file(tmp_path):
    write(tmp_path, {"DJANGO_SECRET_KEY": "k\n", "postgres_password": " p \r\n", "a/b": "no"})
    assert secret_store.read(str(tmp_path)) == {
        "DJANGO_SECRET_KEY": "k",
        "POSTGRES_PASSWORD": " p ",
    }


def test_missing_folder_is_an_error_and_not_an_empty_store(tmp_path):
    with pytest.raises(StartupError) as caught:
        secret_store.read(str(tmp_path / "absent"))
    assert caught.value.problem.startswith(f"The secret store {tmp_path}/absent cannot be read:")
    assert "unset SECRET_STORE" in caught.value.fix


def test_file_that_is_not_text_is_an_error_that_does_not_show_its_content(tmp_path):
    write(tmp_path, {"POSTGRES_PASSWORD": "hush\udcff"})
    with pytest.raises(StartupError) as caught:
        secret_store.read(str(tmp_path))
    assert "hush" not in str(caught.value)


def test_file_of_a_store_that_is_not_a_variable_is_skipped_and_a_binary_one_is_named(tmp_path):
    (tmp_path / "keystore.p12").write_bytes(b"\xff\0")
    write(tmp_path, {"MAP_KEY": "k", "..data/MAP_KEY": "k", "tls.crt": "c"})
    assert secret_store.read(str(tmp_path)) == {"MAP_KEY": "k"}
    for content, reason in ((b"hush\xff", "it is not UTF-8 text"), (b"hush\0", "it is not text")):
        (tmp_path / "KEYSTORE").write_bytes(content)
        with pytest.raises(StartupError) as caught:
            secret_store.read(str(tmp_path))
        place = f"{tmp_path}/KEYSTORE in the secret store cannot be read: {reason}"
        assert caught.value.problem.startswith(place)
        assert "hush" not in str(caught.value)


def test_two_names_of_one_variable_in_a_store_are_refused(tmp_path):
    write(tmp_path, {"map_key": "one", "MAP_KEY": "two"})
    with pytest.raises(StartupError) as caught:
        secret_store.read(str(tmp_path))
    assert caught.value.problem == (
        f"The secret store {tmp_path} has 'MAP_KEY' and 'map_key', which are the same variable."
    )


def test_teams_own_variables_of_a_store_are_in_os_environ_and_the_environment_wins(project):
    names = ("MYTEAM_API_TOKEN", "MYTEAM_HOST", "MYTEAM_NONE", "DJANGO_SECRET_KEY")
    write(project / "secrets", dict.fromkeys(names, "of the store"))
    code = f"import os; print([os.environ.get(name) for name in {names}])"
    given = {"MYTEAM_HOST": "given", "MYTEAM_NONE": ""}
    read = shell(project, code, SECRET_STORE=str(project / "secrets"), **given)
    assert literal_eval(read) == ["of the store", "given", "of the store", None]


def test_environment_wins_over_the_store_and_the_store_over_the_default():
    env = Environment({"PORT": "9000"}, store={"PORT": "9001", "WEB_THREADS": "7"})
    assert (env["PORT"], env["WEB_THREADS"], env["POSTGRES_PORT"]) == (9000, 7, 5432)


def test_store_is_read_if_debug_is_false_and_left_alone_if_it_is_true(project: Path):
    write(project / "secrets", {"PROJECT_NAME": "Out of the store", "PATH_PREFIX": ""})
    code = "from django.conf import settings; print(settings.PROJECT_NAME)"
    store = str(project / "secrets")
    assert shell(project, code, SECRET_STORE=store) == "Out of the store"
    assert shell(project, code, SECRET_STORE=store, DEBUG="true") == "Django REST API"
    assert shell(project, code, SECRET_STORE="/absent", DEBUG="true") == "Django REST API"


def test_secret_key_and_alias_url_of_the_store_configure_the_project(project: Path):
    files = {
        "django_secret_key": "of-the-store\n",
        "CENSUS_DATABASE_URL": "postgis://u:p%40ss@db/census\n",
    }
    write(project / "secrets", files)
    code = (
        "from django.conf import settings as s\n"
        "print(s.SECRET_KEY, sorted(s.DATABASES), s.DATABASES['census']['PASSWORD'])"
    )
    store = str(project / "secrets")
    assert shell(project, code, SECRET_STORE=store) == ("of-the-store ['census', 'default'] p@ss")


# ---------------------------------------------------------------------------
# AWS Systems Manager Parameter Store


@pytest.fixture(scope="module")
def aws():
    """Environment variables that connect boto3 to a server on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": "us-west-2",
        "AWS_DEFAULT_REGION": "us-west-2",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
    }
    server.stop()


@pytest.fixture
def parameters(aws, monkeypatch):
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    return boto3.client("ssm")


def put(parameters, names: dict[str, str]) -> None:
    for name, value in names.items():
        parameters.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def test_parameters_of_more_than_one_page_are_read_decrypted(parameters):
    put(parameters, {f"/api/production/NAME_{n}": f"value {n}" for n in range(12)})
    put(parameters, {"/api/staging/NAME_1": "of another path"})
    store = secret_store.read("ssm:/api/production")
    assert store == {f"NAME_{n}": f"value {n}" for n in range(12)}


def test_path_without_parameters_is_an_error_and_not_an_empty_store(parameters):
    with pytest.raises(StartupError) as caught:
        secret_store.read("ssm:/nobody/here")
    assert caught.value.problem == "The secret store ssm:/nobody/here contains no parameters."


def test_store_that_does_not_answer_is_an_error_that_names_it(parameters, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StartupError) as caught:
        secret_store.read("ssm:/api/production")
    assert "The secret store ssm:/api/production cannot be read: " in caught.value.problem
    assert "Could not connect" in caught.value.problem
    assert "AWS_REGION" in caught.value.fix


def test_missing_boto3_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(StartupError) as caught:
        secret_store.read("ssm:/api/production")
    assert caught.value.fix == "Add 'boto3' to your requirements.txt and build the image again."


def test_project_takes_its_secrets_from_parameter_store(project, parameters, aws):
    put(parameters, {"/my-api/DJANGO_SECRET_KEY": "of-parameter-store\n"})
    put(parameters, {"/my-api/MYTEAM_API_TOKEN": "of-the-team"})
    code = (
        "from django.conf import settings\n"
        "print(settings.SECRET_KEY, os.environ['MYTEAM_API_TOKEN'])"
    )
    read = shell(project, code, SECRET_STORE="ssm:/my-api", **aws)
    assert read == "of-parameter-store of-the-team"


def test_two_parameters_of_one_variable_are_refused(parameters):
    put(parameters, {"/two/map_key": "one", "/two/MAP_KEY": "two"})
    with pytest.raises(StartupError, match="which are the same variable"):
        secret_store.read("ssm:/two")


def test_store_that_cannot_be_read_stops_the_boot(project, aws):
    env = {**aws, "SECRET_STORE": "ssm:/nobody/here"}
    done = run(project, "-m", "backend.boot", "gunicorn", "backend.wsgi", **env)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "ERROR: The secret store ssm:/nobody/here contains no parameters."
    )
    assert len(done.stderr.splitlines()) == 2
