"""Follows the documentation literally: writes every file and runs every command, in order."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import snippets
from tests.docs.reader import ROOT, Reader
from tests.publish.test_publishing import (  # noqa: F401  fixtures: a registry on loopback
    PASSWORD,
    USER,
    Registry,
    registry,
    registry_image,
)
from tests.support.containers import LABEL, PUBLISHED, docker

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def my_api(new_reader: Callable[[], Reader], published_names: None) -> Reader:
    """A reader who followed the README, in the folder `my-api`, with the API running."""
    reader = new_reader()
    reader.follow("README.md")
    return reader


@pytest.fixture(scope="module")
def evening(my_api: Reader) -> Reader:
    """A reader who also followed docs/first-evening.md, where the other pages continue."""
    my_api.follow("docs/first-evening.md")
    return my_api


def test_readme_works_as_it_says(my_api: Reader) -> None:
    assert my_api.folder.name == "my-api"


def test_first_evening_works_as_it_says(evening: Reader) -> None:
    assert evening.folder.name == "my-api"


# Commands of tables and of the text. Those that would not end get input or a signal.
EVERY_DAY = {
    """docker compose logs --follow api >"$NOTES/log" & following=$!
    until grep --max-count 1 boot: "$NOTES/log"; do sleep 0.2; done
    kill $following""": "boot:",
    "docker compose logs api": "boot:",
    "docker compose ps --all": "api",
    "docker compose run --rm api python manage.py shell <<< 'print(6 * 7)'": "42",
    "docker compose run --rm api bash <<< 'echo $PWD'": "/code/src_files",
    "docker compose run --rm api python manage.py startapp NAME && ls NAME": "models.py",
    "docker compose exec api python manage.py dbshell <<< 'SELECT 6 * 7'": "42",
    "docker compose exec db psql --username my_api my_api <<< 'SELECT 6 * 7'": "42",
}


def test_everyday_commands_work_as_the_pages_show_them(evening: Reader) -> None:
    for command, answer in EVERY_DAY.items():
        evening.run(snippets.Snippet("every day", 1, "sh", "", "run"), command)
        assert answer in evening.printed, command
    shutil.rmtree(evening.folder / "NAME")


def test_spatial_works_as_it_says(evening: Reader) -> None:
    evening.follow("docs/spatial.md")


def test_static_and_media_work_as_they_say(evening: Reader) -> None:
    evening.follow("docs/static-and-media.md")


def test_testing_works_as_it_says(evening: Reader) -> None:
    evening.follow("docs/testing.md")
    given = "docker run --rm --env SURVEY_DATABASE_URL=postgis://any:any@any/any my-api:v1 check"
    here = given.replace("my-api:v1", evening.instead["my-api:v1"])
    evening.run(snippets.Snippet("docs/testing.md", 1, "sh", "", "run"), here)
    assert "in_db: " in evening.printed
    assert "survey" in evening.printed


def test_settings_work_as_they_say(evening: Reader) -> None:
    evening.follow("docs/settings.md")


def test_databases_work_as_they_say(evening: Reader) -> None:
    evening.follow("docs/databases.md")


def test_tables_works_as_it_says(reader: Reader, clone: Path, published_names: None) -> None:
    shutil.copytree(clone / "docs", reader.folder / "docs")
    reader.follow("docs/tables.md")


def test_your_project_works_as_it_says(reader: Reader, published_names: None) -> None:
    reader.follow("docs/your-project.md")


def test_roles_work_as_they_say(reader: Reader, published_names: None, redis_image: str) -> None:
    reader.instead = {**reader.instead, "redis:8": redis_image}
    reader.follow("docs/roles.md")


def test_by_hand_works_as_it_says(reader: Reader, published_names: None) -> None:
    reader.follow("docs/by-hand.md")


def test_publishing_works_as_it_says(
    reader: Reader,
    registry: Registry,  # noqa: F811
    clone: Path,
    tmp_path: Path,
) -> None:
    """With a registry on loopback, and a small image in place of the real one."""
    small, tag = f"test-{uuid.uuid4().hex[:12]}:local", "20260131-102030-0a1b2c3"
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nLABEL name={small}\nCOPY Dockerfile /\n")
    docker("build", "--quiet", "--label", LABEL, "--tag", small, tmp_path)
    docker("login", "--username", USER, "--password-stdin", registry.address, input=PASSWORD)
    try:
        docker("tag", small, f"{registry.address}/{PUBLISHED}:{tag}")
        docker("push", "--quiet", f"{registry.address}/{PUBLISHED}:{tag}")
        reader.folder = clone
        reader.env = {
            **reader.env,
            "IMAGE": small,
            "DOCKER_USERNAME": USER,
            "DOCKER_PASSWORD": PASSWORD,
        }
        reader.instead = {
            PUBLISHED: f"{registry.address}/{PUBLISHED}",
            "DOCKER_REGISTRY=127.0.0.1:5000 ": f"DOCKER_REGISTRY={registry.address} ",
            "DOCKER_USERNAME=me DOCKER_PASSWORD=mine ": "",
        }
        reader.follow("docs/publishing.md")
        docker("build", "--quiet", "--file", clone / "pinned.Dockerfile", clone)
        assert registry.tags(PUBLISHED) == [tag, "latest"]
        assert "latest" in registry.tags(f"{PUBLISHED}-dev")
    finally:
        docker("logout", registry.address)
        docker("image", "rm", "--force", small, check=False)


def test_contributing_works_as_it_says(reader: Reader, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "backend", tmp_path / "code" / "backend")
    (tmp_path / "code" / "docs").mkdir()
    reader.folder = tmp_path / "code"
    reader.instead = {".venv-test/bin/python": sys.executable}
    reader.follow("CONTRIBUTING.md")
    for made in ("docs/environment.md", ".env.example"):
        assert (reader.folder / made).read_text() == (ROOT / made).read_text()


def test_an_exit_code_is_noticed_and_the_folder_kept(reader: Reader) -> None:
    snippet = snippets.Snippet("a page", 1, "sh", "", "run")
    with pytest.raises(AssertionError, match="a page, line 1, exit code 3"):
        reader.run(snippet, "exit 3\n")
    reader.run(snippet, "mkdir inside\ncd inside\n")
    reader.run(snippet, "echo here\n")
    assert reader.printed == "here\n"
    assert reader.folder.name == "inside"
